// explorer/fiber.hpp -- a stack of its own for each model thread.
//
// Stacks live as long as the process and are used again for each interleaving. A fiber that is not
// run to its end is simply left: no destructor runs on its stack. Only its first step on its stack
// is a makecontext; from there on it goes by setjmp and longjmp, which need no system call: an
// interleaving takes microseconds, most of them switches.
#pragma once

#include <sys/mman.h>
#include <ucontext.h>
#include <csetjmp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace pawl::model {

// Where somebody goes on.
struct resume_point {
  jmp_buf at{};
};

// Leaves the caller in `from`, where a later switch lets it go on, and goes on at `to`.
inline void switch_between(resume_point& from, resume_point& to) {
  if (_setjmp(from.at) == 0) _longjmp(to.at, 1);
}

class fiber {
 public:
  fiber() {
    stack_ = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    // The lowest page stays closed, so that a stack that is too small is a crash and not a riddle.
    if (stack_ == MAP_FAILED || mprotect(stack_, 4096, PROT_NONE) != 0) {
      std::perror("explorer: a stack");
      std::abort();
    }
  }
  ~fiber() { munmap(stack_, stack_bytes); }
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;

  // The next switch to `here` calls `entry`, which never returns, at the bottom of the stack.
  void start(void (*entry)()) {
    entry_ = entry;
    if (!has_bottom_) make_bottom();
    here = bottom_;
  }

  resume_point here;

 private:
  static constexpr std::size_t stack_bytes = 256 * 1024;

  void make_bottom() {
    ucontext_t first;
    getcontext(&first);
    first.uc_stack.ss_sp = stack_;
    first.uc_stack.ss_size = stack_bytes;
    first.uc_link = nullptr;
    making = this;
    makecontext(&first, at_bottom, 0);
    swapcontext(&maker_, &first);
    has_bottom_ = true;
  }
  // Its frame is never left, so that every start can come back to it.
  static void at_bottom() {
    fiber& self = *making;
    if (_setjmp(self.bottom_.at) == 0) setcontext(&self.maker_);
    self.entry_();
    std::abort();
  }

  static inline fiber* making = nullptr;

  void* stack_ = nullptr;
  void (*entry_)() = nullptr;
  bool has_bottom_ = false;
  ucontext_t maker_{};
  resume_point bottom_;
};

}  // namespace pawl::model
