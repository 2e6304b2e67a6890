// No limit is exceeded at any start: ten million of them. Method: many small engines without threads, under a
// virtual clock, each with limits, pauses, holds, breakers and lanes drawn from a seed and changed all the time.
// Handlers step the other drains and the pool, so attempts overlap. Each start is held against everything
// that is in force for its scheduler, queue, kind, tenant and lane, by a few numbers; and what was accepted
// must have ended when everything is opened.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/intake.hpp"
#include "sim/limit_oracles.hpp"
#include "sim/manual_clock.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;
using test::breaker_oracle;
using test::one_in;
using test::scope_oracle;

class world {
 public:
  explicit world(std::uint64_t seed) : random_(seed) {
    options o = test::small_options();
    o.executor = executor::stepped;
    o.drains = drains;
    o.jobs_max = 8000;
    o.dead_in_memory = 10;
    o.seed = 1 + seed % 1000;
    o.log.write = [](void*, const log_record&) {};  // of breakers, mostly
    if (one_in(random_, 3)) {
      o.start_rate = random_rate();
      all_.rate.set(o.start_rate);
    }
    registry kinds;
    for (unsigned i = 0; i < kind_count; ++i) {
      kind_options how{.blocking = i == 2,
                       .max_attempts = 2,
                       .backoff = {.base = std::chrono::microseconds(300)},
                       .limits = random_limits()};
      if (i % 2 == 1) {
        how.breaker = {.window = static_cast<std::uint16_t>(4 + below(random_, 60)),
                       .attempts_min = 4,
                       .open_for = std::chrono::microseconds(100 + below<int>(random_, 2000)),
                       .trials = static_cast<std::uint16_t>(1 + below(random_, 3))};
      }
      rules_[i] = how.breaker;
      kind_scopes_[i].set(how.limits);
      kinds_[i] = kinds.add(
          "k" + std::to_string(i),
          [](void* self, context& job, std::span<const std::byte> payload) {
            return static_cast<world*>(self)->act(job, payload);
          },
          this, how);
    }
    engine::environment around;
    around.clock = &clock_;
    around.run_by = executor::stepped;
    auto built = engine::build(o, kinds, around);
    if (!built) std::abort();
    engine_ = std::move(*built);
    host_ = engine_->parts().contexts.add(context_role::application, 0);
    for (unsigned i = 0; i < queue_count; ++i) {
      queue_wishes_[i].order = i == 1 ? queue_order::deadline : queue_order::fifo;
      queue_wishes_[i].limits = random_limits();
      queue_wishes_[i].lanes = random_lanes();
      note_queue(i);
      queues_[i] = *engine_->queue(*host_, "q" + std::to_string(i), queue_wishes_[i]);
    }
    for (unsigned i = 1; i < tenant_count; ++i) {
      const limits wanted = random_limits();
      tenants_[i] = *engine_->tenant(*host_, "t" + std::to_string(i), {wanted});
      tenant_scopes_[i].set(wanted);
    }
  }
  ~world() { static_cast<void>(engine_->stop(duration(0))); }

  // So many starts, or as many as come of so many operations.
  std::uint64_t run(std::uint64_t starts_max) {
    for (std::uint64_t i = 0; i < starts_max && starts_ < starts_max && ok(); ++i) one_operation();
    if (ok()) finish();
    return starts_;
  }
  [[nodiscard]] bool ok() const { return wrong_ == nullptr && !::testing::Test::HasFatalFailure(); }
  [[nodiscard]] std::string wrong() const { return wrong_ == nullptr ? "" : wrong_; }
  std::uint64_t times_opened() {
    std::uint64_t sum = 0;
    for (unsigned i = 1; i < kind_count; i += 2) {
      sum += engine_->parts().gates.of_kind(i).trips()->opened();
    }
    return sum;
  }

 private:
  static constexpr unsigned drains = 3;
  static constexpr unsigned kind_count = 4;  // 1 and 3 with a breaker, 2 blocks
  static constexpr unsigned queue_count = 3;
  static constexpr unsigned tenant_count = 4;  // 0: none
  static constexpr unsigned lane_count = 12;   // of each queue; 0: none
  static constexpr std::uint64_t alive_max = 1500;

  // The payload of a job.
  struct tag {
    std::uint32_t tenant;
    std::uint32_t lane;
  };

  rate_limit random_rate() {
    return {1 + below<std::uint32_t>(random_, 400),
            std::chrono::milliseconds(1 + below<int>(random_, 2)),
            1 + below<std::uint32_t>(random_, one_in(random_, 2) ? 4 : 300)};
  }
  limits random_limits() {
    limits l;
    if (one_in(random_, 3)) l.concurrency = 1 + below<std::uint32_t>(random_, 4);
    if (one_in(random_, 3)) l.rate = random_rate();
    return l;
  }
  lane_options random_lanes() {
    lane_options l;
    l.concurrency = 1 + below<std::uint32_t>(random_, 2);
    if (one_in(random_, 3))
      l.rate = {1 + below<std::uint32_t>(random_, 40), std::chrono::milliseconds(1), 3};
    l.on_failure = one_in(random_, 2) ? on_failure::skip : on_failure::dead_then_continue;
    return l;
  }
  // As the engine is told of them: lanes that are there keep their pauses.
  void note_queue(unsigned i) {
    queue_scopes_[i].set(queue_wishes_[i].limits);
    for (scope_oracle& lane : lane_scopes_[i]) {
      lane.set(
          {.concurrency = queue_wishes_[i].lanes.concurrency, .rate = queue_wishes_[i].lanes.rate});
    }
  }

  void say(const char* what, const char* of) {
    if (what == nullptr || wrong_ != nullptr) return;
    wrong_text_ = std::string("a start of the ") + of + " " + what;
    wrong_ = wrong_text_.c_str();
  }

  outcome act(context& job, std::span<const std::byte> payload) {
    ++starts_;
    tag of{};
    std::memcpy(&of, payload.data(), sizeof of);
    const unsigned q = job.queue().index;
    const unsigned k = job.kind().index;
    const std::uint64_t now = clock_.now_ns;
    say(all_.start(now), "scheduler");
    say(queue_scopes_[q].start(now), "queue");
    say(kind_scopes_[k].start(now), "kind");
    if (of.tenant != 0) say(tenant_scopes_[of.tenant].start(now), "tenant");
    if (of.lane != 0) say(lane_scopes_[q][of.lane].start(now), "lane");
    const breaker* const trips = engine_->parts().gates.of_kind(k).trips();
    if (trips != nullptr) say(breakers_[k].start(*trips, rules_[k], now), "kind");
    const std::uint64_t opened_before = breakers_[k].opened;
    if (depth_ < drains && below(random_, 8) == 0) run_others();
    all_.end();
    queue_scopes_[q].end();
    kind_scopes_[k].end();
    if (of.tenant != 0) tenant_scopes_[of.tenant].end();
    if (of.lane != 0) lane_scopes_[q][of.lane].end();
    const bool is_same_epoch = breakers_[k].opened == opened_before;
    const auto end = [&](bool counts, bool failed) {
      if (trips != nullptr && is_same_epoch) breakers_[k].end(counts, failed);
    };
    const std::uint64_t luck = below(random_, 100);
    if (luck < bad_luck_) {
      end(true, true);
      return outcome::fail();
    }
    if (luck >= 97) {
      end(false, false);
      return luck == 97 ? outcome::yield() : outcome::snooze(std::chrono::microseconds(200));
    }
    end(true, false);
    return outcome::done();
  }

  // On the other drains and in the pool, while a handler runs.
  void run_others() {
    ++depth_;
    clock_.now_ns += below(random_, 100'000);
    for (unsigned i = 0; i < drains; ++i) step_drain(i);
    step_pool();
    --depth_;
  }
  void step_drain(unsigned i) {
    if (busy_[i]) return;
    busy_[i] = true;
    static_cast<void>(engine_->step_drain(i));
    busy_[i] = false;
  }
  void step_pool() {
    if (busy_pool_) return;
    busy_pool_ = true;
    static_cast<void>(engine_->step_blocking());
    busy_pool_ = false;
  }

  void submit() {
    const unsigned q = below<unsigned>(random_, queue_count);
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      tags_[i] = {below<std::uint32_t>(random_, tenant_count),
                  one_in(random_, 2) ? 0 : below<std::uint32_t>(random_, lane_count)};
      job_options& how = specs_[i].options;
      how = {};
      how.priority = static_cast<priority>(below(random_, priority_count));
      how.tenant = tenants_[tags_[i].tenant];
      if (tags_[i].lane != 0) how.lane = lane_name(tags_[i].lane);
      if (one_in(random_, 16)) how.after = duration(below<std::int64_t>(random_, 1'000'000));
      specs_[i].payload = test::bytes_of(tags_[i]);
    }
    const auto answer = take_in(engine_->parts(), *host_, queues_[q],
                                kinds_[below<std::size_t>(random_, kind_count)], specs_, {});
    ASSERT_TRUE(answer) << name(answer.reason);
  }
  static std::string_view lane_name(std::uint32_t lane) {
    return std::string_view("abcdefghijklmnop").substr(lane, 1);
  }

  // One of all scopes; 0: the scheduler.
  static constexpr unsigned scope_count =
      1 + queue_count + kind_count + tenant_count - 1 + queue_count * (lane_count - 1);
  struct found {
    scope of;
    scope_oracle* oracle;
  };
  found scope_at(unsigned i) {
    if (i == 0) return {scope::all(), &all_};
    --i;
    if (i < queue_count) return {queues_[i], &queue_scopes_[i]};
    i -= queue_count;
    if (i < kind_count) return {kinds_[i], &kind_scopes_[i]};
    i -= kind_count;
    if (i < tenant_count - 1) return {tenants_[i + 1], &tenant_scopes_[i + 1]};
    i -= tenant_count - 1;
    const unsigned lane = 1 + i % (lane_count - 1);
    const unsigned q = i / (lane_count - 1);
    return {lane_ref{queues_[q], lane_name(lane)}, &lane_scopes_[q][lane]};
  }
  found random_scope() {
    const bool is_lane = one_in(random_, 3);
    constexpr unsigned others = scope_count - queue_count * (lane_count - 1);
    return scope_at(is_lane ? others + below<unsigned>(random_, scope_count - others)
                            : below<unsigned>(random_, others));
  }

  void change_limits() {
    const found s = random_scope();
    if (s.of.of() == scope::part::lane) {
      const unsigned q = s.of.lane().queue.index;
      queue_wishes_[q].lanes = random_lanes();
      queue_wishes_[q].limits = random_limits();
      ASSERT_TRUE(engine_->set_options(*host_, queues_[q], queue_wishes_[q]));
      return note_queue(q);
    }
    limits wanted = random_limits();
    if (s.of.of() == scope::part::scheduler) wanted.concurrency = 0;
    ASSERT_TRUE(engine_->set_limits(*host_, s.of, wanted));
    s.oracle->set(wanted);
    if (s.of.of() == scope::part::queue) queue_wishes_[s.of.queue().index].limits = wanted;
  }
  void set_paused(const found& s, bool is_paused) {
    if (is_paused) {
      ASSERT_TRUE(engine_->pause(*host_, s.of, {}));
    } else {
      ASSERT_TRUE(engine_->resume(*host_, s.of));
    }
    s.oracle->is_paused = is_paused;
  }
  void pause_or_resume() {
    // Not many at a time, or little starts.
    if (paused_.size() < 2 && one_in(random_, 2)) {
      const found s = random_scope();
      if (s.oracle->is_paused) return;
      set_paused(s, true);
      paused_.push_back(s);
    } else if (!paused_.empty()) {
      set_paused(paused_.front(), false);
      paused_.erase(paused_.begin());
    }
  }
  void hold() {
    const found s = random_scope();
    const duration span(1 + below<std::int64_t>(random_, 300'000));
    ASSERT_TRUE(engine_->hold(*host_, s.of, span));
    s.oracle->held_until_ns =
        std::max(s.oracle->held_until_ns, clock_.now_ns + static_cast<std::uint64_t>(span.count()));
  }

  void one_operation() {
    switch (below<unsigned>(random_, 64)) {
      case 0:
        return change_limits();
      case 1:
      case 2:
        return pause_or_resume();
      case 3:
        return hold();
      case 4:
        bad_luck_ = one_in(random_, 3) ? 80 : below(random_, 10);
        return;
      default:
        break;
    }
    if (engine_->parts().room.in_use() + specs_.size() < alive_max) submit();
    const std::uint64_t before = starts_;
    static_cast<void>(engine_->step_timer());
    for (unsigned i = 0; i < drains; ++i) step_drain(i);
    step_pool();
    clock_.now_ns += below(random_, starts_ == before ? 400'000 : 50'000);
  }

  // Everything is opened; all that was accepted ends, and every count is 0.
  void finish() {
    bad_luck_ = 0;
    for (const found& s : paused_) set_paused(s, false);
    for (unsigned i = 0; i < queue_count; ++i) {
      queue_wishes_[i].lanes.rate = {};
      queue_wishes_[i].limits = {};
      ASSERT_TRUE(engine_->set_options(*host_, queues_[i], queue_wishes_[i]));
      note_queue(i);
    }
    for (unsigned i = 0; i < scope_count - queue_count * (lane_count - 1); ++i) {
      const found s = scope_at(i);
      ASSERT_TRUE(engine_->set_limits(*host_, s.of, {}));
      s.oracle->set({});
    }
    core& c = engine_->parts();
    for (int i = 0; i < 100'000 && c.room.in_use() != 0 && wrong_ == nullptr; ++i) {
      static_cast<void>(engine_->step_timer());
      for (unsigned d = 0; d < drains; ++d) step_drain(d);
      step_pool();
      clock_.now_ns += 20'000;
    }
    if (wrong_ != nullptr) return;
    ASSERT_EQ(c.room.in_use(), 0u) << "jobs were forgotten";
    const counters n = engine_->read_counters();
    ASSERT_EQ(n.accepted, n.ended());
    for (unsigned i = 0; i < queue_count; ++i) ASSERT_EQ(c.queues.at(i)->limits().used(), 0u);
    for (unsigned i = 0; i < kind_count; ++i) ASSERT_EQ(c.gates.of_kind(i).of().used(), 0u);
  }

  test::random_source random_;
  test::manual_clock clock_;
  std::unique_ptr<engine> engine_;
  thread_context* host_ = nullptr;
  std::array<kind_ref, kind_count> kinds_;
  std::array<breaker_rule, kind_count> rules_;
  std::array<queue_ref, queue_count> queues_;
  std::array<queue_options, queue_count> queue_wishes_;
  std::array<tenant_ref, tenant_count> tenants_{};
  scope_oracle all_;
  std::array<scope_oracle, queue_count> queue_scopes_;
  std::array<scope_oracle, kind_count> kind_scopes_;
  std::array<scope_oracle, tenant_count> tenant_scopes_;
  std::array<std::array<scope_oracle, lane_count>, queue_count> lane_scopes_;
  std::array<breaker_oracle, kind_count> breakers_;
  std::array<job_spec, 32> specs_;
  std::array<tag, 32> tags_;
  std::vector<found> paused_;
  std::array<bool, drains> busy_{};
  bool busy_pool_ = false;
  unsigned depth_ = 0;
  std::uint64_t bad_luck_ = 0;  // of 100 attempts
  std::uint64_t starts_ = 0;
  std::string wrong_text_;
  const char* wrong_ = nullptr;
};

TEST(limits_property_test, ten_million_starts_and_none_beyond_a_limit) {
  const std::uint64_t wanted = static_cast<std::uint64_t>(test::scaled(10'000'000));
  const std::uint64_t seed = test::fresh_seed();
  std::uint64_t starts = 0;
  std::uint64_t opened = 0;
  std::uint64_t worlds = 0;
  while (starts < wanted) {
    world w(seed + worlds++);
    starts += w.run(20'000);
    ASSERT_TRUE(w.ok()) << w.wrong() << ", world " << worlds - 1 << " of that seed";
    opened += w.times_opened();
  }
  EXPECT_GT(opened, worlds) << "breakers were at work";
  std::printf("%llu starts in %llu engines, breakers opened %llu times\n",
              static_cast<unsigned long long>(starts), static_cast<unsigned long long>(worlds),
              static_cast<unsigned long long>(opened));
}

}  // namespace
}  // namespace pawl
