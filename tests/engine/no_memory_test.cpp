// What the engine does where the system has no memory for it. Method: operator new of this program, which refuses while a
// test says so on its own thread; an engine without threads.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "sim/stepped_world.hpp"

namespace {
thread_local bool refuses_memory = false;

void* allocate(std::size_t bytes) noexcept {
  return refuses_memory ? nullptr : std::malloc(bytes != 0 ? bytes : 1);
}
void* allocate_or_throw(std::size_t bytes) {
  void* const p = allocate(bytes);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
}  // namespace

void* operator new(std::size_t bytes) {
  return allocate_or_throw(bytes);
}
void* operator new[](std::size_t bytes) {
  return allocate_or_throw(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
  std::free(p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
  std::free(p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
  std::free(p);
}

namespace pawl {
namespace {

using namespace std::chrono_literals;

// While it lives, this thread gets no memory from operator new.
class no_memory {
 public:
  no_memory() noexcept { refuses_memory = true; }
  ~no_memory() { refuses_memory = false; }
  no_memory(const no_memory&) = delete;
  no_memory& operator=(const no_memory&) = delete;
};

TEST(no_memory, for_its_counts_of_a_queue_lets_a_drain_wait_and_serve_others) {
  test::stepped_world w;
  w.wanted.drains = 1;
  const kind_ref k = w.kind("k");
  w.open();
  w.notes_changes = false;  // that takes memory
  const queue_ref known = w.queue("known");
  const queue_ref fresh = w.queue("fresh");
  w.submit(known, k);
  w.settle();
  w.submit(fresh, k);
  w.submit(known, k);
  {
    const no_memory now;
    for (int i = 0; i < 10; ++i) w.e->step_drain(0);
  }
  EXPECT_GE(w.clock.slept_ns, 1'000'000u) << "it went round instead of waiting";
  EXPECT_EQ(w.e->read_counters().completed, 2u) << "the other queue was not served";
  w.settle();
  EXPECT_EQ(w.e->read_counters().completed, 3u);
}

TEST(no_memory, keeps_nobody_from_seeing_and_stopping_a_handler_that_takes_too_long) {
  test::stepped_world w;
  w.wanted.grace = 1s;
  const kind_ref k = w.kind("k", {.run_timeout = 1s});
  w.open();
  w.notes_changes = false;  // that takes memory
  const queue_ref q = w.queue("q");
  w.said.reserve(16);
  const job_id id = w.submit(q, k);
  bool stopped = false;
  w.act = [&](context& job) {
    const no_memory now;
    w.clock.now_ns += 2'000'000'000;
    w.e->step_timer();
    EXPECT_TRUE(job.timed_out());
    w.clock.now_ns += 2'000'000'000;
    w.e->step_timer();
    EXPECT_TRUE(w.find(id).overrun);
    stopped = bool(w.e->stop(0s));
    EXPECT_TRUE(job.stop_requested());
    return outcome::done();
  };
  while (w.e->step_drain(0)) {
  }
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace pawl
