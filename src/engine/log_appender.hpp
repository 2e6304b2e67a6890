// engine/log_appender.hpp -- one thread's way into the log.
//
//   if (!appender.has_room(n)) appender.wait_for_room(n);     // before any lock is taken
//   encode(..., appender.room(n));
//   const std::uint64_t lsn = appender.publish(n, durability::durable);
//
// Roles       Its owner, one thread at a time.
// Progress    has_room() and publish() never wait; has_room() may map memory, when a ring is first used and when
//             it becomes too small.
// Memory      A ring of 256 KB with the first use, a fresh one of twice the length and more when it is full, up to
//             8 MB; they are the log's and stay until its end.
//
// The order of one thread's publishes survives a change of rings: tags are read after the publish before them,
// and within a cut a later ring comes behind an earlier one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.hpp"
#include "pawl/job.hpp"
#include "persistence/ring_memory.hpp"

namespace pawl {

class wal;

class log_appender {
 public:
  static constexpr std::size_t ring_bytes_min = 256u << 10;
  static constexpr std::size_t ring_bytes_max = 8u << 20;
  // The most that one publish may have.
  static constexpr std::size_t publish_bytes_max = ring_bytes_max - publish_head_bytes;

  explicit log_appender(wal& log) noexcept : wal_(log) {}
  [[nodiscard]] wal& log() noexcept { return wal_; }
  log_appender(const log_appender&) = delete;
  log_appender& operator=(const log_appender&) = delete;

  // False: the disk is behind, or the system has no memory for a first or a longer ring. True also when the
  // log has failed or is closed: what is published then is dropped. `bytes` is at most publish_bytes_max.
  [[nodiscard]] bool has_room(std::size_t bytes) noexcept {
    if (ring_ != nullptr && ring_->has_room(bytes)) [[likely]]
      return true;
    return find_room(bytes);
  }
  // Blocks, and holds no lock, until it has.
  void wait_for_room(std::size_t bytes) noexcept;
  // Where to write whole groups: has_room(bytes) was true. Of no effect before publish().
  [[nodiscard]] std::span<std::byte> room(std::size_t bytes) noexcept {
    PAWL_CHECK(drops_ || ring_->is_known_to_have(bytes));
    return ring_->room(bytes);
  }
  // Returns the LSN that must be durable for it; everything that it follows from is durable then as well.
  // `level` is not none.
  std::uint64_t publish(std::size_t bytes, durability level) noexcept;

 private:
  bool find_room(std::size_t bytes) noexcept;
  bool grow(std::size_t bytes) noexcept;

  wal& wal_;
  thread_ring* ring_ = nullptr;
  std::size_t size_ = 0;  // of the ring
  bool drops_ = false;    // the log has failed or is closed: nobody reads the ring any more
};

}  // namespace pawl
