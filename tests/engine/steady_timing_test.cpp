// In the steady state a job costs no allocation and no system call. Methods: this program's malloc
// and operator new count; system calls are counted by a tracer (ptrace) that stops every thread of a
// child at each. Both over 10 million jobs, singly and in bulk, one in sixteen with 100 bytes of
// payload, after a warm-up that was larger than anything in the window. Steady means that there is
// always work: a handler takes longer than a submit, and the submitting thread keeps a backlog. System
// calls are counted without a backlog too.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace {
std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};

inline void count_allocation() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

#if !defined(PAWL_TEST_UNDER_TSAN) && !defined(PAWL_TEST_UNDER_ASAN) && defined(__GLIBC__)
// Also called by operator new, and by every library in the process.
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);

void* malloc(std::size_t bytes) {
  count_allocation();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  count_allocation();
  return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) {
  count_allocation();
  return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  count_allocation();
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? 12 : 0;
}
}
#define PAWL_TEST_COUNTS_ALLOCATIONS 1
#endif

namespace pawl {
namespace {

using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;

constexpr std::uint64_t warm_jobs = 2'000'000;
constexpr std::uint64_t steady_jobs = 10'000'000;

// A scheduler, one submitting thread, and never more than `outstanding` jobs alive.
class steady_load {
 public:
  steady_load() {
    kind_ = kinds_.add(
        "k",
        [](void* self, context&, std::span<const std::byte>) {
          auto& load = *static_cast<steady_load*>(self);
          for (int i = 0; i < 1000; ++i) {
            asm volatile("");  // about as long as a submit takes, and then some
          }
          load.ended_.fetch_add(1, std::memory_order_relaxed);
          return outcome::done();
        },
        this);
    options o = test::small_options();
    o.jobs_max = 1'000'000;
    scheduler_ = open_or_exit(o, kinds_);
    queue_ = queue_or_exit(*scheduler_, "q");
    // More than ever again: slots, magazines, blocks of bands and of payloads, and the deepest band.
    static_cast<void>(scheduler_->pause(queue_));
    submit(3 * outstanding, 4 * outstanding);
    static_cast<void>(scheduler_->resume(queue_));
    submit(warm_jobs, outstanding);
  }

  // Submits `jobs` and keeps a backlog: the window ends while work is left, as in a busy service.
  void run() { submit(steady_jobs, outstanding); }
  [[nodiscard]] bool finish() {
    return test::eventually([this] { return ended_.load() == submitted_; });
  }

 private:
  static constexpr std::uint64_t outstanding = 100'000;

  void submit(std::uint64_t jobs, std::uint64_t alive_max) {
    for (std::uint64_t i = 0; i < jobs;) {
      while (submitted_ - ended_.load(std::memory_order_relaxed) + bulk_.size() > alive_max) {
        __builtin_ia32_pause();
      }
      if (i % 512 < 128) {
        if (!scheduler_->submit(queue_, kind_, i % 16 == 0 ? long_ : no_payload())) std::abort();
        ++i;
        ++submitted_;
      } else {
        if (!scheduler_->submit_bulk(queue_, kind_, bulk_)) std::abort();
        i += bulk_.size();
        submitted_ += bulk_.size();
      }
    }
  }

  registry kinds_;
  kind_ref kind_;
  std::unique_ptr<scheduler> scheduler_;
  queue_ref queue_;
  std::vector<job_spec> bulk_{std::vector<job_spec>(128)};
  std::vector<std::byte> payload_{std::vector<std::byte>(100)};
  std::span<const std::byte> long_{payload_};
  std::uint64_t submitted_ = 0;
  alignas(64) std::atomic<std::uint64_t> ended_{0};
};

TEST(steady_state, ten_million_jobs_allocate_nothing) {
#ifndef PAWL_TEST_COUNTS_ALLOCATIONS
  GTEST_SKIP() << "malloc belongs to the sanitizer here";
#else
  steady_load load;
  counting = true;
  std::free(std::malloc(1));
  ASSERT_EQ(allocations.load(), 1u) << "the counter counts";
  load.run();
  counting = false;
  EXPECT_EQ(allocations.load(), 1u);
  EXPECT_TRUE(load.finish());
#endif
}

// In the tracee: marks the edges of the window by a system call that nothing else makes.
void mark_window() {
  syscall(SYS_getpgid, 0x7a11);
}

struct trace_result {
  bool possible = true;
  std::uint64_t calls = 0;  // of all threads, between the two marks
  std::array<std::uint64_t, 512> by_number{};
  int exit_code = -1;
};

// Follows the child and all its threads from system call to system call.
trace_result trace(pid_t child) {
  trace_result r;
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) {
    r.possible = false;
    return r;
  }
  ptrace(PTRACE_SETOPTIONS, child, nullptr,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
  ptrace(PTRACE_SYSCALL, child, nullptr, 0);
  bool inside = false;
  for (;;) {
    const pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0) return r;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread != child) continue;
      r.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return r;
    }
    int signal_number = WSTOPSIG(status);
    if (signal_number == (SIGTRAP | 0x80)) {
      signal_number = 0;
      __ptrace_syscall_info info{};
      ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info);
      if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        if (info.entry.nr == SYS_getpgid && info.entry.args[0] == 0x7a11) {
          inside = !inside;
        } else if (inside) {
          ++r.calls;
          if (info.entry.nr < r.by_number.size()) ++r.by_number[info.entry.nr];
        }
      }
    } else if (signal_number == SIGTRAP || signal_number == SIGSTOP) {
      signal_number = 0;  // a clone, or the first stop of a new thread
    }
    ptrace(PTRACE_SYSCALL, thread, nullptr, signal_number);
  }
}

// Runs a load in a child and follows it: Load has run() for the window and finish() for what comes
// after.
template <class Load>
trace_result trace_one_window() {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(99);
    raise(SIGSTOP);
    Load load;
    mark_window();
    load.run();
    mark_window();
    _exit(load.finish() ? 0 : 1);
  }
  return trace(child);
}

// The best of three windows: if others on the machine keep the submitting thread from its processor,
// the work ends and the drains go to sleep, as they should.
template <class Load>
void expect_few_system_calls() {
  if (test::sanitized) GTEST_SKIP() << "the sanitizer makes calls of its own";
  std::uint64_t fewest = UINT64_MAX;
  for (int window = 0; window < 3 && fewest >= steady_jobs / 1000; ++window) {
    const trace_result r = trace_one_window<Load>();
    if (!r.possible || r.exit_code == 99) GTEST_SKIP() << "ptrace(2) is refused here";
    ASSERT_EQ(r.exit_code, 0);
    std::printf("%llu system calls\n", static_cast<unsigned long long>(r.calls));
    for (std::size_t i = 0; i < r.by_number.size(); ++i) {
      if (r.by_number[i] > 10) {
        std::printf("  number %zu: %llu\n", i, static_cast<unsigned long long>(r.by_number[i]));
      }
    }
    fewest = std::min(fewest, r.calls);
  }
  EXPECT_LT(fewest, steady_jobs / 1000);
}

TEST(steady_state, ten_million_jobs_make_less_than_one_system_call_in_a_thousand) {
  expect_few_system_calls<steady_load>();
}

// Empty jobs, one at a time: two drains outrun the submitter, and one of them is enough.
class thin_load {
 public:
  thin_load() {
    kind_ = kinds_.add("k",
                       [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
    scheduler_ = open_or_exit(test::small_options(), kinds_);
    queue_ = queue_or_exit(*scheduler_, "q", {.when_full = when_full::block});
    submit(warm_jobs);
  }
  void run() { submit(steady_jobs); }
  [[nodiscard]] bool finish() {
    return test::eventually([this] { return scheduler_->read_counters().completed == submitted_; });
  }

 private:
  void submit(std::uint64_t jobs) {
    for (std::uint64_t i = 0; i < jobs; ++i, ++submitted_) {
      if (!scheduler_->submit(queue_, kind_, no_payload())) std::abort();
    }
  }

  registry kinds_;
  kind_ref kind_;
  std::unique_ptr<scheduler> scheduler_;
  queue_ref queue_;
  std::uint64_t submitted_ = 0;
};

TEST(steady_state, drains_that_outrun_the_submitter_do_not_wake_each_other_for_every_job) {
  expect_few_system_calls<thin_load>();
}

}  // namespace
}  // namespace pawl
