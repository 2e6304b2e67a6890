// crash/log_crash.hpp -- what the tests of the log on a disk that forgets have in common: every crash that is
// possible at a moment, and what must hold of the disk it leaves.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <functional>
#include <string>

#include "crash/sim_disk.hpp"
#include "crash/value_log.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/segment_name.hpp"
#include "persistence/spare_files.hpp"
#include "persistence/tail_table.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl::test {

struct reading {
  value_taker taker;
  log_summary summary;
};

struct tally {
  std::uint64_t read = 0;
  std::uint64_t opened = 0;
  std::uint64_t recycled = 0;  // segments that became spares
  std::array<std::uint64_t, 6> rows{};
  std::string wrong;  // the first violation

  void count(const reading& r) {
    ++read;
    for (std::size_t row = 0; row < rows.size(); ++row) rows[row] += r.summary.rows[row];
  }
};

inline reading read(sim_disk& disk) {
  reading r;
  r.summary = read_log(disk, r.taker);
  return r;
}

// Every crash that is possible now; where a sanitizer makes each dear, one in ten of them.
inline void for_each_crash(const sim_disk& disk, random_source& random,
                           const std::function<void(sim_disk)>& f) {
  const std::size_t n = disk.unsynced_sectors();
  for (const lost_as how : {lost_as::old, lost_as::zeros, lost_as::torn}) {
    for (std::size_t names = 0; names <= disk.unsynced_names(); ++names) {
      const auto crash = [&](const std::function<bool(std::size_t)>& is_kept) {
        if (!sanitized || one_in(random, 10)) f(disk.crash(is_kept, names, how, random()));
      };
      if (n <= 6) {
        for (std::size_t set = 0; set < (std::size_t{1} << n); ++set) {
          crash([set](std::size_t i) { return (set >> i & 1) != 0; });
        }
        continue;
      }
      for (std::size_t end = 0; end <= n; ++end) crash([end](std::size_t i) { return i < end; });
      for (std::size_t lost = 0; lost < n; ++lost)
        crash([lost](std::size_t i) { return i != lost; });
      for (int draw = 0; draw < 64; ++draw) crash([&](std::size_t) { return random() % 2 == 0; });
    }
  }
}

inline void complain(tally& t, const reading& r, std::uint64_t durable, std::uint64_t written) {
  if (!t.wrong.empty()) return;
  if (r.summary.fault) {
    t.wrong = "refused: " + std::string(r.summary.fault->cause.where) + ", segment " +
              std::to_string(r.summary.fault->segment) + ", offset " +
              std::to_string(r.summary.fault->offset);
  } else if (!r.taker.is_prefix()) {
    t.wrong = "what was read is not what was written";
  } else if (r.taker.values.size() < durable || r.taker.values.size() > written) {
    t.wrong = std::to_string(r.taker.values.size()) + " values were read, " +
              std::to_string(durable) + " were durable, " + std::to_string(written) + " written";
  }
}

inline ready_spares spares_of(const result<kept_spares>& kept) {
  EXPECT_TRUE(kept);
  return kept ? kept->ready : ready_spares();
}

// The disk must give back all that was durable. Now and then it is opened again, with crashes in there.
inline void check(sim_disk disk, std::uint64_t durable, std::uint64_t written, int depth,
                  random_source& random, tally& t) {
  const reading first = read(disk);
  t.count(first);
  complain(t, first, durable, written);
  if (!t.wrong.empty() || depth == 0 || random() % (sanitized ? 20 : 200) != 0) return;
  ++t.opened;
  const std::uint64_t found = first.taker.values.size();
  const log_start start = start_after(first.summary);
  disk.lazy = random() % 2 == 0;
  value_log log(disk, start, found);
  const std::function<void()> try_crashes = [&] {
    const std::uint64_t now = std::max(found, log.durable_values());
    for_each_crash(disk, random, [&](sim_disk left) {
      check(std::move(left), now, std::max(found, log.values()), depth - 1, random, t);
    });
  };
  disk.on_change = try_crashes;
  ready_spares spares = spares_of(keep_as_spares(disk, segment_bytes_min, 0, start.first_segment));
  log.writer.use_spares(&spares);
  static_cast<void>(log.begin(2));
  static_cast<void>(log.add(100));
  static_cast<void>(log.writer.sync());
  spares = spares_of(
      keep_as_spares(disk, segment_bytes_min, start.first_segment, log.writer.next_number()));
  t.recycled += spares.count();
  disk.on_change = nullptr;
  static_cast<void>(log.add(30'000));
  static_cast<void>(log.writer.sync());
  disk.on_change = try_crashes;
  static_cast<void>(log.add(20'000));  // into a segment that was an old one
  static_cast<void>(log.writer.sync());
  disk.on_change = nullptr;
  reading last = read(disk);
  complain(t, last, found + 3, found + 3);
  if (t.wrong.empty() && last.summary.first_segment != start.first_segment) {
    t.wrong = "the base was not complete";
  }
  if (t.wrong.empty() && last.summary.last_segment == start.first_segment) {
    t.wrong = "no second segment was begun";
  }
}

inline void print(const tally& t) {
  std::printf(
      "%llu disks read, %llu opened again, %llu segments recycled; rows A %llu B %llu C %llu D "
      "%llu E %llu F %llu\n",
      static_cast<unsigned long long>(t.read), static_cast<unsigned long long>(t.opened),
      static_cast<unsigned long long>(t.recycled), static_cast<unsigned long long>(t.rows[0]),
      static_cast<unsigned long long>(t.rows[1]), static_cast<unsigned long long>(t.rows[2]),
      static_cast<unsigned long long>(t.rows[3]), static_cast<unsigned long long>(t.rows[4]),
      static_cast<unsigned long long>(t.rows[5]));
}

// Adds `count` values of all lengths, with crashes after every call.
inline void run(sim_disk& disk, int count, random_source& random, tally& t) {
  value_log log(disk, {.segment_bytes = segment_bytes_min}, 0);
  disk.on_change = [&] {
    for_each_crash(disk, random, [&](sim_disk left) {
      check(std::move(left), log.durable_values(), log.values(), 2, random, t);
    });
  };
  ASSERT_TRUE(log.begin(1));
  for (int i = 0; i < count && t.wrong.empty(); ++i) {
    const std::size_t bytes = i % 5 == 4 ? 20'000 : random() % 900;
    ASSERT_TRUE(log.add(bytes));
    if (random() % 3 == 0) {
      ASSERT_TRUE(log.writer.sync());
    }
    if (random() % 4 == 0) {
      ASSERT_TRUE(log.writer.write_seal(log.now()));
    }
  }
  ASSERT_TRUE(log.writer.sync());
  disk.on_change = nullptr;
}

// A closed log of one full segment.
inline sim_disk closed_log(std::uint64_t& values) {
  sim_disk disk(1);
  value_log log(disk, {.segment_bytes = segment_bytes_min}, 0);
  EXPECT_TRUE(log.begin(1));
  for (const std::size_t bytes : {100u, 20'000u, 500u, 9'000u, 1u, 3'000u})
    EXPECT_TRUE(log.add(bytes));
  EXPECT_TRUE(log.writer.sync());
  EXPECT_TRUE(log.writer.write_seal(log.now()));
  EXPECT_TRUE(log.writer.sync());
  values = log.values();
  return disk;
}

// Flips every bit of each `step`-th byte of a closed log: what is read then is all of it, or the log is
// refused.
inline void flip_bits(std::size_t step) {
  std::uint64_t values = 0;
  sim_disk disk = closed_log(values);
  std::vector<std::byte>& bytes = disk.bytes_of(file_name(segment_prefix, 1));
  tally t;
  std::uint64_t refused = 0;
  std::uint64_t harmless = 0;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1u << bit);
      const reading r = read(disk);
      bytes[at] ^= static_cast<std::byte>(1u << bit);
      t.count(r);
      ASSERT_TRUE(r.taker.is_prefix()) << "byte " << at << ", bit " << bit;
      if (r.summary.fault) {
        ++refused;
      } else {
        ++harmless;
        ASSERT_EQ(r.taker.values.size(), values) << "byte " << at << ", bit " << bit;
      }
    }
  }
  std::printf("%llu refused, %llu harmless; ", static_cast<unsigned long long>(refused),
              static_cast<unsigned long long>(harmless));
  print(t);
  EXPECT_GT(refused, 0u);
  EXPECT_GT(harmless, 0u);
  EXPECT_GT(t.rows[static_cast<std::size_t>(tail_row::E)], 0u);
}

}  // namespace pawl::test
