#include "support/sharded_sum.hpp"

#include <mutex>
#include <type_traits>

#include "support/check.hpp"

namespace bench::detail {
namespace {

// Nothing here has a destructor: threads of a library may end after main() has.
std::mutex lines_mutex;
std::array<unsigned, thread_lines_max> free_lines;
unsigned free_count = 0;
std::atomic<unsigned> lines_used{0};
static_assert(std::is_trivially_destructible_v<std::mutex>);

// A thread's line goes to a later thread; the counts in it stay, because they are sums.
struct line_lease {
  unsigned index = no_line;
  ~line_lease() {
    if (index == no_line) return;
    const std::lock_guard lock(lines_mutex);
    free_lines[free_count++] = index;
  }
};

thread_local line_lease lease;

}  // namespace

constinit thread_local unsigned thread_line = no_line;

unsigned take_thread_line() {
  const std::lock_guard lock(lines_mutex);
  if (free_count > 0) {
    lease.index = free_lines[--free_count];
  } else {
    const unsigned fresh = lines_used.load(std::memory_order_relaxed);
    require(fresh < thread_lines_max, "more threads than lines of sharded_sum");
    lines_used.store(fresh + 1, std::memory_order_release);
    lease.index = fresh;
  }
  thread_line = lease.index;
  return lease.index;
}

unsigned thread_lines_used() noexcept {
  return lines_used.load(std::memory_order_acquire);
}

}  // namespace bench::detail
