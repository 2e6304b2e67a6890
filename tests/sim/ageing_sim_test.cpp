// The wait of a low priority is bounded. Method: the engine on one thread under a virtual clock, its
// highest band never empty; low jobs arrive at random, and each one's wait is compared with
//   ageing * rank + 61 * s * q * ceil((n + 1) / b) * T
// s lagging bands, q queues with work in the band, n jobs of it ahead, b jobs in a batch of it, T the
// longest batch. Of several drains the one whose time is least far steps next, as if they ran beside each other; each of
// them keeps the bound, so all do.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/intake.hpp"
#include "policy/dispatch.hpp"
#include "sim/manual_clock.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::below;
using test::bytes_of;
using test::random_source;
using test::value_of;

constexpr std::uint64_t low_handler_ns = 4000;  // five to a batch

struct measured_job {
  unsigned band = 0;
  std::uint64_t submitted_ns = 0;
  std::uint64_t ahead = 0;  // of its band, in all queues, when it came
  std::uint64_t wait_ns = 0;
};

class ageing_run {
 public:
  ageing_run(std::uint64_t seed, std::uint64_t ageing_ns) : random_(seed), ageing_ns_(ageing_ns) {
    kind_ = kinds_.add(
        "k",
        [](void* self, context& job, std::span<const std::byte> payload) {
          static_cast<ageing_run*>(self)->run(job, value_of<std::uint64_t>(payload));
          return outcome::done();
        },
        this);
    options o = test::small_options();
    o.drains = 1 + below<unsigned>(random_, 4);
    times_.assign(o.drains, clock_.now_ns);
    o.ageing = duration(static_cast<std::int64_t>(ageing_ns));
    engine::environment world;
    world.clock = &clock_;
    world.run_by = executor::stepped;
    auto built = engine::build(o, kinds_, world);
    if (!built) std::abort();
    engine_ = std::move(*built);
    context_ = engine_->parts().contexts.add(context_role::application, 0);
    bands_ = 1 + below<unsigned>(random_, 3);
    queues_ = 1 + below<unsigned>(random_, 3);
    high_ns_ = 500 + below(random_, 30'000);
    for (unsigned i = 0; i <= queues_; ++i) {
      refs_.push_back(*engine_->queue(*context_, "q" + std::to_string(i), {}));
    }
  }
  ~ageing_run() { static_cast<void>(engine_->stop(duration(0))); }

  void check(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
      while (high_alive_ < 600) submit(0, 0);
      // Bursts, so that there are jobs ahead.
      if (test::one_in(random_, 20)) {
        for (auto n = below<unsigned>(random_, 20); n > 0; --n) {
          submit(1 + below<unsigned>(random_, queues_), low_band(below<unsigned>(random_, bands_)));
        }
      }
      const std::uint64_t before = clock_.now_ns;
      ASSERT_TRUE(step());
      longest_batch_ns_ = std::max(longest_batch_ns_, batch_end_ns_ - before);
    }
    // The low bands run dry under the same load.
    for (unsigned i = 0; low_alive() != 0 && i < 10'000'000; ++i) {
      while (high_alive_ < 600) submit(0, 0);
      ASSERT_TRUE(step());
    }
    ASSERT_EQ(low_alive(), 0u);
    const std::uint64_t batch = batch_size(low_handler_ns, 256);
    for (const measured_job& j : done_) {
      const std::uint64_t batches = (j.ahead + 1 + batch - 1) / batch;
      const std::uint64_t bound =
          ageing_ns_ * j.band + aged_pick_period * bands_ * queues_ * batches * longest_batch_ns_;
      ASSERT_LE(j.wait_ns, bound) << "band " << j.band << ", " << j.ahead << " ahead, " << bands_
                                  << " bands, " << queues_ << " queues";
      tightest_ = std::max(tightest_, static_cast<double>(j.wait_ns) / static_cast<double>(bound));
    }
    measured_ = done_.size();
  }
  double tightest() const { return tightest_; }
  std::size_t measured() const { return measured_; }

 private:
  static unsigned low_band(unsigned i) { return 7 - 2 * i; }

  // A batch of the drain that is least far. The clock shows the time of the next one then.
  bool step() {
    const auto least = std::min_element(times_.begin(), times_.end());
    clock_.now_ns = *least;
    const bool did = engine_->step_drain(static_cast<unsigned>(least - times_.begin()));
    *least = batch_end_ns_ = clock_.now_ns;
    clock_.now_ns = *std::min_element(times_.begin(), times_.end());
    return did;
  }

  void submit(unsigned queue, unsigned band) {
    const std::uint64_t serial = jobs_.size();
    jobs_.push_back({band, clock_.now_ns, alive_[band], 0});
    ++alive_[band];
    if (band == 0) ++high_alive_;
    if (!take_in(engine_->parts(), *context_, refs_[queue], kind_, bytes_of(serial),
                 job_options{.priority = static_cast<priority>(band)})) {
      std::abort();
    }
  }
  void run(const context&, std::uint64_t serial) {
    measured_job& j = jobs_[serial];
    --alive_[j.band];
    if (j.band == 0) {
      --high_alive_;
      clock_.now_ns += high_ns_;
      return;
    }
    j.wait_ns = clock_.now_ns - j.submitted_ns;
    done_.push_back(j);
    clock_.now_ns += low_handler_ns;
  }
  std::uint64_t low_alive() const {
    std::uint64_t sum = 0;
    for (const auto& [band, n] : alive_) sum += band == 0 ? 0 : n;
    return sum;
  }

  random_source random_;
  const std::uint64_t ageing_ns_;
  test::manual_clock clock_;
  std::vector<std::uint64_t> times_;  // of each drain
  std::uint64_t batch_end_ns_ = 0;    // of the last step
  registry kinds_;
  kind_ref kind_;
  std::unique_ptr<engine> engine_;
  thread_context* context_ = nullptr;
  std::vector<queue_ref> refs_;
  unsigned bands_ = 1;
  unsigned queues_ = 1;
  std::uint64_t high_ns_ = 0;
  std::uint64_t high_alive_ = 0;
  std::uint64_t longest_batch_ns_ = 0;
  std::map<unsigned, std::uint64_t> alive_;
  std::vector<measured_job> jobs_;
  std::vector<measured_job> done_;
  double tightest_ = 0;
  std::size_t measured_ = 0;
};

TEST(ageing_sim, no_low_job_waits_longer_than_the_bound) {
  random_source random(test::fresh_seed());
  double tightest = 0;
  std::size_t measured = 0;
  for (int i = 0; i < test::scaled(40); ++i) {
    const std::uint64_t seed = random();
    SCOPED_TRACE("inner seed " + std::to_string(seed));
    ageing_run run(seed, 100'000 + below(random, 20'000'000));
    run.check(8000);
    if (::testing::Test::HasFailure()) return;
    tightest = std::max(tightest, run.tightest());
    measured += run.measured();
  }
  std::printf("%zu jobs; the longest wait was %.2f of its bound\n", measured, tightest);
  EXPECT_GT(measured, 0u);
}

}  // namespace
}  // namespace pawl
