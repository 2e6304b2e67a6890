// Floods by threads of a scheduler with options::memory_bytes_max. Method: every mix of queues and options there
// is, until much is refused; what was accepted must end, the report must be within the budget, and so must be
// the resident memory of the process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::below;
using test::one_in;

constexpr std::uint64_t mib = 1u << 20;

std::vector<std::byte> bytes(std::size_t count) {
  return std::vector<std::byte>(count, std::byte{7});
}

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0;
  if (std::FILE* const f = std::fopen("/proc/self/statm", "r")) {
    unsigned long long all = 0;
    unsigned long long resident = 0;
    if (std::fscanf(f, "%llu %llu", &all, &resident) == 2) pages = resident;
    std::fclose(f);
  }
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

TEST(memory_flood_test, threads_that_flood_stay_within_the_budget_and_the_process_too) {
  constexpr std::uint64_t budget = 96 * mib;
  registry kinds;
  std::atomic<std::uint64_t> calls{0};
  const kind_ref kind = kinds.add(
      "k",
      [](void* user, context&, std::span<const std::byte>) {
        const std::uint64_t call = static_cast<std::atomic<std::uint64_t>*>(user)->fetch_add(1);
        return call % 16 == 0 ? outcome::fail() : outcome::done();
      },
      &calls, {.max_attempts = 3, .backoff = {.base = milliseconds(1), .cap = milliseconds(5)}});
  options o = test::small_options();
  o.memory_bytes_max = budget;
  o.jobs_max = 10'000'000;
  o.payload_memory_bytes_max = 1024 * mib;
  const std::uint64_t resident_before = resident_bytes();
  const auto s = test::open_or_exit(o, kinds);
  const std::array<queue_ref, 4> queues{
      test::queue_or_exit(*s, "rejects", {.jobs_max = 5'000'000}),
      test::queue_or_exit(
          *s, "blocks",
          {.jobs_max = 5'000'000, .when_full = when_full::block, .block_for = milliseconds(2)}),
      test::queue_or_exit(*s, "sheds", {.jobs_max = 5'000'000, .when_full = when_full::shed}),
      test::queue_or_exit(*s, "ordered", {.jobs_max = 5'000'000, .order = queue_order::deadline})};
  const std::uint64_t seed = test::fresh_seed();
  std::uint64_t most_resident = 0;
  for (int round = 0; round < (test::sanitized ? 1 : 3); ++round) {
    ASSERT_TRUE(s->pause(scope::all()));
    std::atomic<std::uint64_t> refused{0};
    test::on_threads(3, [&](int number) {
      test::random_source random(seed + static_cast<std::uint64_t>(round * 10 + number));
      std::vector<job_spec> specs(100);
      const std::vector<std::byte> payload = bytes(5000);
      for (int i = 0; i < test::scaled(400'000); ++i) {
        const std::string key = "k" + std::to_string(below(random, 100'000));
        job_options how;
        how.priority = static_cast<priority>(below(random, priority_count));
        if (one_in(random, 8)) how.after = milliseconds(below<std::int64_t>(random, 2000));
        if (one_in(random, 8)) how.lane = key;
        const queue_ref q = queues[below<std::size_t>(random, 4)];
        const std::span of(payload.data(),
                           one_in(random, 2) ? 0 : below<std::size_t>(random, 5000));
        if (one_in(random, 64)) {
          for (job_spec& spec : specs) spec = {of, {}};
          if (!s->submit_bulk(q, kind, specs)) refused.fetch_add(1);
        } else if (!s->submit(q, kind, of, how)) {
          refused.fetch_add(1);
        }
        if (refused.load() > 4'000) break;
      }
    });
    EXPECT_TRUE(refused.load() > 0 || test::sanitized);
    const memory_report r = s->health().memory;
    EXPECT_LE(r.bytes + r.set_aside_bytes, budget + 4 * mib);
    most_resident = std::max(most_resident, resident_bytes());
    ASSERT_TRUE(s->resume(scope::all()));
    ASSERT_TRUE(test::eventually([&] { return s->health().jobs == 0; }));
    most_resident = std::max(most_resident, resident_bytes());
    const counters c = s->read_counters();
    EXPECT_EQ(c.accepted, c.ended());
  }
  if (!test::sanitized) {
    // Not counted: stacks, oneTBB, the heap's own, the test.
    EXPECT_LE(most_resident - resident_before, budget + 32 * mib);
    std::printf("resident: %llu MiB more, of a budget of %llu MiB\n",
                static_cast<unsigned long long>((most_resident - resident_before) / mib),
                static_cast<unsigned long long>(budget / mib));
  }
}

TEST(memory_flood_test, who_blocks_for_memory_goes_on_when_there_is_some) {
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = test::small_options();
  o.memory_bytes_max = 32 * mib;
  o.jobs_max = 1'000'000;
  const auto s = test::open_or_exit(o, kinds);
  const queue_ref q = test::queue_or_exit(
      *s, "q",
      {.jobs_max = 1'000'000, .when_full = when_full::block, .block_for = milliseconds(20)});
  ASSERT_TRUE(s->pause(q));
  const std::vector<std::byte> payload = bytes(1000);
  const auto submit = [&] { return s->submit(q, kind, std::span<const std::byte>(payload)); };
  submit_answer a;
  std::uint64_t accepted = 0;
  while ((a = submit())) ++accepted;
  EXPECT_EQ(a.reason, reject::memory);
  EXPECT_GT(a.retry_after, duration(0));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(submit().reason, reject::memory);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(20))
      << "it waits as long as it may";
  ASSERT_TRUE(s->set_options(
      q, {.jobs_max = 1'000'000, .when_full = when_full::block, .block_for = seconds(60)}));
  std::atomic<bool> is_in{false};
  std::thread waiter([&] {
    EXPECT_TRUE(submit());
    const std::vector<job_spec> specs(200, job_spec{payload, {}});
    const auto bulk = s->submit_bulk(q, kind, specs);
    EXPECT_EQ(bulk.accepted, specs.size());
    is_in.store(true);
  });
  std::this_thread::sleep_for(milliseconds(5));
  EXPECT_FALSE(is_in.load());
  ASSERT_TRUE(s->resume(q));
  waiter.join();
  EXPECT_TRUE(is_in.load());
  EXPECT_TRUE(test::eventually([&] { return s->read_counters().completed == accepted + 201; }));
}

}  // namespace
}  // namespace pawl
