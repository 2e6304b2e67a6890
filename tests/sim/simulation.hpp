// sim/simulation.hpp -- the whole engine on one thread, under a virtual clock, beside a model.
//
// An engine without threads (executor::stepped) is driven by random steps drawn from a seed: submits
// from several contexts, bulks, cancels, pauses, changes of options, steps of drains and of the
// blocking pool. Handlers act too: they submit, cancel, pause, resume and look things up from inside
// a batch. The model is a std::map of jobs and a few counts; check() compares everything that can be
// asked of the engine with it.
//
// What the model claims, beside plain states and counts:
//   - a job starts at most once, in its own queue and band, and never while its queue is paused;
//   - with one drain, jobs of one context, queue and band that do not block start in submit order;
//   - a bound is exact; only from inside a batch may a queue look fuller than it is, by the jobs of
//     that batch that have ended;
//   - a queue that sheds ends a job of its lowest band that is not above the new job's, and with one
//     submitting context the oldest of them;
//   - the last dead_in_memory dead jobs are known with their cause, all other ends as `ended`.
#pragma once

#include <gtest/gtest.h>

#include <array>
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
    o.log = {[](void* self, const log_record&) { ++static_cast<simulation*>(self)->messages_; },
             this};
    registry kinds;
    for (const char* kind : {"plain/1", "blocking/1"}) {
      kinds_.push_back(kinds.add(kind,
                                 [](void* self, context& job, std::span<const std::byte> payload) {
                                   return static_cast<simulation*>(self)->handle(job, payload);
                                 },
                                 this, {.blocking = kind[0] == 'b'}));
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
  }

  ~simulation() { static_cast<void>(engine_->stop(duration(0))); }

  // All steps, then everything is resumed and run to its end.
  void run() {
    for (unsigned i = 0; i < shape_.steps; ++i) {
      one_step();
      check(i % 50 == 0);
      if (::testing::Test::HasFatalFailure()) return;
    }
    for (model_queue& q : queues_) {
      if (q.paused) resume(q);
    }
    finishing_ = true;
    unsigned idle = 0;
    for (unsigned i = 0; idle < 300 && i < 1'000'000; ++i) {  // each agent has had its turn by then
      idle = step_an_agent() ? 0 : idle + 1;
      check(false);
      if (::testing::Test::HasFatalFailure()) return;
    }
    check(true);
    ASSERT_EQ(alive_, 0u) << "jobs were lost";
  }

  [[nodiscard]] std::uint64_t trace() const { return trace_; }
  [[nodiscard]] std::size_t jobs_seen() const { return jobs_.size(); }
  [[nodiscard]] std::uint64_t sheds_seen() const { return shed_; }

 private:
  struct model_job {
    job_id id;
    unsigned queue = 0;
    unsigned band = 0;
    unsigned kind = 0;
    unsigned producer = 0;  // which context submitted it
    job_state state = job_state::ready;
    dead_cause cause = dead_cause::none;
    bool cancel_requested = false;
    bool kept = false;  // dead, and still known
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
    auto q = engine_->queue("queue" + std::to_string(index), o);
    ASSERT_TRUE(q);
    queues_.push_back({*q, o, false, 0, 0});
  }

  // ---- steps ----

  void one_step() {
    clock_.now_ns += below(random_, 2000);
    switch (below<int>(random_, 12)) {
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
      default:
        step_an_agent();
        break;
    }
  }

  bool step_an_agent() {
    const unsigned agent = below<unsigned>(random_, shape_.drains + 1);
    const std::uint64_t started = started_;
    const bool did = agent < shape_.drains ? engine_->step_drain(agent) : engine_->step_blocking();
    for (model_queue& q : queues_) q.ended_in_batch = 0;
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
    const submit_answer a = take_in(engine_->parts(), *from, q.ref, kinds_[kind], payload,
                                    {.priority = static_cast<priority>(band)});
    note('+', a.ticket.id.value);
    if (a) {
      const bool was_full = q.alive >= q.wanted.jobs_max;
      if (was_full) note_shed(queue, band, before);
      remember(a.ticket.id, queue, band, kind, from);
    } else {
      check_refusal(a.reason, q, queue, band, before);
    }
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
      specs[i] = {bytes_of(serials[i]),
                  {.priority = static_cast<priority>(below<unsigned>(random_, priority_count))}};
    }
    if (count != 0 && one_in(random_, 4)) {
      too_large_.resize(2000);
      specs[below<std::size_t>(random_, count)].payload = too_large_;
    }
    std::vector<job_id> ids(count);
    const submit_answers a = take_in(engine_->parts(), *from, q.ref, kinds_[kind], specs, ids);
    note('*', a.accepted);
    ASSERT_LE(a.accepted, count);
    ASSERT_EQ(static_cast<bool>(a), a.accepted == count);
    for (std::size_t i = 0; i < a.accepted; ++i) {
      ASSERT_LE(specs[i].payload.size(), 1000u);
      remember(ids[i], queue, static_cast<unsigned>(specs[i].options.priority), kind, from);
    }
    if (a.accepted != 0) {
      ASSERT_EQ(a.ticket.id, ids[a.accepted - 1]);
    }
    if (a.reason == reject::too_large) {
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
      if (j.queue == queue && j.state == job_state::ready) out.insert(serial);
    }
    return out;
  }

  // A full queue took a job: exactly one other has made room.
  void note_shed(unsigned queue, unsigned band, const std::set<std::uint64_t>& before) {
    if (queues_[queue].ended_in_batch != 0) return;  // or its batch did
    std::uint64_t victim = 0;
    unsigned victims = 0;
    unsigned lowest = 0;
    for (const std::uint64_t serial : before) {
      lowest = std::max(lowest, jobs_[serial].band);
      const auto now = engine_->find(jobs_[serial].id);
      ASSERT_TRUE(now);
      if (now->state == job_state::ready) continue;
      ASSERT_TRUE(now->state == job_state::dead || now->state == job_state::ended);
      victim = serial;
      ++victims;
    }
    ASSERT_EQ(victims, 1u);
    model_job& v = jobs_[victim];
    ASSERT_GE(v.band, band) << "a job above the new one was shed";
    if (in_handler_ == 0) {
      ASSERT_EQ(v.band, lowest) << "a lower one was there";
      if (shape_.contexts == 1 && !shape_.handlers_act) {
        for (const std::uint64_t serial : before) {
          if (jobs_[serial].band == v.band) {
            ASSERT_GE(serial, victim) << "an older one was there";
          }
        }
      }
    }
    ++shed_;
    end(victim, job_state::dead, dead_cause::shed);
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
    const auto answer = engine_->cancel(from, j.id);
    note('c', serial);
    switch (j.state) {
      case job_state::ready:
        ASSERT_TRUE(answer);
        ASSERT_EQ(answer->id, j.id);
        end(serial, job_state::cancelled, dead_cause::none);
        break;
      case job_state::running:
        ASSERT_TRUE(answer);
        j.cancel_requested = true;
        break;
      default:
        ASSERT_FALSE(answer);
        ASSERT_EQ(answer.error().code, errc::stale);
        break;
    }
  }

  void pause_or_resume() {
    model_queue& q = queues_[random_queue()];
    if (q.paused || finishing_) {
      resume(q);
    } else {
      ASSERT_TRUE(engine_->pause(q.ref));
      q.paused = true;
      note('p', q.ref.index);
    }
  }

  void resume(model_queue& q) {
    ASSERT_TRUE(engine_->resume(q.ref));
    q.paused = false;
    note('r', q.ref.index);
  }

  void change_options() {
    model_queue& q = queues_[random_queue()];
    q.wanted.weight = 1 + below<unsigned>(random_, 5);
    q.wanted.jobs_max = 1 + below(random_, shape_.queue_bound_max);
    if (q.wanted.when_full == when_full::shed) {
      // Below what is alive one submit would shed several.
      q.wanted.jobs_max = std::max(q.wanted.jobs_max, q.alive);
    }
    ASSERT_TRUE(engine_->set_options(q.ref, q.wanted));
    note('o', q.wanted.jobs_max);
  }

  void ask_nonsense() {
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
    ASSERT_FALSE(engine_->pause(queue_ref{4095, 1}));
    ASSERT_FALSE(engine_->pause(queue_ref{0, 2}));
    ASSERT_FALSE(engine_->set_options(queues_[0].ref, {.weight = 0}));
    const submit_answer a = take_in(engine_->parts(), *contexts_[0], queues_[0].ref, kind_ref{99},
                                    no_payload(), job_options{});
    ASSERT_EQ(a.reason, reject::unknown_kind);
  }

  // ---- inside a handler ----

  outcome handle(context& job, std::span<const std::byte> payload) {
    std::uint64_t serial = 0;
    std::memcpy(&serial, payload.data(), 8);
    begin(job, serial);
    ++in_handler_;
    clock_.now_ns += 100 + below(random_, one_in(random_, 20) ? 100'000 : 2000);
    if (shape_.handlers_act && !finishing_ && one_in(random_, 3)) act();
    --in_handler_;
    model_job& j = jobs_[serial];
    EXPECT_EQ(job.cancel_requested(), j.cancel_requested);
    switch (below<int>(random_, 12)) {
      case 0:
        finish(serial, job_state::dead);
        return outcome::dead();
      case 1:
        finish(serial, job_state::dead);
        throw std::runtime_error("meant");
      case 2:
        finish(serial, job_state::dead);
        throw 42;
      case 3:
        finish(serial, job_state::cancelled);
        return outcome::cancelled();
      default:
        finish(serial, job_state::completed);
        return outcome::done();
    }
  }

  void begin(const context& job, std::uint64_t serial) {
    ASSERT_LT(serial, jobs_.size());
    model_job& j = jobs_[serial];
    note('B', serial);
    ++started_;
    ASSERT_EQ(job.id(), j.id);
    ASSERT_EQ(job.attempt(), 1u);
    ASSERT_EQ(job.queue(), queues_[j.queue].ref);
    ASSERT_EQ(job.kind(), kinds_[j.kind]);
    ASSERT_EQ(static_cast<unsigned>(job.priority()), j.band);
    ASSERT_EQ(j.state, job_state::ready) << "started twice, or after its end";
    ASSERT_FALSE(queues_[j.queue].paused) << "started while its queue is paused";
    j.state = job_state::running;
    if (shape_.drains == 1 && j.kind == 0) {
      auto& last = last_started_[{j.producer, j.queue, j.band}];
      ASSERT_GE(serial + 1, last) << "out of order";
      last = serial + 1;
    }
  }

  void act() {
    learn_decode_failures();
    switch (below<int>(random_, 5)) {
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

  void finish(std::uint64_t serial, job_state to) {
    model_job& j = jobs_[serial];
    if (j.kind == 0) ++queues_[j.queue].ended_in_batch;
    if (j.kind == 1) ++queues_[j.queue].ended_in_batch;
    end(serial, to, to == job_state::dead ? dead_cause::handler : dead_cause::none);
  }

  // ---- the model ----

  void remember(job_id id, unsigned queue, unsigned band, unsigned kind,
                const thread_context* from) {
    ASSERT_TRUE(id);
    ASSERT_TRUE(ids_.insert(id.value).second) << "an id was used twice";
    model_job j;
    j.id = id;
    j.queue = queue;
    j.band = band;
    j.kind = kind;
    j.producer = from->index();
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
    --alive_;
    if (to != job_state::dead) return;
    j.kept = shape_.dead_in_memory != 0;
    if (!j.kept) return;
    dead_.push_back(serial);
    if (dead_.size() > shape_.dead_in_memory) {
      jobs_[dead_.front()].kept = false;
      dead_.pop_front();
    }
  }

  // ---- comparing ----

  // Jobs whose payload cannot be decoded die without a handler of ours being called: the model
  // learns of them here, before it is asked for anything.
  void learn_decode_failures() {
    std::vector<std::uint64_t> gone;
    for (const std::uint64_t serial : live_) {
      if (jobs_[serial].kind != 2) continue;
      const auto now = engine_->find(jobs_[serial].id);
      ASSERT_TRUE(now);
      if (now->state != job_state::ready && now->state != job_state::running)
        gone.push_back(serial);
    }
    // Which of several died first decides which are kept, and is not known here.
    for (const std::uint64_t serial : gone) {
      ++decode_failures_;
      if (in_handler_ != 0) ++queues_[jobs_[serial].queue].ended_in_batch;
      end(serial, job_state::dead, dead_cause::decode);
      order_of_dead_unknown_ = true;
    }
  }

  void check(bool everything) {
    learn_decode_failures();
    if (in_handler_ != 0) {
      check_states(false);
      return;
    }
    const counters c = engine_->read_counters();
    std::uint64_t completed = 0;
    std::uint64_t cancelled = 0;
    std::array<std::uint64_t, dead_cause_count> dead{};
    std::uint64_t alive = 0;
    count_states(everything, completed, cancelled, dead, alive);
    ASSERT_EQ(c.accepted, jobs_.size());
    ASSERT_EQ(c.accepted - c.ended(), alive_);
    ASSERT_EQ(c.started, started_ + decode_failures_);
    ASSERT_EQ(c.dead[static_cast<std::size_t>(dead_cause::shed)], shed_);
    ASSERT_EQ(c.dead[static_cast<std::size_t>(dead_cause::decode)], decode_failures_);
    if (everything) {
      ASSERT_EQ(c.completed, completed);
      ASSERT_EQ(c.cancelled, cancelled);
      ASSERT_EQ(c.dead, dead);
      ASSERT_EQ(alive, alive_);
    }
    const health_report h = engine_->health();
    ASSERT_EQ(h.jobs, alive_);
    ASSERT_EQ(h.queues.size(), queues_.size());
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      ASSERT_EQ(h.queues[i].jobs, queues_[i].alive) << "queue " << i;
      ASSERT_EQ(h.queues[i].jobs_max, queues_[i].wanted.jobs_max);
      ASSERT_EQ(h.queues[i].paused, queues_[i].paused);
    }
    for (const thread_health& t : h.threads) ASSERT_EQ(t.running, job_id{});
    check_states(everything);
  }

  void count_states(bool everything, std::uint64_t& completed, std::uint64_t& cancelled,
                    std::array<std::uint64_t, dead_cause_count>& dead, std::uint64_t& alive) {
    if (!everything) return;
    for (const model_job& j : jobs_) {
      switch (j.state) {
        case job_state::completed:
          ++completed;
          break;
        case job_state::cancelled:
          ++cancelled;
          break;
        case job_state::dead:
          ++dead[static_cast<std::size_t>(j.cause)];
          break;
        default:
          ++alive;
          break;
      }
    }
  }

  void check_states(bool everything) {
    if (everything) {
      for (const model_job& j : jobs_) check_state(j);
      return;
    }
    for (int i = 0; i < 10 && !jobs_.empty(); ++i) check_state(jobs_[below(random_, jobs_.size())]);
    if (!live_.empty()) check_state(jobs_[*live_.begin()]);
  }

  void check_state(const model_job& j) {
    const auto found = engine_->find(j.id);
    ASSERT_TRUE(found) << "an issued id is never unknown";
    ASSERT_EQ(found->id, j.id);
    const bool live = j.state == job_state::ready || j.state == job_state::running;
    if (!live && !j.kept && !order_of_dead_unknown_) {
      ASSERT_EQ(found->state, job_state::ended);
      return;
    }
    if (!live && found->state == job_state::ended) return;  // not kept, or by an unknown order
    ASSERT_EQ(found->state, j.state);
    ASSERT_EQ(found->cause, j.cause);
    ASSERT_EQ(static_cast<unsigned>(found->priority), j.band);
    ASSERT_EQ(found->queue, queues_[j.queue].ref);
    ASSERT_EQ(found->kind, kinds_[j.kind]);
    ASSERT_EQ(found->attempt, j.state == job_state::ready || j.cause == dead_cause::shed ? 0 : 1);
    ASSERT_EQ(found->cancel_requested, j.cancel_requested);
  }

  random_source random_;
  const simulation_shape shape_;
  manual_clock clock_;
  std::unique_ptr<engine> engine_;
  std::vector<kind_ref> kinds_;
  std::vector<thread_context*> contexts_;
  std::vector<model_queue> queues_;
  std::deque<model_job> jobs_;    // by serial number; addresses stay
  std::set<std::uint64_t> live_;  // serial numbers
  std::set<std::uint64_t> ids_;
  std::deque<std::uint64_t> dead_;  // serial numbers of the kept ones, oldest first
  std::map<std::array<unsigned, 3>, std::uint64_t> last_started_;
  std::vector<std::byte> too_large_;
  std::uint64_t alive_ = 0;
  std::uint64_t started_ = 0;
  std::uint64_t shed_ = 0;
  std::uint64_t decode_failures_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325u;
  int in_handler_ = 0;
  bool finishing_ = false;
  bool order_of_dead_unknown_ = false;
};

}  // namespace pawl::test
