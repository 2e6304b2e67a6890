// Unique keys on real threads. Method: several threads hammer a few keys while drains run what they
// submit; what a key promises is looked at from inside of handlers and through find(), and all accepted
// jobs are accounted for at the end.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::bytes_of;
using test::eventually;
using test::on_threads;
using test::one_in;
using test::open_or_exit;
using test::queue_or_exit;
using test::random_source;
using test::scaled;
using test::small_options;
using test::value_of;

constexpr int submitters = 4;
constexpr std::array<const char*, 2> texts{"the one", "the other"};

bool is_waiting_state(job_state s) {
  return s == job_state::scheduled || s == job_state::ready || s == job_state::blocked;
}
bool is_live_job_state(job_state s) {
  return is_waiting_state(s) || s == job_state::running;
}

// Submitters are much faster than handlers; if they did not wait now and then, nearly all jobs would be
// replaced before they start.
void let_it_end(scheduler& s, job_id id) {
  static_cast<void>(s.wait(id, test::patience));
}

// Jobs that must not be there side by side: of each key, who was accepted last.
class successions {
 public:
  // `next` was accepted. False: it and the one before it are both in a state that excludes the other.
  // What is asked of a state was so before if it is so now, since the job was accepted.
  template <class F>
  bool follow(const scheduler& s, std::size_t key, job_id next, F excludes) {
    const job_id last{last_[key].exchange(next.value)};
    if (!last) return true;
    return !excludes(s.find(last)->state) || !excludes(s.find(next)->state);
  }

 private:
  std::array<std::atomic<std::uint64_t>, texts.size()> last_{};
};

TEST(unique_stress, of_a_key_at_most_one_job_runs_through_retries_deaths_and_requeues) {
  const std::uint64_t seed = test::fresh_seed();
  constexpr int each = scaled(60'000);
  struct inside {
    std::array<std::atomic<int>, texts.size()> now{};
    std::atomic<int> wrong{0};
    std::atomic<std::uint64_t> calls{0};
  } books;
  registry kinds;
  const kind_ref kind = kinds.add("k",
                                  [](void* user, context&, std::span<const std::byte> payload) {
                                    auto& b = *static_cast<inside*>(user);
                                    const auto key = value_of<std::uint64_t>(payload);
                                    if (b.now[key].exchange(1) != 0) ++b.wrong;
                                    const std::uint64_t call = b.calls.fetch_add(1);
                                    b.now[key] = 0;
                                    switch (call % 5) {
                                      case 0:
                                        return outcome::fail();
                                      case 1:
                                        return outcome::dead();
                                      case 2:
                                        return outcome::yield();
                                      default:
                                        return outcome::done();
                                    }
                                  },
                                  &books, {.max_attempts = 2, .backoff = backoff::fixed(20us)});
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  std::atomic<int> busy{submitters};
  std::atomic<std::uint64_t> requeued{0};
  on_threads(submitters + 1, [&](int thread) {
    random_source random(seed + static_cast<std::uint64_t>(thread));
    if (thread == submitters) {
      while (busy.load() != 0) {
        const auto page = s->list_dead({}, 0, 20);
        ASSERT_TRUE(page);
        for (const dead_letter& d : page->letters) {
          if (s->requeue(d.status.id, d.version)) ++requeued;
        }
        std::this_thread::sleep_for(10us);
      }
      return;
    }
    for (int i = 0; i < each; ++i) {
      const auto which = below<std::uint64_t>(random, texts.size());
      const on_duplicate rule = one_in(random, 20)  ? on_duplicate::replace
                                : one_in(random, 2) ? on_duplicate::existing
                                                    : on_duplicate::reject;
      const unique_key key{.key = texts[which], .on_duplicate = rule};
      const submit_answer a = s->submit(q, kind, bytes_of(which), {.unique = &key});
      ASSERT_TRUE(a || a.reason == reject::duplicate) << name(a.reason);
      if (!a) {
        ASSERT_TRUE(s->find(a.original)) << "a duplicate of a job that never was";
        ASSERT_NE(a.original_state, job_state::ended);
      } else if (one_in(random, 4)) {
        let_it_end(*s, a.ticket.id);
      }
    }
    --busy;
  });
  EXPECT_TRUE(eventually([&] { return s->health().jobs == 0; }));
  EXPECT_EQ(books.wrong, 0);
  const counters c = s->read_counters();
  EXPECT_EQ(c.accepted + c.requeued, c.ended());
  EXPECT_EQ(c.submitted, std::uint64_t{submitters} * each);
  std::printf("%llu accepted, %llu replaced, %llu deduplicated, %llu requeued\n",
              static_cast<unsigned long long>(c.accepted),
              static_cast<unsigned long long>(c.replaced),
              static_cast<unsigned long long>(c.deduplicated),
              static_cast<unsigned long long>(requeued.load()));
}

// One thread's submits of which one excludes the next as `until` says.
void hammer_exclusive(unique_until until) {
  const std::uint64_t seed = test::fresh_seed();
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  successions after;
  std::atomic<int> both{0};
  std::atomic<std::uint64_t> accepted{0};
  on_threads(submitters, [&](int thread) {
    random_source random(seed + static_cast<std::uint64_t>(thread));
    for (int i = 0; i < scaled(40'000); ++i) {
      const auto which = below<std::size_t>(random, texts.size());
      const unique_key key{
          .key = texts[which],
          .until = until,
          .on_duplicate = one_in(random, 2) ? on_duplicate::reject : on_duplicate::replace};
      job_options how{.unique = &key};
      if (one_in(random, 3)) how.after = 30us;
      const submit_answer a = s->submit(q, kind, {}, how);
      if (!a) {
        ASSERT_EQ(a.reason, reject::duplicate);
        ASSERT_TRUE(is_live_job_state(a.original_state)) << name(a.original_state);
        continue;
      }
      ++accepted;
      const bool is_fine =
          after.follow(*s, which, a.ticket.id,
                       until == unique_until::started ? is_waiting_state : is_live_job_state);
      if (!is_fine) ++both;
      if (one_in(random, 8)) let_it_end(*s, a.ticket.id);
    }
  });
  EXPECT_TRUE(eventually([&] { return s->health().jobs == 0; }));
  EXPECT_EQ(both, 0);
  EXPECT_EQ(s->read_counters().accepted, accepted);
}

TEST(unique_stress, of_a_key_until_finished_at_most_one_job_is_live) {
  hammer_exclusive(unique_until::finished);
}

TEST(unique_stress, of_a_key_until_started_at_most_one_job_waits) {
  hammer_exclusive(unique_until::started);
}

TEST(unique_stress, a_job_is_replaced_or_run_and_never_both) {
  const std::uint64_t seed = test::fresh_seed();
  const auto each = static_cast<std::size_t>(scaled(40'000));
  std::vector<std::atomic<int>> runs(submitters * each);
  registry kinds;
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte> payload) {
        ++(*static_cast<std::vector<std::atomic<int>>*>(user))[value_of<std::uint64_t>(payload)];
        return outcome::done();
      },
      &runs);
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  std::array<std::vector<submit_answer>, submitters> answers;
  on_threads(submitters, [&](int thread) {
    random_source random(seed + static_cast<std::uint64_t>(thread));
    auto& mine = answers[static_cast<std::size_t>(thread)];
    for (std::size_t i = 0; i < each; ++i) {
      const unique_key key{
          .key = texts[below<std::size_t>(random, texts.size())],
          .until = one_in(random, 2) ? unique_until::started : unique_until::finished,
          .ttl = one_in(random, 4) ? duration(20us) : duration(0),
          .on_duplicate = one_in(random, 3) ? on_duplicate::replace : on_duplicate::keep_last};
      job_options how{.unique = &key};
      if (one_in(random, 3)) how.after = 20us;
      const std::uint64_t number = static_cast<std::uint64_t>(thread) * each + i;
      mine.push_back(s->submit(q, kind, bytes_of(number), how));
      if (mine.back() && one_in(random, 8)) let_it_end(*s, mine.back().ticket.id);
    }
  });
  EXPECT_TRUE(eventually([&] { return s->health().jobs == 0; }));
  std::unordered_map<std::uint64_t, std::size_t> numbers;
  std::vector<int> replaced(runs.size());
  for (std::size_t n = 0; n < runs.size(); ++n) {
    const submit_answer& a = answers[n / each][n % each];
    if (a) numbers[a.ticket.id.value] = n;
  }
  std::uint64_t replacements = 0;
  for (std::size_t n = 0; n < runs.size(); ++n) {
    const submit_answer& a = answers[n / each][n % each];
    if (a.result() != submit_result::replaced) continue;
    ++replacements;
    ASSERT_TRUE(numbers.contains(a.original.value)) << "it replaced a job that nobody submitted";
    ++replaced[numbers[a.original.value]];
  }
  for (std::size_t n = 0; n < runs.size(); ++n) {
    const bool is_accepted = static_cast<bool>(answers[n / each][n % each]);
    ASSERT_EQ(runs[n] + replaced[n], is_accepted ? 1 : 0) << n;
  }
  const counters c = s->read_counters();
  EXPECT_EQ(c.accepted, numbers.size());
  EXPECT_EQ(c.replaced, replacements);
  EXPECT_EQ(c.cancelled, replacements);
  std::printf("%zu accepted, %llu replaced\n", numbers.size(),
              static_cast<unsigned long long>(replacements));
}

}  // namespace
}  // namespace pawl
