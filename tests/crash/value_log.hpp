// crash/value_log.hpp -- the plainest thing that can be kept in a log: the numbers 1, 2, 3 ..., each in a cut
// of its own, and after an opening all of them once more in its base. So what a log gives back can be compared
// with a number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/bytes.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/log_writer.hpp"
#include "persistence/segment_name.hpp"
#include "support/seed.hpp"

namespace pawl::test {

inline constexpr std::uint32_t rings = 3;

// The filling of a value, which makes cuts of many lengths. Known to who reads: it is compared.
inline std::vector<std::byte> filling_of(std::uint64_t value, std::size_t bytes) {
  std::vector<std::byte> f(bytes);
  for (std::size_t i = 0; i < bytes; ++i) f[i] = static_cast<std::byte>(value * 31 + i);
  return f;
}

// What is found: values in the order in which they came, or what was wrong with one.
class value_taker final : public cut_taker {
 public:
  std::set<std::uint64_t> values;
  bool is_wrong = false;

  status take(const log_cut& cut) override {
    std::uint64_t value = 0;
    for (const cut_part& part : cut.parts) {
      byte_reader r(part.bytes);
      while (r.left() != 0) {
        value = r.u64();
        const std::uint32_t bytes = r.u32();
        const byte_span filling = r.bytes(bytes);
        const std::vector<std::byte> wanted = filling_of(value, bytes);
        if (!r.ok() || !std::equal(filling.begin(), filling.end(), wanted.begin(), wanted.end())) {
          is_wrong = true;
        }
        values.insert(value);
      }
    }
    return std::monostate{};
  }
  // All from 1 to the last one.
  [[nodiscard]] bool is_prefix() const {
    return !is_wrong &&
           (values.empty() || (*values.begin() == 1 && *values.rbegin() == values.size()));
  }
};

// A writer with rings, and the numbers that it has written.
class value_log {
 public:
  value_log(log_device& device, const log_start& start, std::uint64_t values)
      : writer(device, start), lsn_(start.base.lsn), values_(values) {}

  log_writer writer;

  // What an opening does: the first segment, and the base; in `cuts` cuts.
  status begin(unsigned cuts) {
    if (status s = writer.begin(now()); !s) return s;
    return begin_base(cuts);
  }
  status begin_base(unsigned cuts) {
    const std::uint64_t old = values_;
    values_ = 0;
    for (unsigned i = 1; i <= cuts; ++i) {
      while (values_ < old * i / cuts) put(++values_, 10);
      if (status s = write_out(i == cuts); !s) return s;
    }
    return std::monostate{};
  }
  // The next number, with a filling of so many bytes, which lies in all rings.
  status add(std::size_t bytes) {
    put(values_ + 1, bytes / 2);
    put(values_ + 1, bytes - bytes / 2);
    ++values_;
    return write_out(false);
  }
  [[nodiscard]] std::uint64_t values() const { return values_; }
  // The numbers that are durable for certain.
  [[nodiscard]] std::uint64_t durable_values() const {
    const auto at = values_at_.upper_bound(writer.durable_lsn());
    return at == values_at_.begin() ? 0 : std::prev(at)->second;
  }
  [[nodiscard]] boot_moment now() {
    ++clock_;
    return {.wall_ns = 1'700'000'000'000'000'000 + clock_, .boot_ns = clock_, .boot_id = {}};
  }

 private:
  void put(std::uint64_t value, std::size_t bytes) {
    ring& r = rings_[(value + bytes) % rings];
    const std::size_t at = r.bytes.size();
    r.bytes.resize(at + 12 + bytes);
    byte_writer w(std::span(r.bytes).subspan(at));
    w.u64(value);
    w.u32(static_cast<std::uint32_t>(bytes));
    w.bytes(filling_of(value, bytes));
  }
  status write_out(bool completes) {
    std::vector<cut_part> parts;
    for (std::uint32_t i = 0; i < rings; ++i) {
      if (!rings_[i].bytes.empty()) parts.push_back({i, rings_[i].offset, rings_[i].bytes});
    }
    lsn_ += 1 + values_ % 2;  // LSNs leave out numbers
    values_at_[lsn_] = values_;
    const status s = writer.write(lsn_, parts, now(), completes);
    for (ring& r : rings_) {
      r.offset += r.bytes.size();
      r.bytes.clear();
    }
    return s;
  }

  struct ring {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };
  std::array<ring, rings> rings_;
  std::map<std::uint64_t, std::uint64_t> values_at_;
  std::uint64_t lsn_;
  std::uint64_t values_;
  std::uint64_t clock_ = 0;
};

// Where an opening of what `summary` tells of begins.
inline log_start start_after(const log_summary& summary) {
  return {.directory_id = summary.directory_id,
          .epoch = summary.epoch + 1,
          .first_segment = summary.last_segment + 1,
          .base = summary.end,
          .segment_bytes = segment_bytes_min};
}

}  // namespace pawl::test
