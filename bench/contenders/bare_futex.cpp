#include "contenders/bare_futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/clock.hpp"
#include "support/producers.hpp"

namespace bench {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

bare_futex::bare_futex() : sleeper_([this] { sleep_loop(); }) {}

bare_futex::~bare_futex() {
  stop_.store(true);
  word_.fetch_add(1);
  futex(word_, FUTEX_WAKE, 1);
  sleeper_.join();
}

void bare_futex::sleep_loop() {
  std::uint32_t seen = 0;
  while (!stop_.load()) {
    while (word_.load() == seen) futex(word_, FUTEX_WAIT, seen);
    const std::uint64_t now = now_ns();
    seen = word_.load();
    woken_at_.store(now);
    answered_.store(seen);
  }
}

std::uint64_t bare_futex::hand_over_ns() {
  const std::uint32_t mine = word_.load(std::memory_order_relaxed) + 1;
  const std::uint64_t begin = now_ns();
  word_.store(mine);
  futex(word_, FUTEX_WAKE, 1);
  wait_until([&] { return answered_.load() == mine; });
  return woken_at_.load() - begin;
}

}  // namespace bench
