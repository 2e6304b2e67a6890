// persistence/log_collector.hpp -- takes what threads have published, cut by cut, and has it written: what the
// thread of the log does, in steps.
//
// Roles       add: any thread.  durable_lsn, has_failed: any thread.  The others: the log's thread.
// Progress    step() waits for the disk only where log_writer.hpp says so.
//
// State       field         written by                  read by      order
//             rings_[i]     add(), under the lock       log thread   release / acquire [ring]
//             durable_lsn_  log thread                  any          release / acquire [durable]: who sees it
//                                                                    may say that a ticket's change is a fact
//             has_failed_   log thread                  any          release / acquire
//
// Invariants  I1  Cuts are written in the order of their numbers; durable_lsn() only grows.
//             I2  What a ring published is given back to it only when it is in a frame of its own. A cut that
//                 is refused for want of disk stays in the rings, and is part of the next.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/atomic.hpp"
#include "persistence/log_writer.hpp"
#include "persistence/ring_memory.hpp"
#include "policy/commit.hpp"

namespace pawl {

class log_collector {
 public:
  static constexpr std::uint32_t rings_max = 4'096;

  // Writer and count must outlive it.
  log_collector(log_writer& writer, cut_count& cut, const commit_rule& rule) noexcept
      : writer_(writer), cut_(cut), rule_(rule), durable_lsn_(writer.durable_lsn()) {}
  log_collector(const log_collector&) = delete;
  log_collector& operator=(const log_collector&) = delete;

  // From now on the ring is collected, for good; it must outlive the collector. False: there are rings_max.
  [[nodiscard]] bool add(thread_ring& ring) noexcept;

  struct next_look {
    bool again = false;         // there may be more to do at once
    bool is_under_way = false;  // await() has something to wait for
    std::uint64_t wait_ns =
        0;              // else after so long, or when something ends; 0: when something comes
    failure refused{};  // errno != 0: the last cut was refused, which may be tried again
  };
  // Takes what has ended, and writes at most one cut. `wants_durable`: somebody waits for a sync.
  next_look step(const boot_moment& now, bool wants_durable);
  // Begins a cut whatever the rule says, and writes it if it has something. An empty one is durable with what was
  // written before, and so are the LSNs up to its own.
  next_look cut(const boot_moment& now);
  // Waits until something that is under way on the disk has ended.
  void await();
  // Writes all that is published now, and waits until it is durable.
  status flush(const boot_moment& now);

  [[nodiscard]] bool has_published() const noexcept;
  [[nodiscard]] std::uint64_t durable_lsn() const noexcept { return durable_lsn_.load(acquire); }
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_.load(acquire); }

 private:
  status write_cut(const boot_moment& now);
  [[nodiscard]] std::uint64_t published_bytes() const noexcept;
  void note_progress() noexcept;

  log_writer& writer_;
  cut_count& cut_;
  const commit_rule rule_;
  std::mutex mutex_;  // of add()
  std::array<atomic<thread_ring*>, rings_max> rings_{};
  atomic<std::uint32_t> ring_count_{0};
  // The log thread's.
  std::array<std::uint64_t, rings_max> offsets_{};  // of the next byte of each ring
  std::vector<cut_part> parts_;
  std::uint64_t first_seen_ns_ = 0;  // since when something waits; 0: nothing does
  alignas(cache_line_bytes) atomic<std::uint64_t> durable_lsn_;
  atomic<bool> has_failed_{false};
};

}  // namespace pawl
