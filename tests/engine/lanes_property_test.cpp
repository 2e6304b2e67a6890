// Lanes against a model of them. Method: random submits, cancels, pauses, holds, new rules, limits and
// pauses of kinds and queues, retries, deaths, requeues, purges and steps of the clock on one thread
// (sim/stepped_world.hpp), with several drains, from outside and from inside of handlers; breakers of lanes
// that are given, changed and taken away. At every start: the job is the first of what the model has in
// line, its lane is open and has room, its breaker lets it try. After every step: each breaker is in the
// state that the model has it in, also that of a lane that has had no jobs for a while. At the end, with
// everything open: nothing waits, and no lane is left.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::one_in;
using test::random_source;
using test::scaled;

class lanes_property : public ::testing::Test {
 protected:
  static constexpr unsigned key_count = 3;
  static constexpr unsigned drains = 3;

  struct modelled {
    unsigned queue = 0;
    unsigned key = 0;
    std::uint64_t number = 0;  // in line; 0: it has had no place yet
    std::uint64_t due_ns = 0;
    bool in_line = false;
    bool running = false;
    bool dead = false;
    bool watched = false;  // by the breaker, in that epoch
    std::uint16_t epoch = 0;
    breaker_facts facts;  // of the attempt, once its handler has decided
  };
  struct modelled_lane {
    std::map<std::uint64_t, std::uint64_t> line;  // number -> job
    unsigned running = 0;
    std::set<std::uint64_t> starts;  // of its jobs that run
    bool paused = false;
    std::uint64_t held_until_ns = 0;
    unsigned members = 0;
    breaker_word breaker;
    std::uint64_t told_ns = 0;
  };

  void run(on_failure rule, std::uint32_t concurrency, bool changes, std::uint64_t seed) {
    random.seed(seed);
    changes_breakers = changes;
    rules[0] = {.concurrency = concurrency, .on_failure = rule};
    rules[1] = {.concurrency = 1, .on_failure = rule};
    for (lane_options& r : rules) r.breaker = changes ? any_rule() : breaker_rule{};
    w.wanted.drains = drains;
    w.wanted.dead_in_memory = 1000;
    w.check_counts = false;
    kind = w.kind("k", {.max_attempts = 3, .backoff = backoff::fixed(50ms)});
    blocking = w.kind("b", {.blocking = true, .max_attempts = 2, .backoff = backoff::fixed(20ms)});
    w.act = [this](context& job) { return act(job); };
    w.open();
    for (unsigned q = 0; q < 2; ++q) {
      queues[q] = w.queue("q" + std::to_string(q), {.lanes = rules[q]});
    }
    for (int i = 0; i < scaled(1500) && !HasFatalFailure(); ++i) do_something();
    if (HasFatalFailure()) return;
    finish();
  }

  // ---- the model ----

  static constexpr std::uint64_t unit = lane::told_unit_ns;
  breaker_rule any_rule() {
    const auto trials = static_cast<std::uint16_t>(1 + below<unsigned>(random, 3));
    const duration open_for = std::chrono::milliseconds(5 + below<int>(random, 60));
    const breaker_rule all[] = {
        {},
        {.window = 2, .attempts_min = 2, .failed_percent = 100, .open_for = open_for},
        {.window = 6, .attempts_min = 3, .failed_percent = 60, .open_for = open_for},
        {.window = 9, .attempts_min = 4, .failed_percent = 40, .open_for = 10ms},
    };
    breaker_rule r = all[below<std::size_t>(random, 4)];
    r.trials = trials;
    return r;
  }
  void set_rules(unsigned q) {
    ASSERT_TRUE(w.e->set_options(w.context_of_host(), queues[q], {.lanes = rules[q]}));
  }
  void change_breaker(unsigned q) {
    const breaker_rule before = rules[q].breaker;
    rules[q].breaker = any_rule();
    for (unsigned key = 0; key < key_count; ++key) {
      breaker_word& b = lanes[q * key_count + key].breaker;
      b = breaker_adopt(before, rules[q].breaker, b, w.clock.now_ns);
    }
    set_rules(q);
  }
  [[nodiscard]] std::uint64_t kept_until(unsigned i) const {
    return breaker_kept_until(rules[i / key_count].breaker, lanes[i].breaker, lanes[i].told_ns);
  }
  // What is over and has nothing to remember is gone.
  void forget() {
    const std::uint64_t now = w.clock.now_ns;
    for (auto& l : lanes) l.members = 0;
    for (const auto& [id, job] : jobs) ++lane_of(job).members;
    for (unsigned i = 0; i < lanes.size(); ++i) {
      modelled_lane& l = lanes[i];
      if (l.members == 0 && !l.paused && l.held_until_ns <= now && kept_until(i) <= now) {
        l.breaker = {};
      }
    }
  }
  // Time passes, and does not stop where a timer is over and has not fired: the wheel is late by a tick.
  void advance(duration d) {
    const auto is_close = [this](std::uint64_t at) {
      return at <= w.clock.now_ns && w.clock.now_ns - at < 2 * test::stepped_world::tick_ns;
    };
    bool again = true;
    for (w.advance(d); again && !HasFatalFailure();) {
      follow();
      again = false;
      for (unsigned i = 0; i < lanes.size(); ++i) {
        const bool opens = lanes[i].breaker.now() == breaker_word::phase::open &&
                           is_close(lanes[i].breaker.until_ns());
        again = again || opens || is_close(lanes[i].held_until_ns) || is_close(kept_until(i));
      }
      if (again) w.advance(3us);
    }
  }
  void compare_breakers() {
    std::string text;
    for (unsigned i = 0; i < lanes.size(); ++i) {
      const lane_status real = *w.e->find(at(i, text).lane());
      ASSERT_EQ(real.breaker,
                breaker_state_of(rules[i / key_count].breaker, lanes[i].breaker, w.clock.now_ns))
          << "lane " << i;
    }
  }

  modelled_lane& lane_of(const modelled& job) { return lanes[job.queue * key_count + job.key]; }
  void enter(std::uint64_t id, modelled& job) {
    if (job.in_line) return;
    if (job.number == 0) job.number = ++numbers;
    job.in_line = true;
    lane_of(job).line[job.number] = id;
  }
  void take_out(modelled& job) {
    if (job.in_line) lane_of(job).line.erase(job.number);
    if (job.running) --lane_of(job).running;
    job.in_line = job.running = false;
  }
  void started(std::uint64_t id) {
    modelled& job = jobs.at(id);
    modelled_lane& l = lane_of(job);
    enter(id, job);  // one that was skipped
    ASSERT_EQ(l.line.begin()->second, id) << "another one was first";
    ASSERT_FALSE(l.paused);
    ASSERT_GE(w.clock.now_ns, l.held_until_ns);
    ASSERT_LT(l.running, rules[job.queue].concurrency);
    const breaker_rule& rule = rules[job.queue].breaker;
    ASSERT_EQ(breaker_ready(rule, l.breaker, w.clock.now_ns, 1), 1u)
        << "its breaker lets none start";
    take_out(job);
    job.watched = rule.window != 0;
    if (job.watched) l.breaker = breaker_start(l.breaker);
    job.epoch = l.breaker.epoch();
    job.running = true;
    ++l.running;
  }
  // As the handler has decided; what was put off keeps its place or not.
  void returned(std::uint64_t id, job_state state, std::uint64_t at_ns) {
    modelled& job = jobs.at(id);
    const on_failure rule = rules[job.queue].on_failure;
    if (job.running && job.watched) {
      modelled_lane& l = lane_of(job);
      l.breaker = breaker_end(rules[job.queue].breaker, l.breaker, job.epoch, job.facts, at_ns);
      l.told_ns = (at_ns + unit - 1) / unit * unit;
    }
    take_out(job);
    const bool is_again = state == job_state::scheduled || state == job_state::ready;
    job.dead = state == job_state::dead;
    if (state == job_state::ready || (is_again && rule != on_failure::skip) ||
        (job.dead && rule == on_failure::block)) {
      enter(id, job);
    }
    if (!is_again && !job.dead) jobs.erase(id);
  }
  // What the hooks have told since the last look, in its order.
  void follow() {
    std::map<std::uint64_t, std::uint64_t> late;  // due -> job
    for (const auto& [id, job] : jobs) {
      if (job.number == 0) late[job.due_ns] = id;
    }
    for (const auto& [due, id] : late) {
      const job_state state = w.find(job_id{id}).state;
      if (state == job_state::ready || state == job_state::blocked || state == job_state::running) {
        enter(id, jobs.at(id));
      }
    }
    for (; seen < w.changes.size() && !HasFatalFailure(); ++seen) {
      const job_change& c = w.changes[seen].what;
      if (jobs.count(c.id.value) == 0) continue;
      if (c.state != job_state::running) returned(c.id.value, c.state, w.changes[seen].at_ns);
    }
    forget();
  }

  // ---- what happens ----

  outcome act(context& job) {
    follow();
    started(job.id().value);
    if (one_in(random, 4)) submit();
    if (inside < drains - 1 && one_in(random, 2)) {
      ++inside;
      static_cast<void>(w.e->step_drain(inside));
      --inside;
    }
    const breaker_facts failed{.counts = true, .failed = true};
    jobs.at(job.id().value).facts = {};
    switch (below<int>(random, 12)) {
      case 0:
      case 1:
        jobs.at(job.id().value).facts = failed;
        return outcome::fail();
      case 2:
        jobs.at(job.id().value).facts = failed;
        return outcome::dead();
      case 3:
        return outcome::snooze(30ms);
      case 4:
        return outcome::yield();
      case 5:
        jobs.at(job.id().value).facts = failed;  // nobody had asked
        return outcome::cancelled();
      default:
        jobs.at(job.id().value).facts = {.counts = true};
        return outcome::done();
    }
  }

  void submit() {
    const auto q = below<unsigned>(random, 2);
    const auto key = below<unsigned>(random, key_count);
    job_options how;
    const std::string text = "key" + std::to_string(key);
    how.lane = text;
    how.priority = static_cast<priority>(below<int>(random, 8));
    const bool is_late = one_in(random, 6);
    modelled job;
    job.queue = q;
    job.key = key;
    if (is_late) {
      do {
        how.after = std::chrono::microseconds(1 + below<int>(random, 60'000));
        job.due_ns = w.clock.now_ns + static_cast<std::uint64_t>(how.after.count());
        // Of two in one tick of the wheel it is not said which comes first.
      } while (!dues.insert(job.due_ns / 4096).second);
    }
    if (one_in(random, 6)) how.expires = std::chrono::milliseconds(1 + below<int>(random, 100));
    const submit_answer a = w.try_submit(queues[q], one_in(random, 5) ? blocking : kind, how);
    ASSERT_TRUE(a);
    const std::uint64_t id = a.ticket.id.value;
    if (!is_late) enter(id, job);
    jobs[id] = job;
  }
  scope at(unsigned lane_index, std::string& text) {
    text = "key" + std::to_string(lane_index % key_count);
    return lane_ref{queues[lane_index / key_count], text};
  }

  void do_something() {
    thread_context& host = w.context_of_host();
    std::string text;
    const auto lane_index = below<unsigned>(random, 2 * key_count);
    switch (below<int>(random, 16)) {
      case 10:
        if (!changes_breakers) break;
        change_breaker(below<unsigned>(random, 2));
        if (HasFatalFailure()) return;
        advance(5us);
        break;
      case 0: {
        if (jobs.empty()) break;
        auto it = jobs.begin();
        std::advance(it, static_cast<std::ptrdiff_t>(below(random, jobs.size())));
        static_cast<void>(w.e->cancel(host, job_id{it->first}));
        follow();
        break;
      }
      case 1:
        ASSERT_TRUE(w.e->pause(host, at(lane_index, text), {}));
        lanes[lane_index].paused = true;
        break;
      case 2:
        ASSERT_TRUE(w.e->resume(host, at(lane_index, text)));
        lanes[lane_index].paused = false;
        break;
      case 3:
        ASSERT_TRUE(w.e->hold(host, at(lane_index, text), 10ms));
        lanes[lane_index].held_until_ns =
            std::max(lanes[lane_index].held_until_ns, w.clock.now_ns + 10'000'000);
        break;
      case 4: {
        const auto page = w.e->list_dead({}, 0, 100);
        ASSERT_TRUE(page);
        if (page->letters.empty()) break;
        const dead_letter& l = page->letters[below(random, page->letters.size())];
        w.note_requeued(l.status.id);
        ASSERT_TRUE(w.e->requeue(host, l.status.id, l.version));
        modelled& job = jobs.at(l.status.id.value);
        job.dead = false;
        enter(l.status.id.value, job);
        break;
      }
      case 5:
        if (one_in(random, 4)) purge();
        break;
      case 6: {
        const auto q = below<unsigned>(random, 2);
        rules[q].concurrency = 1 + below<std::uint32_t>(random, 3);
        set_rules(q);
        break;
      }
      // Other gates on the same way: they hold jobs back for reasons of their own.
      case 8: {
        const limits wanted{.concurrency = below<std::uint32_t>(random, 3),
                            .rate = {.starts = one_in(random, 3) ? 500u : 0u, .burst = 2}};
        const scope others[] = {kind, blocking, queues[0], queues[1]};
        ASSERT_TRUE(w.e->set_limits(host, others[below<std::size_t>(random, 4)], wanted));
        break;
      }
      case 9: {
        const scope others[] = {kind, blocking, queues[0], queues[1]};
        const scope at_random = others[below<std::size_t>(random, 4)];
        if (one_in(random, 2)) {
          ASSERT_TRUE(w.e->pause(host, at_random, {}));
        } else {
          ASSERT_TRUE(w.e->resume(host, at_random));
        }
        break;
      }
      case 7:
        advance(std::chrono::milliseconds(1 + below<int>(random, 30)));
        break;
      default:
        for (int i = below<int>(random, 6); i >= 0; --i) submit();
        static_cast<void>(w.e->step_drain(0));
        static_cast<void>(w.e->step_blocking());
        follow();
        break;
    }
    follow();
    if (!HasFatalFailure()) compare_breakers();
  }
  void purge() {
    static_cast<void>(w.e->purge_dead(w.context_of_host(), {}));
    for (auto it = jobs.begin(); it != jobs.end();) {
      if (it->second.dead) take_out(it->second);
      it = it->second.dead ? jobs.erase(it) : std::next(it);
    }
  }
  void finish() {
    std::string text;
    for (unsigned i = 0; i < 2 * key_count; ++i) {
      ASSERT_TRUE(w.e->resume(w.context_of_host(), at(i, text)));
      lanes[i].paused = false;
    }
    for (const scope other : {scope(kind), scope(blocking), scope(queues[0]), scope(queues[1])}) {
      ASSERT_TRUE(w.e->resume(w.context_of_host(), other));
    }
    for (int i = 0; i < 10'000 && w.e->health().jobs != 0 && !HasFatalFailure(); ++i) {
      advance(100ms);
      purge();
      random.discard(1);
    }
    ASSERT_EQ(w.e->health().jobs, 0u) << "somebody waits for ever";
    advance(1s);  // more than twice the longest open_for
    const lane_metrics left = w.e->read_metrics().lanes;
    EXPECT_EQ(left.lanes, 0u);
    EXPECT_EQ(left.waiting, 0u);
    EXPECT_EQ(left.stopped, 0u);
    EXPECT_EQ(left.breakers_open, 0u);
    if (!changes_breakers) {
      EXPECT_EQ(left.breaker_opened, 0u);
    }
  }

  test::stepped_world w;
  random_source random{1};
  kind_ref kind;
  kind_ref blocking;
  std::array<queue_ref, 2> queues;
  std::array<lane_options, 2> rules;
  std::array<modelled_lane, 2 * key_count> lanes;
  std::map<std::uint64_t, modelled> jobs;
  std::set<std::uint64_t> dues;
  std::uint64_t numbers = 0;
  std::size_t seen = 0;
  unsigned inside = 0;
  bool changes_breakers = false;
};

TEST_F(lanes_property, that_go_on_after_a_death) {
  run(on_failure::dead_then_continue, 2, false, test::fresh_seed());
}
TEST_F(lanes_property, that_block) {
  run(on_failure::block, 2, false, test::fresh_seed());
}
TEST_F(lanes_property, that_skip) {
  run(on_failure::skip, 2, false, test::fresh_seed());
}
TEST_F(lanes_property, with_breakers_that_go_on_after_a_death) {
  run(on_failure::dead_then_continue, 3, true, test::fresh_seed());
}
TEST_F(lanes_property, with_breakers_that_block) {
  run(on_failure::block, 3, true, test::fresh_seed());
}
TEST_F(lanes_property, with_breakers_that_skip) {
  run(on_failure::skip, 3, true, test::fresh_seed());
}

}  // namespace
}  // namespace pawl
