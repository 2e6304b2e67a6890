#include "engine/wal.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "engine/wal_device.hpp"
#include "persistence/record_epoch.hpp"
#include "sim/manual_clock.hpp"
#include "support/scale.hpp"

namespace pawl {
namespace {

using test::faulty_device;
using test::found_log;
using namespace std::chrono_literals;

constexpr duration long_enough = 60s;

// A log over a directory of its own. Stepped, time passes with each look at the clock.
struct logged {
  explicit logged(bool is_stepped = false) : logged(is_stepped, 1) {}
  logged(bool is_stepped, std::uint64_t floor, std::uint64_t bytes_max = 0)
      : device(directory.path()), writer(device, {.segment_bytes = 1u << 20}) {
    manual.per_look_ns = 1'000;
    EXPECT_TRUE(writer.begin({.wall_ns = 1, .boot_ns = 1}));
    log = std::make_unique<wal>(
        wal::parts{.writer = writer,
                   .clock = is_stepped ? static_cast<const clock_source&>(manual) : system,
                   .floor = floor,
                   .epoch = 1,
                   .bytes_max = bytes_max,
                   .on_durable = [this](std::uint64_t lsn) { told = lsn; },
                   .on_floor = [this](std::uint64_t g) { floor_told = g; },
                   .on_state = [this](log_state s) { states.push_back(s); },
                   .live_jobs = [this] { return live_jobs; }});
    if (!is_stepped) {
      EXPECT_TRUE(log->start());
    }
  }
  // Until nothing is to be done; how many steps that took.
  int step_until_idle() {
    int steps = 0;
    while (log->step()) ++steps;
    return steps;
  }
  test::scratch_directory directory;
  faulty_device device;
  log_writer writer;
  test::manual_clock manual;
  system_clock system;
  std::atomic<std::uint64_t> told{0};
  std::atomic<std::uint64_t> floor_told{0};
  std::vector<log_state> states;  // the log's thread's
  std::uint64_t live_jobs = 0;    // for the bound; before it looks
  std::unique_ptr<wal> log;
};

std::uint64_t publish(log_appender& to, std::uint64_t who, std::uint64_t n, std::uint64_t seen,
                      durability level) {
  if (!to.has_room(24)) to.wait_for_room(24);
  byte_writer w(to.room(24));
  w.u64(who);
  w.u64(n);
  w.u64(seen);
  return to.publish(24, level);
}

// Fills the appender's rings until it has no more room.
std::uint64_t fill(log_appender& to, std::uint64_t n) {
  while (to.has_room(24)) publish(to, 0, ++n, 0, durability::relaxed);
  return n;
}

TEST(wal, what_is_acknowledged_is_in_the_directory_of_a_running_log) {
  logged at;
  const auto in = at.log->make_appender();
  for (std::uint64_t n = 1; n <= 50; ++n) {
    const std::uint64_t lsn = publish(*in, 0, n, 0, durability::durable);
    ASSERT_TRUE(at.log->wait_durable(lsn, long_enough));
    EXPECT_GE(at.log->durable_lsn(), lsn);
    if (n % 10 == 0) {
      EXPECT_GE(found_log(at.directory.path()).last[0], n);
    }
  }
  ASSERT_TRUE(at.log->close(2));
  EXPECT_GE(at.told, 50u) << "the host was told";
}

// A relaxed one does not ask for it; its LSN becomes durable all the same, and so does that of nothing.
TEST(wal, every_lsn_becomes_durable) {
  logged at;
  const auto in = at.log->make_appender();
  for (std::uint64_t n = 1; n <= 20; ++n) {
    const std::uint64_t lsn = publish(*in, 0, n, 0, durability::relaxed);
    if (n % 2 == 0) {
      ASSERT_TRUE(at.log->wait_durable(lsn, long_enough));
    }
    while (at.log->durable_lsn() < lsn) std::this_thread::yield();
    ASSERT_TRUE(at.log->wait_durable(at.log->now_lsn(), long_enough));
  }
}

TEST(wal, waiting_has_an_end) {
  logged at;
  const status s = at.log->wait_durable(at.log->now_lsn() + 1'000'000, 1ms);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::timeout);
  std::thread waiter([&] {
    const status ended = at.log->wait_durable(at.log->now_lsn() + 1'000'000, long_enough);
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().code, errc::stopping);
  });
  at.log->abandon();
  waiter.join();
}

// Threads that publish and see what the other has published: cuts are closed, nothing is lost, each in order; for
// TSan also.
TEST(wal, cuts_of_threads_are_closed) {
  constexpr std::size_t threads = 3;
  const auto each = static_cast<std::uint64_t>(test::scaled(30'000));
  logged at;
  std::array<std::atomic<std::uint64_t>, threads> shown{};
  std::vector<std::thread> owners;
  for (std::size_t i = 0; i < threads; ++i) {
    owners.emplace_back([&, i] {
      const auto in = at.log->make_appender();
      for (std::uint64_t n = 1; n <= each; ++n) {
        const std::uint64_t seen = shown[(i + 1) % threads].load();
        const auto level = n % 3 == 0 ? durability::durable : durability::relaxed;
        const std::uint64_t lsn = publish(*in, i, n, seen, level);
        shown[i].exchange(n);
        if (n % 1'000 == 0) {
          EXPECT_TRUE(at.log->wait_durable(lsn, long_enough));
        }
        if (!at.log->may_give(n)) at.log->wait_for_floor(n);
      }
    });
  }
  for (std::thread& t : owners) t.join();
  ASSERT_TRUE(at.log->close(each + 1));
  const found_log found(at.directory.path());
  EXPECT_FALSE(found.has_hole);
  for (std::size_t i = 0; i < threads; ++i) EXPECT_EQ(found.last[i], each);
  EXPECT_TRUE(found.ends_closed);
  EXPECT_EQ(found.floor, each + 1);
}

TEST(wal, sleeps_when_nothing_happens) {
  logged at;
  const auto in = at.log->make_appender();
  ASSERT_TRUE(at.log->wait_durable(publish(*in, 0, 1, 0, durability::durable), long_enough));
  std::uint64_t rounds = at.log->read().rounds;
  // It comes to rest; no matter when.
  for (int still = 0; still < 4;) {
    std::this_thread::sleep_for(50ms);
    const std::uint64_t now = at.log->read().rounds;
    still = now == rounds ? still + 1 : 0;
    rounds = now;
  }
  EXPECT_EQ(at.log->read().rounds, rounds);
  ASSERT_TRUE(at.log->wait_durable(publish(*in, 0, 2, 0, durability::durable), long_enough));
  EXPECT_GT(at.log->read().rounds, rounds);
}

TEST(wal, a_relaxed_publish_waits_for_others_but_not_long) {
  logged at(true);
  at.step_until_idle();
  const auto in = at.log->make_appender();
  const std::uint64_t frames = at.log->read().frames;
  publish(*in, 0, 1, 0, durability::relaxed);
  EXPECT_FALSE(at.log->step());
  EXPECT_EQ(at.log->read().frames, frames) << "it has patience";
  at.manual.now_ns += 1'000'000;
  EXPECT_TRUE(at.log->step());
  EXPECT_EQ(at.log->read().frames, frames + 1);
  publish(*in, 0, 2, 0, durability::durable);
  at.step_until_idle();
  EXPECT_EQ(at.log->read().frames, frames + 2) << "a durable one has none";
}

TEST(wal, a_full_disk_loses_nothing_and_ends) {
  logged at;
  const auto in = at.log->make_appender();
  at.device.is_full = true;
  std::uint64_t n = 0;
  // Its thread may be slow to find out, and what has no room then never gets any.
  while (at.log->state() == log_state::ok) n = fill(*in, n);
  EXPECT_EQ(at.log->state(), log_state::full);
  EXPECT_EQ(at.log->refusal(), reject::no_space);
  n = fill(*in, n);
  EXPECT_FALSE(in->has_room(24)) << "it has grown as long as it may";
  const std::uint64_t lsn = at.log->now_lsn();
  EXPECT_EQ(at.log->wait_durable(lsn, 1ms).error().code, errc::timeout);
  at.device.is_full = false;
  in->wait_for_room(24);
  publish(*in, 0, ++n, 0, durability::relaxed);
  ASSERT_TRUE(at.log->wait_durable(at.log->now_lsn(), long_enough));
  EXPECT_EQ(at.log->state(), log_state::ok);
  EXPECT_EQ(at.log->refusal(), reject::none);
  ASSERT_TRUE(at.log->close(2));
  EXPECT_EQ(at.states.front(), log_state::full);
  EXPECT_EQ(at.states.back(), log_state::ok);
  const found_log found(at.directory.path());
  EXPECT_FALSE(found.has_hole);
  EXPECT_EQ(found.last[0], n);
}

// It is a reason to refuse what is new, and no other state.
TEST(wal, at_its_bound_it_goes_on_with_what_is_there) {
  constexpr std::uint64_t bound = 8u << 20;
  logged at(true, 1, bound);
  at.live_jobs = bound / 64;
  const auto in = at.log->make_appender();
  std::uint64_t n = 0;
  while (at.log->refusal() == reject::none && n < 1'000'000) {
    publish(*in, 0, ++n, 0, durability::durable);
    at.step_until_idle();
  }
  EXPECT_EQ(at.log->refusal(), reject::log_too_long);
  EXPECT_NEAR(static_cast<double>(at.log->read().bytes), bound / 2, bound / 100);
  EXPECT_EQ(at.log->state(), log_state::ok);
  at.live_jobs = 0;
  while (at.log->read().bytes < 2 * bound) {
    const std::uint64_t lsn = publish(*in, 0, ++n, 0, durability::durable);
    at.step_until_idle();
    ASSERT_GE(at.log->durable_lsn(), lsn) << "what comes of it is written beyond it, too";
  }
  EXPECT_EQ(at.log->refusal(), reject::log_too_long);
  EXPECT_TRUE(at.states.empty());
  ASSERT_TRUE(at.log->close(2));
  EXPECT_EQ(found_log(at.directory.path()).last[0], n);
}

// What it comes back to when the disk has room again.
TEST(wal, a_disk_that_was_full_does_not_hide_the_bound) {
  logged at(true, 1, 1u << 19);  // half a segment
  const auto in = at.log->make_appender();
  at.device.is_full = true;
  std::uint64_t n = 0;
  while (at.log->state() == log_state::ok && n < 1'000'000) {
    publish(*in, 0, ++n, 0, durability::durable);
    at.step_until_idle();
  }
  EXPECT_EQ(at.log->refusal(), reject::no_space);
  at.device.is_full = false;
  at.log->ask();
  at.step_until_idle();
  EXPECT_EQ(at.log->state(), log_state::ok);
  EXPECT_EQ(at.log->refusal(), reject::log_too_long);
}

TEST(wal, a_full_disk_can_be_closed) {
  logged at;
  const auto in = at.log->make_appender();
  at.device.is_full = true;
  for (std::uint64_t n = 0; at.log->state() == log_state::ok;) n = fill(*in, n);
  const status s = at.log->close(2);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::no_space);
  EXPECT_EQ(at.log->state(), log_state::closed);
}

TEST(wal, a_failed_sync_ends_it_and_nobody_waits) {
  logged at;
  const auto in = at.log->make_appender();
  std::uint64_t n = 1;
  const std::uint64_t good = publish(*in, 0, n, 0, durability::durable);
  ASSERT_TRUE(at.log->wait_durable(good, long_enough));
  at.device.fails_sync = true;
  const status s = at.log->wait_durable(publish(*in, 0, ++n, 0, durability::durable), long_enough);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::io);
  EXPECT_EQ(s.error().sys_errno, EIO);
  EXPECT_EQ(at.log->state(), log_state::failed);
  EXPECT_EQ(at.log->refusal(), reject::log_failed);
  ASSERT_TRUE(at.log->fault());
  EXPECT_EQ(at.log->fault()->segment, 1u);
  EXPECT_TRUE(at.log->wait_durable(good, long_enough)) << "what was a fact is one";
  // More than all its rings have room for.
  std::vector<std::byte> piece(1u << 20);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(in->has_room(piece.size())) << i;
    byte_writer(in->room(piece.size())).bytes(piece);
    in->publish(piece.size(), durability::durable);
  }
  EXPECT_TRUE(at.log->may_give(generation_max));
  at.log->wait_for_floor(generation_max);
  const status closed = at.log->close(2);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, errc::io);
  EXPECT_EQ(at.states, std::vector<log_state>{log_state::failed});
}

TEST(wal, a_ring_grows_in_order) {
  logged at(true);
  at.step_until_idle();
  const auto in = at.log->make_appender();
  std::uint64_t n = 0;
  for (std::size_t bytes = 0; bytes < 4 * log_appender::ring_bytes_min; bytes += 40) {
    publish(*in, 0, ++n, 0, durability::relaxed);
  }
  EXPECT_EQ(at.log->read().frames, 1u) << "nothing was written meanwhile, but the first floor";
  EXPECT_TRUE(in->has_room(log_appender::publish_bytes_max));
  publish(*in, 0, ++n, 0, durability::relaxed);
  ASSERT_TRUE(at.log->close(2));
  const found_log found(at.directory.path());
  EXPECT_FALSE(found.has_hole);
  EXPECT_EQ(found.last[0], n);
}

TEST(wal, the_floor_is_raised_before_it_is_reached) {
  logged at(true, 100);
  EXPECT_TRUE(at.log->may_give(99));
  EXPECT_FALSE(at.log->may_give(100));
  at.step_until_idle();
  EXPECT_TRUE(at.log->may_give(100)) << "asked for with the opening";
  EXPECT_EQ(at.floor_told, 101 + generation_floor::step_min);
  EXPECT_EQ(found_log(at.directory.path()).floor, at.floor_told);
  const std::uint64_t before = at.floor_told;
  EXPECT_TRUE(at.log->may_give(at.log->soft_ceiling() - 1));
  EXPECT_FALSE(at.log->step()) << "nobody asked";
  EXPECT_TRUE(at.log->may_give(at.log->soft_ceiling())) << "half a step is left";
  at.step_until_idle();
  EXPECT_EQ(at.floor_told, before + 2 * generation_floor::step_min);
  const std::uint64_t far = 1u << 30;
  EXPECT_FALSE(at.log->may_give(far));
  at.log->wait_for_floor(far);
  EXPECT_TRUE(at.log->may_give(far));
  at.log->wait_for_floor(generation_max);
  EXPECT_EQ(at.floor_told, generation_max + 1) << "and no further";
  EXPECT_TRUE(at.log->may_give(generation_max));
  at.step_until_idle();
  EXPECT_EQ(at.floor_told, generation_max + 1);
}

TEST(wal, the_end_is_exact) {
  logged at;
  at.log->wait_for_floor(500);
  const auto in = at.log->make_appender();
  publish(*in, 0, 1, 0, durability::relaxed);
  ASSERT_TRUE(at.log->close(501));
  EXPECT_EQ(at.log->state(), log_state::closed);
  publish(*in, 0, 2, 0, durability::durable);  // nobody takes it, and nobody minds
  const found_log found(at.directory.path());
  EXPECT_EQ(found.last[0], 1u);
  EXPECT_EQ(found.floor, 501u);
  EXPECT_TRUE(found.ends_closed);
}

TEST(wal, an_abandoned_log_is_not_closed) {
  logged at;
  const auto in = at.log->make_appender();
  ASSERT_TRUE(at.log->wait_durable(publish(*in, 0, 1, 0, durability::durable), long_enough));
  at.log->abandon();
  EXPECT_EQ(at.log->state(), log_state::closed);
  publish(*in, 0, 2, 0, durability::durable);
  EXPECT_EQ(at.log->wait_durable(at.log->now_lsn(), long_enough).error().code, errc::stopping);
  const found_log found(at.directory.path());
  EXPECT_EQ(found.last[0], 1u);
  EXPECT_FALSE(found.ends_closed);
}

}  // namespace
}  // namespace pawl
