// How handler time is divided among queues by the whole engine. Method: an engine without threads whose clock moves only
// inside handlers, so that shares are exact. Each drain has a time of its own, and the one that is least far steps
// next, as if they ran beside each other. Queues are never empty.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "sim/stepped_world.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;

struct weighted_queue {
  queue_ref queue{};
  unsigned weight = 1;
  std::uint64_t handler_ns = 1'000;
  std::uint64_t used_ns = 0;
  std::uint64_t waiting = 0;
};

// Handlers of these lengths, on so many drains, until they have used so much time. Then each queue's share of it.
class weighted_world {
 public:
  weighted_world(std::vector<weighted_queue> queues, unsigned drains) : queues_(std::move(queues)) {
    w_.check_counts = false;
    w_.notes_changes = false;
    w_.wanted.drains = drains;
    w_.wanted.ageing = 0s;
    const kind_ref k = w_.kind("k");
    w_.open();
    for (std::size_t i = 0; i < queues_.size(); ++i) {
      queues_[i].queue = w_.queue("q" + std::to_string(i), {.weight = queues_[i].weight});
      by_queue_[queues_[i].queue.index] = &queues_[i];
    }
    w_.act = [this](context& job) {
      weighted_queue& of = *by_queue_.at(job.queue().index);
      const std::uint64_t took = of.handler_ns / 2 + test::below(random_, of.handler_ns + 1);
      w_.clock.now_ns += took;
      of.used_ns += took;
      --of.waiting;
      return outcome::done();
    };
    kind_ = k;
  }

  void run_for(duration span) {
    std::vector<std::uint64_t> times(w_.wanted.drains, w_.clock.now_ns);
    const std::uint64_t until = w_.clock.now_ns + static_cast<std::uint64_t>(span.count());
    for (;;) {
      const auto next = std::min_element(times.begin(), times.end());
      if (*next >= until) return;
      w_.clock.now_ns = *next;
      for (weighted_queue& q : queues_) {
        for (; q.waiting < 512; ++q.waiting) w_.submit(q.queue, kind_);
      }
      w_.e->step_drain(static_cast<unsigned>(next - times.begin()));
      *next = w_.clock.now_ns;
    }
  }

  void expect_shares(double error_max) const {
    double used = 0;
    double weights = 0;
    for (const weighted_queue& q : queues_) {
      used += static_cast<double>(q.used_ns);
      weights += q.weight;
    }
    for (const weighted_queue& q : queues_) {
      const double share = static_cast<double>(q.used_ns) / used;
      EXPECT_LT(std::abs(share / (q.weight / weights) - 1), error_max)
          << "weight " << q.weight << ", handlers of " << q.handler_ns << " ns: " << share
          << " for " << q.weight / weights;
    }
  }

 private:
  std::vector<weighted_queue> queues_;
  std::map<unsigned, weighted_queue*> by_queue_;
  test::random_source random_{test::fresh_seed()};
  test::stepped_world w_;
  kind_ref kind_;
};

TEST(weights_sim, divide_handler_time_within_five_percent) {
  // From handlers of which two hundred fit into a visit to some that take twenty of them.
  for (const unsigned drains : {1u, 2u, 5u}) {
    weighted_world w({{.weight = 1, .handler_ns = 100},
                      {.weight = 2, .handler_ns = 1'000},
                      {.weight = 3, .handler_ns = 20'000},
                      {.weight = 5, .handler_ns = 100'000},
                      {.weight = 8, .handler_ns = 400'000}},
                     drains);
    w.run_for(2s);
    w.expect_shares(0.05);
  }
}

TEST(weights_sim, divide_it_within_five_percent_at_random) {
  test::random_source random(test::fresh_seed());
  for (int round = 0; round < 3; ++round) {
    std::vector<weighted_queue> queues(2 + test::below<std::size_t>(random, 7));
    for (weighted_queue& q : queues) {
      q.weight = 1 + test::below<unsigned>(random, 8);
      q.handler_ns = 500 + test::below(random, 60'000);
    }
    weighted_world w(queues, 1 + test::below<unsigned>(random, 3));
    w.run_for(2s);
    w.expect_shares(0.05);
  }
}

}  // namespace
}  // namespace pawl
