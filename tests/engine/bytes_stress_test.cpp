// Bounds in bytes under overload. Method: rounds of threads that submit far more than fits, singly, in bulks
// and in the place of others, cancel, and set and change bounds, to queues of each policy and to one that gets
// its first bound meanwhile, while drains run what came in. A thread looks all the time whether more is
// counted than the bound. After each round the queues are paused and what is counted is compared with the sum
// over the live jobs; at the end of all there is nothing.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "pawl/unique.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::eventually;
using test::on_threads;
using test::one_in;
using test::open_or_exit;
using test::queue_or_exit;
using test::random_source;
using test::scaled;
using test::small_options;

struct accepted_job {
  job_id id;
  std::size_t queue;
  std::size_t size;
};

bool is_before_its_end(job_state s) {
  return s == job_state::scheduled || s == job_state::ready || s == job_state::blocked ||
         s == job_state::running;
}

class overload {
 public:
  static constexpr std::uint64_t queue_bound = 20'000;
  static constexpr std::uint64_t first_bound = 30'000;
  static constexpr int submitters = 4;

  overload(std::uint64_t seed, bool bounds_scheduler) : random_(seed) {
    kind_ = kinds_.add("k", [](void*, context& job, std::span<const std::byte> payload) {
      if (payload.size() % 7 == 1 && job.attempt() == 1) return outcome::retry(1ms);
      return payload.size() % 11 == 1 ? outcome::dead() : outcome::done();
    });
    options o = small_options();
    if (bounds_scheduler) o.bytes_max = scheduler_bound_ = 50'000;
    s_ = open_or_exit(o, kinds_);
    for (const when_full policy : {when_full::reject, when_full::shed, when_full::block}) {
      add_queue(policy, queue_bound);
    }
  }

  void round() {
    add_queue(when_full::reject, 0);  // for the first time
    const std::size_t first = queues_.size() - 1;
    std::array<std::vector<accepted_job>, submitters> taken;
    std::atomic<bool> over{false};
    std::thread watcher([&] {
      while (!over.load()) look();
    });
    std::array<std::uint64_t, submitters + 1> seeds{};
    for (std::uint64_t& seed : seeds) seed = random_();
    on_threads(submitters + 1, [&](int thread) {
      random_source random(seeds[static_cast<std::size_t>(thread)]);
      if (thread == submitters) return change(random, first);
      for (int i = 0; i < scaled(2000); ++i) {
        submit(random, first, taken[static_cast<std::size_t>(thread)]);
      }
    });
    over = true;
    watcher.join();
    compare(taken);
    for (const queue_ref q : queues_) ASSERT_TRUE(s_->resume(q));
    for (const auto& jobs : taken) {
      for (const accepted_job& j : jobs) static_cast<void>(s_->cancel(j.id));
    }
    ASSERT_TRUE(eventually([&] { return s_->health().jobs == 0; }));
    for (const queue_health& q : s_->health().queues) ASSERT_EQ(q.bytes, 0u) << q.name;
    ASSERT_EQ(s_->health().bytes, 0u);
  }

  std::atomic<std::uint64_t> most{0};
  std::atomic<std::uint64_t> refused{0};
  std::uint64_t compared = 0;

 private:
  void add_queue(when_full policy, std::uint64_t bound) {
    const queue_options how{.bytes_max = bound, .when_full = policy, .block_for = 2ms};
    how_.push_back(how);
    queues_.push_back(queue_or_exit(*s_, "q" + std::to_string(queues_.size()), how));
  }

  void look() {
    const health_report h = s_->health();
    for (std::size_t q = 0; q < 3; ++q) {
      ASSERT_LE(h.queues[q].bytes, queue_bound) << h.queues[q].name;
      most = std::max(most.load(), h.queues[q].bytes);
    }
    if (scheduler_bound_ != 0) {
      ASSERT_LE(h.bytes, scheduler_bound_);
    }
  }

  // Bounds go up and down, never above queue_bound; and the last queue gets its first.
  void change(random_source& random, std::size_t first) {
    for (int i = 0; i < 50; ++i) {
      const auto q = below<std::size_t>(random, 3);
      queue_options how = how_[q];
      how.bytes_max = queue_bound - below(random, queue_bound / 2);
      ASSERT_TRUE(s_->set_options(queues_[q], how));
      if (i == 25) {
        ASSERT_TRUE(s_->set_options(queues_[first], {.bytes_max = first_bound}));
      }
      std::this_thread::sleep_for(100us);
    }
  }

  void submit(random_source& random, std::size_t first, std::vector<accepted_job>& taken) {
    const std::size_t q = one_in(random, 3) ? first : below<std::size_t>(random, 3);
    const auto size = below<std::size_t>(random, 300);
    const auto payload = std::span(some_).first(size);
    switch (below<int>(random, 8)) {
      case 0: {
        if (taken.empty()) return;
        static_cast<void>(s_->cancel(taken[below<std::size_t>(random, taken.size())].id));
        return;
      }
      case 1: {
        const unique_key key{.key = one_in(random, 2) ? "x" : "y",
                             .scope = unique_scope::queue,
                             .on_duplicate = on_duplicate::replace};
        const auto a = s_->submit(queues_[q], kind_, payload, {.after = 1h, .unique = &key});
        return note(a.reason, {a.ticket.id, q, size}, taken);
      }
      case 2: {
        std::vector<job_spec> specs(below<std::size_t>(random, 20), job_spec{payload, {}});
        std::vector<job_id> ids(specs.size());
        const submit_answers a = s_->submit_bulk(queues_[q], kind_, specs, ids);
        for (std::size_t i = 0; i < a.accepted; ++i) taken.push_back({ids[i], q, size});
        if (!a) ++refused;
        return;
      }
      case 3: {
        const auto a = s_->submit(queues_[q], kind_, payload, {.after = 1ms});
        return note(a.reason, {a.ticket.id, q, size}, taken);
      }
      default: {
        const auto a = s_->submit(
            queues_[q], kind_, payload,
            {.priority = static_cast<priority>(below<unsigned>(random, priority_count))});
        return note(a.reason, {a.ticket.id, q, size}, taken);
      }
    }
  }

  void note(reject reason, const accepted_job& job, std::vector<accepted_job>& taken) {
    if (reason == reject::none) {
      taken.push_back(job);
    } else {
      ++refused;
    }
  }

  // Nothing starts any more, and in a moment nothing ends any more.
  void compare(const std::array<std::vector<accepted_job>, submitters>& taken) {
    for (const queue_ref q : queues_) ASSERT_TRUE(s_->pause(q));
    const auto is_same = [&] {
      std::vector<std::uint64_t> sums(queues_.size());
      std::uint64_t looked_at = 0;
      for (const auto& jobs : taken) {
        for (const accepted_job& j : jobs) {
          if (!is_before_its_end(s_->find(j.id)->state)) continue;
          sums[j.queue] += j.size;
          ++looked_at;
        }
      }
      const health_report h = s_->health();
      for (std::size_t q = 0; q < queues_.size(); ++q) {
        if (h.queues[q].bytes != sums[q]) return false;
      }
      compared += looked_at;
      return true;
    };
    ASSERT_TRUE(eventually(is_same));
  }

  random_source random_;
  registry kinds_;
  kind_ref kind_;
  std::uint64_t scheduler_bound_ = 0;
  std::vector<queue_options> how_;
  std::vector<queue_ref> queues_;
  std::unique_ptr<scheduler> s_;
  std::vector<std::byte> some_{300};
};

void storm(bool bounds_scheduler) {
  overload o(test::fresh_seed(), bounds_scheduler);
  for (int round = 0; round < scaled(20) && !::testing::Test::HasFatalFailure(); ++round) {
    o.round();
  }
  std::printf("at most %llu bytes seen, %llu calls refused\n",
              static_cast<unsigned long long>(o.most.load()),
              static_cast<unsigned long long>(o.refused.load()));
  EXPECT_GT(o.compared, 0u);
  EXPECT_GT(o.refused.load(), 0u);
  EXPECT_GT(o.most.load(), overload::queue_bound / 4);
}

TEST(bytes_stress, bounds_of_queues_hold_under_overload) {
  storm(false);
}
TEST(bytes_stress, the_bound_of_the_scheduler_holds_under_overload) {
  storm(true);
}

TEST(bytes_stress, a_blocking_submit_goes_on_as_soon_as_there_is_room) {
  // Four threads push through a few bytes far more than fits, one in bulks; nobody may give up.
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = small_options();
  o.bytes_max = 900;
  const auto s = open_or_exit(o, kinds);
  const queue_options how{
      .bytes_max = 600, .when_full = when_full::block, .block_for = test::patience};
  const std::array<queue_ref, 2> queues{queue_or_exit(*s, "a", how), queue_or_exit(*s, "b", how)};
  const std::vector<std::byte> some(600);
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<int> refused{0};
  std::array<std::uint64_t, 4> seeds{};
  random_source seed(test::fresh_seed());
  for (std::uint64_t& n : seeds) n = seed();
  on_threads(4, [&](int thread) {
    random_source random(seeds[static_cast<std::size_t>(thread)]);
    for (int i = 0; i < scaled(1000); ++i) {
      const queue_ref q = queues[below<std::size_t>(random, 2)];
      std::vector<job_spec> specs(thread == 0 ? 5 : 1);
      for (job_spec& spec : specs) {
        spec.payload = std::span(some).first(1 + below<std::size_t>(random, 600));
      }
      const submit_answers a = thread < 2 ? s->submit_bulk(q, kind, specs) : submit_answers{};
      if (thread >= 2 && !s->submit(q, kind, specs[0].payload)) ++refused;
      if (!a) ++refused;
      accepted += thread < 2 ? a.accepted : 1;
    }
  });
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == accepted.load(); }));
  EXPECT_EQ(s->health().bytes, 0u);
}

}  // namespace
}  // namespace pawl
