// base/fork_guard.hpp -- tells a process from a child that fork() made of it, at the price of a load.
//
// A page that the kernel hands to children zero-filled (MADV_WIPEONFORK, Linux 4.14): no handler is
// registered with pthread_atfork, which could never be taken back, and getpid(2) is not called.
#pragma once

#include <sys/mman.h>

#include <cstddef>

namespace pawl {

class fork_guard {
 public:
  fork_guard() noexcept {
    void* p =
        ::mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return;
    page_ = static_cast<volatile int*>(p);
    if (::madvise(p, page_bytes, MADV_WIPEONFORK) != 0) {
      ::munmap(p, page_bytes);
      page_ = nullptr;
      return;
    }
    *page_ = 1;  // before any other thread of ours exists
  }
  fork_guard(const fork_guard&) = delete;
  fork_guard& operator=(const fork_guard&) = delete;
  ~fork_guard() {
    if (page_ != nullptr) ::munmap(const_cast<int*>(page_), page_bytes);
  }

  [[nodiscard]] bool is_ready() const noexcept { return page_ != nullptr; }
  [[nodiscard]] bool is_child() const noexcept { return *page_ == 0; }

 private:
  static constexpr std::size_t page_bytes = 4096;
  volatile int* page_ = nullptr;
};

}  // namespace pawl
