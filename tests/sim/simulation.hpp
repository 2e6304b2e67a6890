// sim/simulation.hpp -- the whole engine on one thread, under a virtual clock, beside a model.
//
// An engine without threads (executor::stepped) is driven by random steps drawn from a seed: submits
// from several contexts, bulks, cancels, pauses, changes of options, steps of drains and of the
// blocking pool. Handlers act too: they submit, cancel, pause, resume and look things up from inside
// a batch. The model is a std::map of jobs and a few counts; check() compares everything that can be
// asked of the engine with it.
//
// What the model claims, beside plain states and counts:
//   - every change that the hooks tell is an edge of a job's life, and comes once; a job has one running
//     attempt at most, in its own queue and band, and none starts while its queue is paused, before it is
//     due, after it expired, after its last attempt, or after stop();
//   - what becomes of an attempt is what decide() says of it (tests/policy/retry_test.cpp checks that);
//   - with one drain, jobs of one context, queue and band that do not block and were never put off
//     start in submit order;
//   - a bound is exact; only from inside a batch may a queue look fuller than it is, by the jobs of
//     that batch that have ended;
//   - a queue that sheds ends a job of its lowest band that is not above the new job's, and with one
//     submitting context the oldest of them;
//   - the last dead_in_memory dead jobs are known with their cause, in the order of their deaths; all other
//     ends are known as `ended`.
//
// Handlers may take long: then they step the timer, which asks them to stop, declares an overrun, takes
// their jobs. With several drains a handler also steps the others, so that attempts overlap.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/intake.hpp"
#include "job/expiry.hpp"
#include "job/id.hpp"
#include "policy/retry.hpp"
#include "sim/manual_clock.hpp"
#include "support/opened.hpp"
#include "support/seed.hpp"

namespace pawl::test {

struct simulation_shape {
  unsigned drains = 1;
  unsigned contexts = 1;
  unsigned queues = 3;
  unsigned steps = 3000;
  std::uint64_t queue_bound_max = 40;
  std::uint64_t scheduler_bound = 8000;
  std::uint32_t dead_in_memory = 20;
  bool handlers_act = true;
  bool timed = true;  // delays, expiries, retries, long handlers, leaps of the clock, requeues
  pawl::on_overrun on_overrun = pawl::on_overrun::keep;
  bool stops = false;  // stop() at a random moment
};

class simulation {
 public:
  simulation(std::uint64_t seed, const simulation_shape& shape) : random_(seed), shape_(shape) {
    options o;
    o.drains = shape.drains;
    o.jobs_max = shape.scheduler_bound;
    o.dead_in_memory = shape.dead_in_memory;
    o.payload_bytes_max = 1000;
    o.payload_memory_bytes_max = 64u << 20;
    o.blocking_threads_max = 4;
    o.grace = grace;
    o.on_overrun = shape.on_overrun;
    o.pushbacks_max = pushbacks_max;
    o.seed = 1;
    o.hooks = {.on_start = [](void* self,
                              const job_change& c) { static_cast<simulation*>(self)->on_start(c); },
               .on_end = [](void* self,
                            const job_change& c) { static_cast<simulation*>(self)->on_end(c); },
               .user = this};
    o.log = {[](void* self, const log_record&) { ++static_cast<simulation*>(self)->messages_; },
             this};
    registry kinds;
    for (const char* kind : {"plain/1", "blocking/1"}) {
      kinds_.push_back(kinds.add(kind,
                                 [](void* self, context& job, std::span<const std::byte> payload) {
                                   return static_cast<simulation*>(self)->handle(job, payload);
                                 },
                                 this,
                                 {.blocking = kind[0] == 'b',
                                  .max_attempts = kind_attempts,
                                  .backoff = kind_backoff,
                                  .run_timeout = run_timeout}));
    }
    struct strict {
      std::byte more_than_any_payload_here[2000];
    };
    kinds_.push_back(kinds.add<strict>("strict/1", [](context&, const strict&) {
      ADD_FAILURE() << "a payload of another size was decoded";
      return outcome::done();
    }));
    engine::environment world;
    world.clock = &clock_;
    world.run_by = executor::stepped;
    auto built = engine::build(o, kinds, world);
    if (!built) throw std::runtime_error("engine::build");
    engine_ = std::move(*built);
    for (unsigned i = 0; i < shape.contexts; ++i) {
      contexts_.push_back(engine_->parts().contexts.add(context_role::application, i));
    }
    for (unsigned i = 0; i < shape.queues; ++i) add_queue(i);
    busy_.resize(shape.drains + 1);
    stop_at_ = shape.stops ? below<unsigned>(random_, shape.steps) : shape.steps;
  }

  ~simulation() { static_cast<void>(engine_->stop(duration(0))); }

  // All steps, then everything is resumed and run to its end, however far away that is.
  void run() {
    for (unsigned i = 0; i < shape_.steps; ++i) {
      if (i == stop_at_ && !stopped_) stop();
      one_step();
      check(i % 50 == 0);
      if (::testing::Test::HasFatalFailure()) return;
    }
    finishing_ = true;
    if (stopped_) return check(true);
    for (model_queue& q : queues_) {
      if (q.paused) resume(q);
    }
    unsigned idle = 0;
    for (unsigned i = 0; idle < 300 && i < 1'000'000; ++i) {  // each agent has had its turn by then
      idle = step_an_agent() ? 0 : idle + 1;
      if (idle == 299 && engine_->next_timer_ns() != UINT64_MAX) {
        pass(std::max(engine_->next_timer_ns(), clock_.now_ns) - clock_.now_ns);
        idle = 0;
      }
      check(false);
      if (::testing::Test::HasFatalFailure()) return;
    }
    check(true);
    ASSERT_EQ(alive_, 0u) << "jobs were lost";
    ASSERT_EQ(engine_->parts().due_later.entry_count(), 0u) << "the wheel keeps something";
  }

  [[nodiscard]] std::uint64_t trace() const { return trace_; }
  [[nodiscard]] std::size_t jobs_seen() const { return jobs_.size(); }
  [[nodiscard]] std::uint64_t deaths_seen(dead_cause c) const {
    return deaths_[static_cast<std::size_t>(c)];
  }
  [[nodiscard]] std::uint64_t ends_seen(job_state s) const {
    return ends_[static_cast<std::size_t>(s)];
  }
  [[nodiscard]] std::uint64_t requeues_seen() const { return requeued_; }
  [[nodiscard]] std::uint64_t overruns_seen() const { return overrun_; }

 private:
  static constexpr duration grace = std::chrono::milliseconds(200);
  static constexpr duration run_timeout = std::chrono::milliseconds(500);
  static constexpr std::uint8_t pushbacks_max = 3;
  static constexpr std::uint8_t kind_attempts = 2;
  static constexpr backoff kind_backoff =
      backoff::linear(std::chrono::milliseconds(3), std::chrono::milliseconds(10));

  struct model_job {
    job_id id;
    unsigned queue = 0;
    unsigned band = 0;
    unsigned kind = 0;
    unsigned producer = 0;  // which context submitted it
    job_state state = job_state::ready;
    dead_cause cause = dead_cause::none;
    bool cancel_requested = false;
    bool kept = false;      // dead, and still known
    bool attached = false;  // a handler is inside
    bool was_put_off = false;
    unsigned attempt = 0;
    unsigned attempts_max = kind_attempts;
    unsigned pushbacks = 0;
    bool own_backoff = false;
    std::uint64_t submitted_ns = 0;
    std::uint64_t due_ns = 0;
    std::uint64_t at_ns = 0;        // by the wall clock, if not 0
    std::uint64_t wall_max_ns = 0;  // the latest that the wall clock said in its life
    std::uint64_t expiry_ns = UINT64_MAX;
    // Of the running attempt.
    std::uint64_t started_ns = 0;
    bool timed_out = false;
    bool overrun = false;
    bool has_said = false;  // the handler has returned with `wanted`
    decision wanted;
    std::uint64_t delay_ns = 0;
    std::uint64_t version_seen = 0;
  };
  struct model_queue {
    queue_ref ref;
    queue_options wanted;
    bool paused = false;
    std::uint64_t alive = 0;
    std::uint64_t ended_in_batch = 0;  // room the drain gives back only after its batch
  };

  void note(std::uint64_t what, std::uint64_t value) {
    trace_ = (trace_ ^ (what + clock_.now_ns * 31 + value)) * 0x100000001b3u;
  }

  void add_queue(unsigned index) {
    queue_options o;
    o.jobs_max = 1 + below(random_, shape_.queue_bound_max);
    o.when_full = one_in(random_, 3) ? when_full::shed : when_full::reject;
    o.weight = 1 + below<unsigned>(random_, 5);
    if (one_in(random_, 4)) o.retries_per_s_max = 1 + below<std::uint32_t>(random_, 200);
    auto q = engine_->queue(*contexts_[0], "queue" + std::to_string(index), o);
    ASSERT_TRUE(q);
    queues_.push_back({*q, o, false, 0, 0});
  }

  // ---- steps ----

  void one_step() {
    pass(below(random_, 2000));
    switch (below<int>(random_, shape_.timed ? 17 : 12)) {
      case 0:
      case 1:
      case 2:
        submit(contexts_[below<std::size_t>(random_, contexts_.size())]);
        break;
      case 3:
        submit_bulk(contexts_[below<std::size_t>(random_, contexts_.size())]);
        break;
      case 4:
        cancel(*contexts_[0]);
        break;
      case 5:
        pause_or_resume();
        break;
      case 6:
        change_options();
        break;
      case 7:
        ask_nonsense();
        break;
      case 12:
        requeue();
        break;
      case 13:
        if (one_in(random_, 10)) purge();
        break;
      case 14:
        leap();
        break;
      default:
        step_an_agent();
        break;
    }
  }

  void pass(std::uint64_t ns) {
    clock_.now_ns += ns;
    wall_changed();
  }
  void wall_changed() {
    for (const std::uint64_t serial : live_) {
      model_job& j = jobs_[serial];
      j.wall_max_ns = std::max(j.wall_max_ns, clock_.wall_ns());
    }
  }
  // From nanoseconds to years, every order of magnitude alike.
  std::uint64_t any_ns(unsigned bits) {
    return (std::uint64_t{1} << below<unsigned>(random_, bits)) + below(random_, 1000);
  }
  void leap() {
    if (one_in(random_, 4)) {
      const std::uint64_t change = any_ns(56);
      clock_.wall_ahead_ns += one_in(random_, 2) ? change : 0 - change;
      wall_changed();
      note('w', change);
    } else {
      pass(any_ns(one_in(random_, 10) ? 58 : 34));
    }
  }

  void stop() {
    ASSERT_TRUE(engine_->stop(duration(0)));
    stopped_ = true;
    note('x', 0);
  }

  // One of the drains that are not inside a handler now, the blocking pool, or the timer.
  bool step_an_agent() {
    const unsigned agent = below<unsigned>(random_, shape_.drains + 2);
    if (agent == shape_.drains + 1) {
      const bool did = engine_->step_timer();
      note(did ? 'T' : 't', 0);
      return did;
    }
    if (busy_[agent]) return false;
    busy_[agent] = true;
    const std::uint64_t started = started_;
    const bool did = agent < shape_.drains ? engine_->step_drain(agent) : engine_->step_blocking();
    busy_[agent] = false;
    if (in_handler_ == 0) {
      for (model_queue& q : queues_) q.ended_in_batch = 0;
    }
    note(did ? 'S' : 's', agent);
    if (!did) {
      EXPECT_EQ(started, started_);
    }
    return did;
  }

  unsigned random_queue() { return below<unsigned>(random_, queues_.size()); }

  // The context that a handler of ours uses is the drain's own; a test cannot see it, so submits
  // from inside go through a context that stands for it.
  void submit(thread_context* from) {
    const unsigned queue = random_queue();
    model_queue& q = queues_[queue];
    const unsigned band = below<unsigned>(random_, priority_count);
    const unsigned kind = random_kind(q);
    const std::uint64_t serial = jobs_.size();
    std::vector<std::byte> payload(8 + (one_in(random_, 5) ? below<std::size_t>(random_, 900) : 0));
    std::memcpy(payload.data(), &serial, 8);
    const std::set<std::uint64_t> before = waiting(queue);
    const bool was_full = q.alive >= q.wanted.jobs_max;
    const job_options how = random_options(band);
    shed_now_.clear();
    const submit_answer a = take_in(engine_->parts(), *from, q.ref, kinds_[kind], payload, how);
    note('+', a.ticket.id.value);
    if (a) {
      ASSERT_FALSE(stopped_);
      if (was_full) note_shed(queue, band, before);
      remember(a.ticket.id, queue, kind, from, how);
    } else if (stopped_) {
      ASSERT_EQ(a.reason, reject::stopping);
    } else {
      check_refusal(a.reason, q, queue, band, before);
    }
  }

  job_options random_options(unsigned band) {
    job_options how{.priority = static_cast<priority>(band)};
    if (!shape_.timed) return how;
    if (one_in(random_, 3)) how.max_attempts = static_cast<std::uint8_t>(1 + below(random_, 4));
    if (one_in(random_, 5)) how.backoff = &own_backoff_;
    if (one_in(random_, 3)) {
      how.after = duration(static_cast<std::int64_t>(any_ns(one_in(random_, 20) ? 58 : 30)));
    } else if (one_in(random_, 6)) {
      how.at = std::chrono::system_clock::time_point(std::chrono::nanoseconds(
          static_cast<std::int64_t>(clock_.wall_ns() + any_ns(one_in(random_, 20) ? 58 : 30))));
    }
    if (one_in(random_, 4)) how.expires = duration(static_cast<std::int64_t>(any_ns(32)));
    return how;
  }

  void submit_bulk(thread_context* from) {
    const unsigned queue = random_queue();
    model_queue& q = queues_[queue];
    if (q.wanted.when_full == when_full::shed) return;  // which jobs it sheds: see submit()
    const unsigned kind = random_kind(q);
    const auto count = below<std::size_t>(random_, 30);
    std::vector<std::uint64_t> serials(count);
    std::vector<job_spec> specs(count);
    for (std::size_t i = 0; i < count; ++i) {
      serials[i] = jobs_.size() + i;
      specs[i] = {bytes_of(serials[i]), random_options(below<unsigned>(random_, priority_count))};
    }
    if (count != 0 && one_in(random_, 4)) {
      too_large_.resize(2000);
      specs[below<std::size_t>(random_, count)].payload = too_large_;
    }
    std::vector<job_id> ids(count);
    const submit_answers a = take_in(engine_->parts(), *from, q.ref, kinds_[kind], specs, ids);
    note('*', a.accepted);
    ASSERT_LE(a.accepted, count);
    ASSERT_EQ(static_cast<bool>(a), a.accepted == count && !stopped_);
    for (std::size_t i = 0; i < a.accepted; ++i) {
      ASSERT_LE(specs[i].payload.size(), 1000u);
      remember(ids[i], queue, kind, from, specs[i].options);
    }
    if (a.accepted != 0) {
      ASSERT_EQ(a.ticket.id, ids[a.accepted - 1]);
    }
    if (stopped_) {
      ASSERT_EQ(a.reason, reject::stopping);
    } else if (a.reason == reject::too_large) {
      ASSERT_GT(specs[a.accepted].payload.size(), 1000u);
    } else if (!a) {
      check_refusal(a.reason, q, queue, 0, {});
    }
  }

  unsigned random_kind(const model_queue& q) {
    if (one_in(random_, 10)) return 2;  // a payload it cannot decode
    // Jobs that wait for a blocking thread cannot be shed.
    return q.wanted.when_full != when_full::shed && one_in(random_, 4) ? 1 : 0;
  }

  void check_refusal(reject r, const model_queue& q, unsigned queue, unsigned band,
                     const std::set<std::uint64_t>& before) {
    if (r == reject::scheduler_full) {
      ASSERT_GE(alive_ + ended_in_batches(), shape_.scheduler_bound);
      return;
    }
    ASSERT_EQ(r, reject::queue_full);
    ASSERT_GE(q.alive + q.ended_in_batch, q.wanted.jobs_max) << "it was not full";
    if (q.wanted.when_full != when_full::shed || in_handler_ != 0) return;
    for (const std::uint64_t serial : before) {
      ASSERT_LT(jobs_[serial].band, band) << "there was something to shed in queue " << queue;
    }
  }

  std::uint64_t ended_in_batches() const {
    std::uint64_t sum = 0;
    for (const model_queue& q : queues_) sum += q.ended_in_batch;
    return sum;
  }

  // The serials of the queue's ready jobs, if it sheds.
  std::set<std::uint64_t> waiting(unsigned queue) {
    std::set<std::uint64_t> out;
    if (queues_[queue].wanted.when_full != when_full::shed) return out;
    for (const std::uint64_t serial : live_) {
      const model_job& j = jobs_[serial];
      if (j.queue != queue || !is_waiting(j)) continue;
      const auto found = engine_->find(j.id);
      if (found && found->state == job_state::ready) out.insert(serial);
    }
    return out;
  }

  // A full queue took a job: exactly one other has made room.
  void note_shed(unsigned queue, unsigned band, const std::set<std::uint64_t>& before) {
    if (queues_[queue].ended_in_batch != 0 && shed_now_.empty()) return;  // its batch did
    ASSERT_EQ(shed_now_.size(), 1u);
    const std::uint64_t victim = shed_now_[0];
    ASSERT_EQ(before.count(victim), 1u);
    const model_job& v = jobs_[victim];
    ASSERT_EQ(v.queue, queue);
    ASSERT_GE(v.band, band) << "a job above the new one was shed";
    if (in_handler_ != 0) return;
    for (const std::uint64_t serial : before) {
      ASSERT_LE(jobs_[serial].band, v.band) << "a lower one was there";
      if (shape_.contexts == 1 && !shape_.handlers_act && !shape_.timed &&
          jobs_[serial].band == v.band) {
        ASSERT_GE(serial, victim) << "an older one was there";
      }
    }
  }

  void cancel(thread_context& from) {
    if (jobs_.empty()) return;
    // Mostly one that lives.
    std::uint64_t serial = below(random_, jobs_.size());
    if (!live_.empty() && !one_in(random_, 4)) {
      const auto at = live_.lower_bound(serial);
      serial = at == live_.end() ? *live_.begin() : *at;
    }
    model_job& j = jobs_[serial];
    const bool waited = is_waiting(j);
    const bool ran = j.state == job_state::running;
    const auto answer = engine_->cancel(from, j.id);
    note('c', serial);
    if (waited) {
      ASSERT_TRUE(answer);
      ASSERT_EQ(answer->id, j.id);
      ASSERT_EQ(j.state, job_state::cancelled) << "no hook was called";
    } else if (ran) {
      ASSERT_TRUE(answer);
      ASSERT_EQ(j.state, job_state::running);
      j.cancel_requested = true;
    } else {
      ASSERT_FALSE(answer);
      ASSERT_EQ(answer.error().code, errc::stale);
    }
  }

  void requeue() {
    if (dead_.empty()) return;
    const std::uint64_t serial = dead_[below<std::size_t>(random_, dead_.size())];
    model_job& j = jobs_[serial];
    const auto found = engine_->find(j.id);
    ASSERT_TRUE(found);
    const auto wrong = engine_->requeue(*contexts_.back(), j.id, found->version - 1);
    ASSERT_FALSE(wrong);
    ASSERT_EQ(wrong.error().code, stopped_ ? errc::stopping : errc::stale);
    model_queue& q = queues_[j.queue];
    const auto answer = engine_->requeue(*contexts_.back(), j.id, found->version);
    note('q', serial);
    if (stopped_ || j.attached) {
      ASSERT_FALSE(answer);
      ASSERT_EQ(answer.error().code, stopped_ ? errc::stopping : errc::busy);
      return;
    }
    if (!answer) {
      ASSERT_EQ(answer.error().code, errc::full);
      ASSERT_TRUE(q.alive + q.ended_in_batch >= q.wanted.jobs_max ||
                  alive_ + ended_in_batches() >= shape_.scheduler_bound);
      return;
    }
    ++requeued_;
    ASSERT_LT(q.alive, q.wanted.jobs_max);
    dead_.erase(std::find(dead_.begin(), dead_.end(), serial));
    j.state = job_state::ready;
    j.cause = dead_cause::none;
    j.kept = false;
    j.cancel_requested = false;
    j.was_put_off = true;
    j.attempt = j.pushbacks = 0;
    j.due_ns = clock_.now_ns;
    j.at_ns = 0;
    j.expiry_ns = UINT64_MAX;
    live_.insert(serial);
    ++q.alive;
    ++alive_;
    const auto again = engine_->requeue(*contexts_.back(), j.id, found->version);
    ASSERT_FALSE(again) << "requeued twice";
    ASSERT_EQ(again.error().code, errc::stale);
  }

  void purge() {
    const unsigned queue = random_queue();
    dead_filter which;
    which.queue = queues_[queue].ref;
    std::deque<std::uint64_t> left;
    for (const std::uint64_t serial : dead_) {
      if (jobs_[serial].queue != queue) left.push_back(serial);
    }
    ASSERT_EQ(engine_->purge_dead(*contexts_.back(), which), dead_.size() - left.size());
    for (const std::uint64_t serial : dead_) {
      if (jobs_[serial].queue == queue) jobs_[serial].kept = false;
    }
    dead_ = left;
    note('P', queue);
  }

  void pause_or_resume() {
    if (stopped_) return;
    model_queue& q = queues_[random_queue()];
    if (q.paused || finishing_) {
      resume(q);
    } else {
      ASSERT_TRUE(engine_->pause(*contexts_[0], q.ref, {}));
      q.paused = true;
      note('p', q.ref.index);
    }
  }

  void resume(model_queue& q) {
    ASSERT_TRUE(engine_->resume(*contexts_[0], q.ref));
    q.paused = false;
    note('r', q.ref.index);
  }

  void change_options() {
    if (stopped_) return;
    model_queue& q = queues_[random_queue()];
    q.wanted.weight = 1 + below<unsigned>(random_, 5);
    q.wanted.jobs_max = 1 + below(random_, shape_.queue_bound_max);
    if (q.wanted.when_full == when_full::shed) {
      // Below what is alive one submit would shed several.
      q.wanted.jobs_max = std::max(q.wanted.jobs_max, q.alive);
    }
    ASSERT_TRUE(engine_->set_options(*contexts_[0], q.ref, q.wanted));
    note('o', q.wanted.jobs_max);
  }

  void ask_nonsense() {
    if (stopped_) return;
    const auto expect_not_found = [this](job_id id) {
      const auto found = engine_->find(id);
      ASSERT_FALSE(found);
      ASSERT_EQ(found.error().code, errc::not_found);
      const auto cancelled = engine_->cancel(*contexts_[0], id);
      ASSERT_FALSE(cancelled);
      ASSERT_EQ(cancelled.error().code, errc::not_found);
    };
    expect_not_found(job_id{0});
    expect_not_found(job_id{~std::uint64_t{0}});
    if (!jobs_.empty()) {
      const job_id id = jobs_[below(random_, jobs_.size())].id;
      expect_not_found(job_id{id.value + 1'000'000});                 // a life far ahead
      expect_not_found(job_id{id.value | (std::uint64_t{1} << 63)});  // away
    }
    ASSERT_FALSE(engine_->pause(*contexts_[0], queue_ref{4095, 1}, {}));
    ASSERT_FALSE(engine_->pause(*contexts_[0], queue_ref{0, 2}, {}));
    ASSERT_FALSE(engine_->set_options(*contexts_[0], queues_[0].ref, {.weight = 0}));
    const submit_answer a = take_in(engine_->parts(), *contexts_[0], queues_[0].ref, kind_ref{99},
                                    no_payload(), job_options{});
    ASSERT_EQ(a.reason, reject::unknown_kind);
  }

  // ---- inside a handler ----

  outcome handle(context& job, std::span<const std::byte> payload) {
    std::uint64_t serial = 0;
    std::memcpy(&serial, payload.data(), 8);
    begin(job, serial);
    model_job& j = jobs_[serial];
    ++in_handler_;
    pass(100 + below(random_, one_in(random_, 20) ? 100'000 : 2000));
    if (shape_.timed && one_in(random_, 10)) take_long(job, j);
    if (shape_.handlers_act && !finishing_ && one_in(random_, 3)) act();
    if (shape_.timed && one_in(random_, 10)) take_long(job, j);
    if (shape_.stops && !stopped_ && one_in(random_, 500)) stop();
    --in_handler_;
    j.attached = false;
    const bool is_mine = j.state == job_state::running;  // and not taken from the handler
    if (is_mine) {
      EXPECT_EQ(job.cancel_requested(), j.cancel_requested);
      EXPECT_EQ(job.timed_out(), j.timed_out);
    }
    EXPECT_EQ(job.stop_requested(), stopped_);
    EXPECT_EQ(job.attempt(), j.attempt);
    if (j.overrun || !is_mine) ++stale_results_;
    const outcome said = random_outcome(job);
    if (!is_mine) return said;
    j.has_said = true;
    j.wanted = decide(said.what(), said.kind(),
                      {.attempt = j.attempt,
                       .attempts_max = j.attempts_max,
                       .rules = {},
                       .pushbacks = j.pushbacks,
                       .pushbacks_max = pushbacks_max,
                       .cancel_requested = j.cancel_requested,
                       .stopping = stopped_,
                       .timed_out = j.timed_out,
                       .overrun = j.overrun});
    j.delay_ns = 0;
    if (j.wanted.next == decision::step::again_later) {
      j.delay_ns = j.wanted.by_backoff
                       ? backoff_ns(j.own_backoff ? own_backoff_ : kind_backoff, j.attempt, 0)
                       : static_cast<std::uint64_t>(said.after().count());
    }
    if (said.what() == outcome::code::fail && one_in(random_, 4)) throw std::runtime_error("meant");
    return said;
  }

  outcome random_outcome(context& job) {
    if (finishing_) return one_in(random_, 4) ? outcome::dead() : outcome::done();
    if (!shape_.timed) {
      switch (below<int>(random_, 12)) {
        case 0:
          return outcome::dead();
        case 1:
          return job.dead("meant", 4);
        default:
          return outcome::done();
      }
    }
    const duration after(static_cast<std::int64_t>(any_ns(30)));
    switch (below<int>(random_, 20)) {
      case 0:
        return outcome::dead();
      case 1:
        return job.fail("a text", 3);
      case 2:
      case 3:
        return outcome::fail();
      case 4:
        return outcome::retry(after);
      case 5:
        return outcome::snooze(after);
      case 6:
        return outcome::rate_limited(after);
      case 7:
        return outcome::yield();
      case 8:
        return outcome::cancelled();
      case 9:
        return outcome::interrupted();
      default:
        return outcome::done();
    }
  }

  // Longer than it may, and the timer thread is awake.
  void take_long(const context& job, model_job& j) {
    pass(below(random_, one_in(random_, 3) ? 1'000'000'000 : 1'000'000));
    if (j.state == job_state::running) {
      const std::uint64_t deadline = j.started_ns + static_cast<std::uint64_t>(run_timeout.count());
      const std::uint64_t end = deadline + static_cast<std::uint64_t>(grace.count());
      // Before the step: what the step does to the job, the hooks look at.
      j.timed_out = j.timed_out || clock_.now_ns >= deadline;
      j.overrun = j.overrun || clock_.now_ns >= end;
    }
    // Handlers below this one on our stack take as long.
    for (const std::uint64_t serial : live_) {
      model_job& other = jobs_[serial];
      if (other.state != job_state::running) continue;
      const std::uint64_t deadline =
          other.started_ns + static_cast<std::uint64_t>(run_timeout.count());
      other.timed_out = other.timed_out || clock_.now_ns >= deadline;
      other.overrun =
          other.overrun || clock_.now_ns >= deadline + static_cast<std::uint64_t>(grace.count());
    }
    static_cast<void>(engine_->step_timer());
    if (j.state != job_state::running) {
      ASSERT_EQ(shape_.on_overrun, on_overrun::dead);
      return;
    }
    const auto found = engine_->find(job.id());
    ASSERT_TRUE(found);
    ASSERT_EQ(found->timed_out, j.timed_out);
    ASSERT_EQ(found->overrun, j.overrun);
  }

  void begin(const context& job, std::uint64_t serial) {
    ASSERT_LT(serial, jobs_.size());
    model_job& j = jobs_[serial];
    ASSERT_EQ(job.id(), j.id);
    ASSERT_EQ(j.state, job_state::running) << "no hook was called";
    ASSERT_EQ(job.attempt(), j.attempt);
    ASSERT_EQ(job.queue(), queues_[j.queue].ref);
    ASSERT_EQ(job.kind(), kinds_[j.kind]);
    ASSERT_EQ(static_cast<unsigned>(job.priority()), j.band);
    j.attached = true;
    if (shape_.drains == 1 && j.kind == 0 && !j.was_put_off) {
      auto& last = last_started_[{j.producer, j.queue, j.band}];
      ASSERT_GE(serial + 1, last) << "out of order";
      last = serial + 1;
    }
  }

  // ---- what the hooks tell ----

  static bool is_waiting(const model_job& j) {
    return j.state == job_state::ready || j.state == job_state::scheduled;
  }
  model_job* known(const job_change& c) {
    const auto found = serials_.find(c.id.value);
    if (found == serials_.end()) {
      ADD_FAILURE() << "a hook for a job that was never accepted";
      return nullptr;
    }
    model_job& j = jobs_[found->second];
    EXPECT_EQ(c.queue, queues_[j.queue].ref);
    EXPECT_EQ(c.kind, kinds_[j.kind]);
    return &j;
  }

  void on_start(const job_change& c) {
    model_job* const job = known(c);
    if (job == nullptr) return;
    model_job& j = *job;
    note('B', c.id.value);
    ++started_;
    ++j.attempt;
    EXPECT_EQ(c.state, job_state::running);
    EXPECT_EQ(c.attempt, j.attempt);
    EXPECT_TRUE(is_waiting(j)) << "started twice, or after its end";
    EXPECT_FALSE(queues_[j.queue].paused) << "started while its queue is paused";
    EXPECT_FALSE(stopped_) << "started after stop()";
    EXPECT_LE(j.attempt, j.attempts_max);
    EXPECT_GE(clock_.now_ns, j.due_ns) << "early";
    EXPECT_GE(std::max(j.wall_max_ns, clock_.wall_ns()), j.at_ns) << "early by the wall clock";
    EXPECT_LT(clock_.now_ns, j.expiry_ns) << "started after it expired";
    j.state = job_state::running;
    j.started_ns = clock_.now_ns;
    j.timed_out = j.overrun = j.has_said = false;
  }

  void on_end(const job_change& c) {
    model_job* const job = known(c);
    if (job == nullptr) return;
    model_job& j = *job;
    const std::uint64_t serial = serials_.at(c.id.value);
    note('E', c.id.value * 16 + static_cast<std::uint64_t>(c.state));
    EXPECT_EQ(c.attempt, j.attempt);
    if (j.state == job_state::running) {
      end_attempt(serial, j, c);
      return;
    }
    EXPECT_TRUE(is_waiting(j)) << "a second end";
    switch (c.state) {
      case job_state::cancelled:
        break;
      case job_state::expired:
        EXPECT_GE(clock_.now_ns, j.expiry_ns) << "expired early";
        break;
      case job_state::dead:
        EXPECT_EQ(c.cause, dead_cause::shed);
        EXPECT_EQ(queues_[j.queue].wanted.when_full, when_full::shed);
        shed_now_.push_back(serial);
        break;
      default:
        ADD_FAILURE() << "no edge from waiting to " << name(c.state);
    }
    end(serial, c.state, c.cause);
  }

  void end_attempt(std::uint64_t serial, model_job& j, const job_change& c) {
    if (j.timed_out) ++timed_out_;
    if (j.overrun) ++overrun_;
    if (j.kind == 2) {
      EXPECT_EQ(c.cause, dead_cause::decode);
      return end(serial, c.state, c.cause);
    }
    if (!j.has_said) {  // taken from its handler
      EXPECT_TRUE(j.overrun);
      EXPECT_EQ(shape_.on_overrun, on_overrun::dead);
      EXPECT_EQ(c.state, job_state::dead);
      EXPECT_EQ(c.cause, dead_cause::timeout);
      return end(serial, c.state, c.cause);
    }
    EXPECT_EQ(c.cause, j.wanted.cause);
    switch (j.wanted.next) {
      case decision::step::complete:
        EXPECT_EQ(c.state, job_state::completed);
        break;
      case decision::step::die:
        EXPECT_EQ(c.state, job_state::dead);
        break;
      case decision::step::cancel:
        EXPECT_EQ(c.state, job_state::cancelled);
        break;
      case decision::step::again_later:
        EXPECT_EQ(c.state, job_state::scheduled);
        return put_off(j, c.state);
      case decision::step::again_now:
        EXPECT_EQ(c.state, job_state::ready);
        return put_off(j, c.state);
    }
    end(serial, c.state, c.cause);
  }

  void put_off(model_job& j, job_state to) {
    ++(j.wanted.is_pushback ? pushed_back_ : retried_);
    if (j.wanted.is_pushback) --j.attempt;
    if (j.wanted.is_pushback && to == job_state::scheduled) ++j.pushbacks;
    j.state = to;
    j.was_put_off = true;
    j.due_ns = clock_.now_ns + j.delay_ns;
    j.at_ns = 0;
  }

  void act() {
    switch (below<int>(random_, shape_.timed ? 9 : 5)) {
      case 5:
        requeue();
        break;
      case 6:
      case 7:
        if (in_handler_ < 3) step_an_agent();
        break;
      case 8:
        leap_a_little();
        break;
      case 0:
        submit(contexts_.back());
        break;
      case 1:
        submit_bulk(contexts_.back());
        break;
      case 2:
        cancel(*contexts_.back());
        break;
      case 3:
        pause_or_resume();
        break;
      default:
        check(false);
        break;
    }
  }

  // Handlers do not take years.
  void leap_a_little() { pass(any_ns(24)); }

  // ---- the model ----

  void remember(job_id id, unsigned queue, unsigned kind, const thread_context* from,
                const job_options& how) {
    ASSERT_TRUE(id);
    ASSERT_TRUE(serials_.emplace(id.value, jobs_.size()).second) << "an id was used twice";
    model_job j;
    j.id = id;
    j.queue = queue;
    j.band = static_cast<unsigned>(how.priority);
    j.kind = kind;
    j.producer = from->index();
    if (how.max_attempts != 0) j.attempts_max = how.max_attempts;
    if (kind == 2 && how.max_attempts == 0) j.attempts_max = kind_options{}.max_attempts;
    j.own_backoff = how.backoff != nullptr;
    j.submitted_ns = clock_.now_ns;
    j.due_ns = clock_.now_ns + static_cast<std::uint64_t>(how.after.count());
    j.at_ns = static_cast<std::uint64_t>(how.at.time_since_epoch().count());
    j.wall_max_ns = clock_.wall_ns();
    j.expiry_ns = expiry_ns(clock_.now_ns, encode_expiry(how.expires));
    j.was_put_off = how.after.count() != 0 || j.at_ns != 0;
    j.state = j.was_put_off ? job_state::scheduled : job_state::ready;
    live_.insert(jobs_.size());
    jobs_.push_back(j);
    ++queues_[queue].alive;
    ++alive_;
    ASSERT_LE(alive_, shape_.scheduler_bound);
    if (in_handler_ == 0) {
      // set_options may have lowered the bound below what was alive; nothing is accepted then.
      ASSERT_LE(queues_[queue].alive, queues_[queue].wanted.jobs_max);
    }
  }

  void end(std::uint64_t serial, job_state to, dead_cause cause) {
    model_job& j = jobs_[serial];
    j.state = to;
    j.cause = cause;
    live_.erase(serial);
    --queues_[j.queue].alive;
    ++queues_[j.queue].ended_in_batch;
    --alive_;
    ++ends_[static_cast<std::size_t>(to)];
    if (to != job_state::dead) return;
    ++deaths_[static_cast<std::size_t>(cause)];
    j.kept = shape_.dead_in_memory != 0;
    if (!j.kept) return;
    dead_.push_back(serial);
    if (dead_.size() > shape_.dead_in_memory) {
      jobs_[dead_.front()].kept = false;
      dead_.pop_front();
    }
  }

  // ---- comparing ----

  void check(bool everything) {
    if (in_handler_ != 0) {
      check_states(false);
      return;
    }
    for (model_queue& q : queues_) q.ended_in_batch = 0;
    const counters c = engine_->read_counters();
    ASSERT_EQ(c.accepted, jobs_.size());
    ASSERT_EQ(c.requeued, requeued_);
    ASSERT_EQ(c.accepted + c.requeued - c.ended(), alive_);
    ASSERT_EQ(c.started, started_);
    ASSERT_EQ(c.completed, ends_[static_cast<std::size_t>(job_state::completed)]);
    ASSERT_EQ(c.cancelled, ends_[static_cast<std::size_t>(job_state::cancelled)]);
    ASSERT_EQ(c.expired, ends_[static_cast<std::size_t>(job_state::expired)]);
    ASSERT_EQ(c.dead, deaths_);
    ASSERT_EQ(c.retried, retried_);
    ASSERT_EQ(c.pushed_back, pushed_back_);
    ASSERT_EQ(c.timed_out, timed_out_);
    ASSERT_EQ(c.overrun, overrun_);
    ASSERT_EQ(c.stale_results, stale_results_);
    const health_report h = engine_->health();
    ASSERT_EQ(h.jobs, alive_);
    ASSERT_EQ(h.dead, dead_.size());
    ASSERT_EQ(h.overruns, 0u);
    ASSERT_EQ(h.queues.size(), queues_.size());
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      ASSERT_EQ(h.queues[i].jobs, queues_[i].alive) << "queue " << i;
      ASSERT_EQ(h.queues[i].jobs_max, queues_[i].wanted.jobs_max);
      ASSERT_EQ(h.queues[i].paused, queues_[i].paused);
    }
    for (const thread_health& t : h.threads) ASSERT_EQ(t.running, job_id{});
    check_states(everything);
    if (everything) check_dead_letters();
    if (everything) check_metrics();
  }

  // What is counted by state, queue and kind, against the jobs one by one.
  void check_metrics() {
    struct counts {
      std::uint64_t waiting = 0;
      std::uint64_t scheduled = 0;
    };
    std::vector<counts> by_queue(queues_.size());
    std::map<unsigned, std::uint64_t> accepted;  // by kind
    for (const model_job& j : jobs_) ++accepted[j.kind];
    for (const std::size_t serial : live_) {
      const auto found = engine_->find(jobs_[serial].id);
      ASSERT_TRUE(found);
      counts& of = by_queue.at(found->queue.index);
      ++(found->state == job_state::scheduled ? of.scheduled : of.waiting);
    }
    const metrics m = engine_->read_metrics();
    ASSERT_EQ(m.queues.size(), queues_.size());
    for (std::size_t i = 0; i < by_queue.size(); ++i) {
      ASSERT_EQ(m.queues[i].scheduled, by_queue[i].scheduled) << "queue " << i;
      ASSERT_EQ(m.queues[i].waiting, by_queue[i].waiting) << "queue " << i;
      ASSERT_EQ(m.queues[i].running, 0u) << "queue " << i;
    }
    for (const kind_metrics& k : m.kinds) ASSERT_EQ(k.counts.accepted, accepted[k.kind.index]);
  }

  void check_dead_letters() {
    std::vector<std::uint64_t> listed;
    std::uint64_t cursor = 0;
    do {
      const auto page = engine_->list_dead({}, cursor, 7);
      ASSERT_TRUE(page);
      for (const dead_letter& l : page->letters) {
        const auto serial = serials_.find(l.status.id.value);
        ASSERT_NE(serial, serials_.end());
        listed.push_back(serial->second);
        ASSERT_LE(l.errors.size(), 4u);
        ASSERT_EQ(l.version, engine_->find(l.status.id)->version);
      }
      cursor = page->cursor;
    } while (cursor != 0);
    ASSERT_TRUE(std::equal(listed.begin(), listed.end(), dead_.begin(), dead_.end()))
        << "the dead letters, or their order";
  }

  void check_states(bool everything) {
    if (everything) {
      for (model_job& j : jobs_) check_state(j);
      return;
    }
    for (int i = 0; i < 10 && !jobs_.empty(); ++i) check_state(jobs_[below(random_, jobs_.size())]);
    if (!live_.empty()) check_state(jobs_[*live_.begin()]);
  }

  void check_state(model_job& j) {
    const auto found = engine_->find(j.id);
    ASSERT_TRUE(found) << "an issued id is never unknown";
    ASSERT_EQ(found->id, j.id);
    const bool live = is_waiting(j) || j.state == job_state::running;
    if (!live && !j.kept) {
      // The slot of a job that was taken from its handler is not free before that returns.
      if (!j.attached) {
        ASSERT_EQ(found->state, job_state::ended);
      }
      return;
    }
    if (j.state == job_state::scheduled && found->state == job_state::ready) {
      ASSERT_GE(clock_.now_ns, j.due_ns) << "ready before it was due";
      ASSERT_GE(j.wall_max_ns, j.at_ns);
      j.state = job_state::ready;
    }
    ASSERT_EQ(found->state, j.state);
    ASSERT_EQ(found->cause, j.cause);
    ASSERT_EQ(static_cast<unsigned>(found->priority), j.band);
    ASSERT_EQ(found->queue, queues_[j.queue].ref);
    ASSERT_EQ(found->kind, kinds_[j.kind]);
    ASSERT_EQ(found->attempt, j.attempt);
    ASSERT_EQ(found->max_attempts, j.attempts_max);
    if (live) {
      ASSERT_EQ(found->cancel_requested, j.cancel_requested);
    }
    ASSERT_GE(found->version, j.version_seen) << "a version went back";
    j.version_seen = found->version;
  }

  random_source random_;
  const simulation_shape shape_;
  manual_clock clock_;
  std::unique_ptr<engine> engine_;
  std::vector<kind_ref> kinds_;
  std::vector<thread_context*> contexts_;
  std::vector<model_queue> queues_;
  std::deque<model_job> jobs_;                      // by serial number; addresses stay
  std::set<std::uint64_t> live_;                    // serial numbers
  std::map<std::uint64_t, std::uint64_t> serials_;  // by id
  std::deque<std::uint64_t> dead_;                  // serial numbers of the kept ones, oldest first
  std::map<std::array<unsigned, 3>, std::uint64_t> last_started_;
  std::vector<std::byte> too_large_;
  std::uint64_t alive_ = 0;
  std::uint64_t started_ = 0;
  std::vector<std::uint64_t> shed_now_;  // serial numbers, since the last submit began
  std::array<std::uint64_t, job_state_count> ends_{};
  std::array<std::uint64_t, dead_cause_count> deaths_{};
  std::uint64_t requeued_ = 0;
  std::uint64_t retried_ = 0;
  std::uint64_t pushed_back_ = 0;
  std::uint64_t timed_out_ = 0;
  std::uint64_t overrun_ = 0;
  std::uint64_t stale_results_ = 0;
  const backoff own_backoff_ = backoff::exponential(std::chrono::microseconds(50), 10,
                                                    std::chrono::seconds(2), jitter::none);
  std::vector<char> busy_;  // agents that are inside a handler
  unsigned stop_at_ = 0;
  bool stopped_ = false;
  std::uint64_t messages_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325u;
  int in_handler_ = 0;
  bool finishing_ = false;
};

}  // namespace pawl::test
