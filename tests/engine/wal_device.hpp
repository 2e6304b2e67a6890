// engine/wal_device.hpp -- a real directory whose disk can be full or fail when a test says so, and what a test of the
// log finds there.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "persistence/log_reader.hpp"
#include "persistence/posix_device.hpp"
#include "persistence/record_epoch.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {

class faulty_device final : public log_device {
 public:
  std::atomic<bool> is_full{false};  // for new files
  std::atomic<bool> fails_sync{false};
  std::function<void()> before_create;

  explicit faulty_device(const std::string& path) : real_(std::move(*posix_device::open(path))) {}

  result<std::vector<std::string>> list() override { return real_->list(); }
  status create(std::string_view name, std::uint64_t bytes) override {
    if (before_create) before_create();
    if (is_full) return failure{.code = errc::no_space, .sys_errno = ENOSPC, .where = "create"};
    return real_->create(name, bytes);
  }
  status rename(std::string_view from, std::string_view to) override {
    return real_->rename(from, to);
  }
  status remove(std::string_view name) override { return real_->remove(name); }
  status sync_directory() override { return real_->sync_directory(); }
  result<file_ref> open(std::string_view name) override { return real_->open(name); }
  void close(file_ref file) noexcept override { real_->close(file); }
  result<std::uint64_t> size(file_ref file) override { return real_->size(file); }
  result<std::size_t> read(file_ref file, std::uint64_t offset,
                           std::span<std::byte> room) override {
    return real_->read(file, offset, room);
  }
  void start_write(file_ref file, std::uint64_t offset, byte_span bytes,
                   std::uint64_t token) override {
    real_->start_write(file, offset, bytes, token);
  }
  void start_sync(file_ref file, std::uint64_t token) override {
    if (fails_sync) return real_->note_end({token, -EIO});
    real_->start_sync(file, token);
  }
  std::size_t reap(std::span<completion> done, bool wait) override {
    return real_->reap(done, wait);
  }

 private:
  std::unique_ptr<posix_device> real_;
};

// Reads the directory as it is now. Ring 1 has the log's own records, the others have (who, n, seen): the n-th
// publish of a thread, which knew of the first `seen` of the next one.
class found_log final : public cut_taker {
 public:
  static constexpr std::size_t threads = 3;
  std::array<std::uint64_t, threads> last{};
  bool has_hole = false;  // something is not in order, or a cut lacks what it follows from
  std::uint64_t floor = 0;
  bool ends_closed = false;

  explicit found_log(const std::string& path) {
    const auto device = posix_device::open(path);
    EXPECT_TRUE(device);
    const log_summary summary = read_log(**device, *this);
    EXPECT_FALSE(summary.fault) << summary.fault->cause.where;
  }
  status take(const log_cut& cut) override {
    std::array<std::uint64_t, threads> seen{};
    for (const cut_part& part : cut.parts) {
      ends_closed = false;
      if (part.ring == 1) {
        take_own(part.bytes);
        continue;
      }
      byte_reader r(part.bytes);
      while (r.left() != 0) {
        const std::uint64_t who = r.u64();
        const std::uint64_t n = r.u64();
        std::uint64_t& next = seen.at((who + 1) % threads);
        next = std::max(next, r.u64());
        if (n != last.at(who) + 1) has_hole = true;
        last.at(who) = n;
      }
      EXPECT_TRUE(r.ok());
    }
    for (std::size_t i = 0; i < threads; ++i) has_hole = has_hole || last[i] < seen[i];
    return std::monostate{};
  }

 private:
  void take_own(byte_span bytes) {
    record_walk walk(bytes);
    while (const auto record = walk.next()) {
      ends_closed = record->kind == record_kind::closed;
      if (record->kind == record_kind::floor) floor = decode_floor(*record)->generation;
    }
    EXPECT_TRUE(walk.end());
  }
};

}  // namespace pawl::test
