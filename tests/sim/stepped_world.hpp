// sim/stepped_world.hpp -- an engine without threads, a clock of its own, and one handler that does
// what the test says. What the hooks tell is kept, and checked as it comes: each change is an edge of
// a job's life and comes once.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/intake.hpp"
#include "engine/scarcity.hpp"
#include "sim/manual_clock.hpp"
#include "support/opened.hpp"

namespace pawl::test {

class stepped_world {
 public:
  // An end or a start, as the hooks told it.
  struct change {
    std::uint64_t at_ns;
    job_change what;
  };
  static constexpr std::uint64_t tick_ns = 1024;  // the wheel is late by less than this

  // What handlers do; changed at will.
  std::function<outcome(context&)> act = [](context&) { return outcome::done(); };
  options wanted = small_options();  // before open()
  manual_clock clock;
  std::unique_ptr<engine> e;
  std::vector<change> changes;
  std::vector<std::string> said;  // events of the log

  stepped_world() {
    wanted.drains = 1;
    wanted.jobs_max = 8000;  // exact
    wanted.seed = 4711;
  }
  ~stepped_world() {
    if (e) static_cast<void>(e->stop(duration(0)));
  }

  kind_ref kind(const char* name, const kind_options& how = {}) {
    return kinds_.add(
        name,
        [](void* self, context& job, std::span<const std::byte>) {
          return static_cast<stepped_world*>(self)->act(job);
        },
        this, how);
  }

  void open() {
    wanted.hooks = {
        .on_start = [](void* self,
                       const job_change& c) { static_cast<stepped_world*>(self)->note(c); },
        .on_end = [](void* self,
                     const job_change& c) { static_cast<stepped_world*>(self)->note(c); },
        .user = this};
    wanted.log = {[](void* self, const log_record& r) {
                    static_cast<stepped_world*>(self)->said.emplace_back(r.event);
                  },
                  this};
    engine::environment world;
    world.clock = &clock;
    world.run_by = executor::stepped;
    auto built = engine::build(wanted, kinds_, world);
    if (!built) std::abort();
    e = std::move(*built);
    context_ = e->parts().contexts.add(context_role::application, 0);
  }

  queue_ref queue(const std::string& name, const queue_options& how = {}) {
    const auto q = e->queue(*context_, name, how);
    if (!q) std::abort();
    return *q;
  }
  submit_answer try_submit(queue_ref q, kind_ref k, const job_options& how = {},
                           std::span<const std::byte> payload = {}) {
    const submit_answer a = take_in(e->parts(), *context_, q, k, payload, how);
    if (a.reason != reject::memory) return a;
    return take_in_scarce(e->parts(), *context_, q, k, payload, how);
  }
  job_id submit(queue_ref q, kind_ref k, const job_options& how = {},
                std::span<const std::byte> payload = {}) {
    const submit_answer a = try_submit(q, k, how, payload);
    EXPECT_TRUE(a) << name(a.reason);
    return a.ticket.id;
  }
  thread_context& context_of_host() { return *context_; }
  job_status find(job_id id) {
    const auto found = e->find(id);
    EXPECT_TRUE(found);
    return found ? *found : job_status{};
  }

  // Everybody works until nobody has anything to do.
  void settle() {
    unsigned steps = 0;
    for (int idle = 0; idle < 2; ++steps) {
      ASSERT_LT(steps, 10'000'000u) << "it never comes to rest";
      bool did = e->step_timer();
      for (unsigned i = 0; i < wanted.drains; ++i) did = e->step_drain(i) || did;
      did = e->step_blocking() || did;
      idle = did ? 0 : idle + 1;
      if (!check_counts) continue;
      ASSERT_NO_FATAL_FAILURE(check_conservation());
    }
  }
  // Time passes; everything happens when it is due.
  void advance_to(std::uint64_t ns) {
    settle();
    while (e->next_timer_ns() <= ns && !::testing::Test::HasFatalFailure()) {
      const std::uint64_t next = e->next_timer_ns();
      ASSERT_GT(next, clock.now_ns) << "something is due and nobody does it";
      clock.now_ns = next;
      settle();
    }
    clock.now_ns = std::max(clock.now_ns, ns);
    settle();
  }
  void advance(duration d) { advance_to(clock.now_ns + static_cast<std::uint64_t>(d.count())); }
  // Time passes at once: a suspended machine, a stopped process.
  void leap(duration d) { clock.now_ns += static_cast<std::uint64_t>(d.count()); }
  // Inside a handler: so much time passes, and the watchdog looks.
  void work_for(duration d) {
    leap(d);
    static_cast<void>(e->step_timer());
  }

  std::vector<std::uint64_t> starts_of(job_id id) const {
    std::vector<std::uint64_t> out;
    for (const change& c : changes) {
      if (c.what.id == id && c.what.state == job_state::running) out.push_back(c.at_ns);
    }
    return out;
  }
  std::vector<job_state> states_of(job_id id) const {
    std::vector<job_state> out;
    for (const change& c : changes) {
      if (c.what.id == id) out.push_back(c.what.state);
    }
    return out;
  }

  // accepted + requeued = ended + alive.
  void check_conservation() {
    const counters c = e->read_counters();
    ASSERT_EQ(c.accepted + c.requeued, c.ended() + e->health().jobs);
  }
  bool check_counts = true;
  bool notes_changes = true;

  // The job was requeued: the next change may be a start again.
  void note_requeued(job_id id) { last_[id.value] = job_state::ready; }

 private:
  void note(const job_change& c) {
    if (!notes_changes) return;
    changes.push_back({clock.now_ns, c});
    const auto known = last_.try_emplace(c.id.value, job_state::ready).first;
    const job_state before = known->second;
    const bool waited = before == job_state::ready || before == job_state::scheduled;
    const std::string edge = std::string(name(before)) + " -> " + std::string(name(c.state)) +
                             ", job " + std::to_string(c.id.value);
    switch (c.state) {
      case job_state::running:
        EXPECT_TRUE(waited) << edge;
        break;
      case job_state::completed:
      case job_state::scheduled:
      case job_state::ready:
        EXPECT_EQ(before, job_state::running) << edge;
        break;
      case job_state::expired:
        EXPECT_TRUE(waited) << edge;
        break;
      case job_state::cancelled:
      case job_state::dead:
        EXPECT_TRUE(waited || before == job_state::running) << edge;
        break;
      default:
        ADD_FAILURE() << edge;
    }
    EXPECT_EQ(c.cause != dead_cause::none, c.state == job_state::dead) << edge;
    known->second = c.state;
  }

  registry kinds_;
  thread_context* context_ = nullptr;
  std::map<std::uint64_t, job_state> last_;
};

}  // namespace pawl::test
