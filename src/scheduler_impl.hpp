// scheduler_impl.hpp -- what a scheduler holds; for scheduler.cpp, and for testing.cpp, which opens one on
// a clock of its own.
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.hpp"
#include "engine/engine.hpp"
#include "pawl/scheduler.hpp"
#include "thread_lease.hpp"

namespace pawl {

struct __attribute__((visibility("hidden"))) scheduler::impl {
  // `world` says who steps and by which clock (null: the system's); the rest of it is filled in here.
  // The errors of scheduler::open(). May throw std::bad_alloc.
  static result<std::unique_ptr<scheduler>> open(const options& wanted, const registry& kinds,
                                                 engine::environment world,
                                                 testing::test_scheduler* tester);

  [[nodiscard]] bool is_child() const noexcept { return desk->guard.is_child(); }
  // Ends a call that rejected `count` jobs.
  void count_rejected(queue_ref queue, kind_ref kind, reject r, std::size_t count) noexcept;
  // May the call wait for room, and did it find some? `bytes`: it lacked so many; 0: it lacked a job's room.
  struct lack {
    bool may_block = false;
    std::uint64_t bytes = 0;
  };
  bool wait_for_room(queue_ref queue, reject reason, lack of,
                     std::chrono::steady_clock::time_point& until);

  // What handlers get to see: unlike the host's scheduler it cannot be destroyed under a handler
  // that stop() had to leave behind.
  scheduler inner{this, false};
  system_clock clock;
  measuring_clock measuring;  // in its place with options::histograms
  std::shared_ptr<lease_desk> desk = std::make_shared<lease_desk>();
  std::unique_ptr<engine> core;
  duration stop_deadline{0};
  testing::test_scheduler* tester = nullptr;  // whose scheduler this is; null: it has threads
};

}  // namespace pawl
