// base/bell.hpp -- a descriptor that is readable once the bell was rung, until it is silenced.
//
// How a thread that waits in a poll(2) of its own is told something. An eventfd: it can be waited for in
// every event loop, costs no thread, and two rings are one.
//
// Roles       ring: any thread.  silence: who has been told.  fd: whoever waits.
// Progress    ring and silence are one system call each and never wait.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#ifdef PAWL_MODEL
#include "base/futex.hpp"
#endif

namespace pawl {

#ifdef PAWL_MODEL
// The explorer's: the counter alone, and the poll(2) of the host.
class bell {
 public:
  void ring() noexcept {
    count_.exchange(1, seq_cst);
    futex_wake_one(count_);
  }
  void silence() noexcept { count_.exchange(0, seq_cst); }
  void poll() noexcept {
    while (count_.load(seq_cst) == 0) futex_wait(count_, 0);
  }
  [[nodiscard]] bool is_ringing() const noexcept { return count_.load(seq_cst) != 0; }

 private:
  atomic<std::uint32_t> count_{0};
};
#else
class bell {
 public:
  // Check is_ready() afterwards.
  bell() noexcept;
  bell(const bell&) = delete;
  bell& operator=(const bell&) = delete;
  ~bell();

  // False: the process has no more descriptors.
  [[nodiscard]] bool is_ready() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  void ring() noexcept;
  void silence() noexcept;

 private:
  const int fd_;
};
#endif

}  // namespace pawl
