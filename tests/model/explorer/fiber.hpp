// explorer/fiber.hpp -- a stack of its own for each model thread.
//
// Stacks live as long as the process and are used again for each interleaving. A fiber that is not
// run to its end is simply left: no destructor runs on its stack.
#pragma once

#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace pawl::model {

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

  // The next switch to this fiber calls `entry`, which never returns.
  void start(void (*entry)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = stack_;
    context.uc_stack.ss_size = stack_bytes;
    context.uc_link = nullptr;
    makecontext(&context, entry, 0);
  }

  ucontext_t context{};

 private:
  static constexpr std::size_t stack_bytes = 256 * 1024;
  void* stack_ = nullptr;
};

}  // namespace pawl::model
