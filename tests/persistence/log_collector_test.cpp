#include "persistence/log_collector.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "crash/sim_disk.hpp"
#include "persistence/log_reader.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using test::sim_disk;

// A ring and the numbers that were published in it, each as eight bytes.
struct source {
  thread_ring ring{ring_memory(std::move(*mirrored_memory::make(64u << 10)))};
  bool publish(std::uint64_t number, const cut_count& cut) {
    if (!ring.has_room(8)) return false;
    byte_writer(ring.room(8)).u64(number);
    ring.publish(8, cut);
    return true;
  }
};

// By ring, what is in the log.
class number_taker final : public cut_taker {
 public:
  std::map<std::uint32_t, std::vector<std::uint64_t>> numbers;
  status take(const log_cut& cut) override {
    for (const cut_part& part : cut.parts) {
      byte_reader r(part.bytes);
      while (r.left() != 0) numbers[part.ring].push_back(r.u64());
      EXPECT_TRUE(r.ok());
    }
    return std::monostate{};
  }
};

// A log with its collector, over a disk that forgets.
struct logged {
  explicit logged(sim_disk& disk, bool is_lazy = false)
      : writer(disk, {.segment_bytes = segment_bytes_min}) {
    disk.lazy = is_lazy;
    EXPECT_TRUE(writer.begin({}));
  }
  log_collector::next_look step(bool wants_durable = true) {
    now.boot_ns += 1'000;
    return collector.step(now, wants_durable);
  }
  boot_moment now{.wall_ns = 1, .boot_ns = 1};
  log_writer writer;
  cut_count cut{1};
  log_collector collector{writer, cut, {}};
};

TEST(log_collector, a_ticket_is_durable_when_its_cut_is) {
  sim_disk disk(3);
  logged log(disk);
  source s;
  ASSERT_TRUE(log.collector.add(s.ring));
  EXPECT_FALSE(log.collector.has_published());
  ASSERT_TRUE(s.publish(7, log.cut));
  const std::uint64_t ticket = log.cut.now();
  EXPECT_TRUE(log.collector.has_published());
  EXPECT_LT(log.collector.durable_lsn(), ticket);
  for (int i = 0; i < 4; ++i) log.step();
  EXPECT_GE(log.collector.durable_lsn(), ticket);
  EXPECT_FALSE(log.collector.has_published());
  number_taker found;
  EXPECT_FALSE(read_log(disk, found).fault);
  EXPECT_EQ(found.numbers[1], std::vector<std::uint64_t>{7});
}

// Nothing to wait for: at once. Something under way: others join, for as long as the rule says.
TEST(log_collector, gathers_while_it_writes) {
  sim_disk disk(3);
  logged log(disk, true);
  source s;
  ASSERT_TRUE(log.collector.add(s.ring));
  ASSERT_TRUE(s.publish(1, log.cut));
  EXPECT_TRUE(log.step().again) << "an idle log writes at once";
  const std::uint64_t frames = log.writer.frames();
  ASSERT_TRUE(s.publish(2, log.cut));
  ASSERT_TRUE(s.publish(3, log.cut));
  const auto next = log.step(false);
  EXPECT_FALSE(next.again);
  EXPECT_GT(next.wait_ns, 0u);
  log.now.boot_ns += next.wait_ns;
  EXPECT_TRUE(log.step(false).again) << "its patience has an end";
  EXPECT_EQ(log.writer.frames(), frames + 1) << "both in one frame";
}

// A full disk: the cut stays in the rings, and comes with the next.
TEST(log_collector, a_refused_cut_is_not_lost) {
  sim_disk disk(3);
  logged log(disk);
  source s;
  ASSERT_TRUE(log.collector.add(s.ring));
  std::uint64_t number = 0;
  std::vector<std::uint64_t> wanted;
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 100; ++i) {
      if (s.publish(++number, log.cut)) wanted.push_back(number);
    }
    disk.is_full = round % 7 < 3;
    const auto next = log.step();
    if (next.refused.code == errc::no_space) ++refused;
    ASSERT_FALSE(log.collector.has_failed()) << round;
    disk.is_full = false;
    log.step();
  }
  EXPECT_GT(refused, 0);
  ASSERT_TRUE(log.collector.flush(log.now));
  number_taker found;
  EXPECT_FALSE(read_log(disk, found).fault);
  EXPECT_EQ(found.numbers[1], wanted);
}

// Threads that publish, and come and go with their rings; the log's thread; and what was durable when it was
// asked for is there after a power cut.
TEST(log_collector, what_threads_published_is_there) {
  test::random_source random(test::fresh_seed());
  sim_disk disk(random());
  logged log(disk, true);
  constexpr std::size_t threads = 3;
  const auto each = static_cast<std::uint64_t>(test::scaled(30'000));
  std::array<source, threads> sources;
  std::array<std::uint64_t, threads> known_durable{};
  std::atomic<std::size_t> running{threads};
  std::vector<std::thread> owners;
  for (std::size_t i = 0; i < threads; ++i) {
    owners.emplace_back([&, i] {
      EXPECT_TRUE(log.collector.add(sources[i].ring));
      for (std::uint64_t n = 1; n <= each; ++n) {
        while (!sources[i].publish(n, log.cut)) std::this_thread::yield();
        if (n % 500 != 0) continue;
        const std::uint64_t ticket = log.cut.now();
        while (log.collector.durable_lsn() < ticket) std::this_thread::yield();
        known_durable[i] = n;
      }
      --running;
    });
  }
  while (running != 0) {
    if (const auto next = log.step(); !next.again && next.is_under_way) log.collector.await();
  }
  for (std::thread& t : owners) t.join();
  sim_disk left =
      disk.crash([&](std::size_t) { return random() % 2 == 0; }, 0, test::lost_as::torn, 1);
  number_taker found;
  const log_summary summary = read_log(left, found);
  ASSERT_FALSE(summary.fault) << summary.fault->cause.where;
  ASSERT_EQ(found.numbers.size(), threads);
  std::uint64_t sum = 0;
  for (const auto& [ring, numbers] : found.numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) ASSERT_EQ(numbers[i], i + 1);
    sum += numbers.size();
  }
  std::uint64_t durable = 0;
  for (const std::uint64_t n : known_durable) durable += n;
  EXPECT_GE(sum, durable) << "something that was durable is lost";
  EXPECT_GT(durable, 0u);
}

}  // namespace
}  // namespace pawl
