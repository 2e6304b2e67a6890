// engine/blocking_pool.hpp -- threads for handlers that wait: as many as there is such work, up to a
// limit; idle ones leave.
//
// Drains hand places over; a pool thread takes the highest band first and starts the job by the same
// protocol as a drain. A blocking handler takes microseconds to hours, so a lock around the list is
// no matter here.
//
// Jobs of an ordered queue wait in a heap of their queue and priority. In the list stands a stand-in for each
// of them: whoever takes one takes what is first in that heap. So the pool keeps the order of the queue, and
// its turn among the others. If its tenants share the queue, they share the pool's threads as well.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/core.hpp"

namespace pawl {

class blocking_pool {
 public:
  // The life of a pool thread: `born` before it is started, `live` on it, around everything else;
  // `stillborn` if it could not be started. `with_threads` false: none is; step() runs the jobs.
  struct thread_life {
    std::function<void()> born;
    std::function<void(thread_context&, const std::function<void()>&)> live;
    std::function<void()> stillborn;
  };
  blocking_pool(core& c, bool with_threads, thread_life life)
      : core_(c), with_threads_(with_threads), life_(std::move(life)) {}

  // Takes charge of a place. Starts a thread if all are busy and the limit allows. False: there is no
  // thread, and the system has none to give; the place is still the caller's.
  bool hand_over(std::uint64_t place, unsigned band) noexcept;

  // Runs one job, on the calling thread. False: there was none.
  bool step(thread_context& context) noexcept;

  // Lets all threads leave after what they run now.
  void stop() noexcept;
  // After stop(): waits for them.
  void join() noexcept;
  // Instead of join(): threads that are inside a handler go on without an owner.
  void detach() noexcept;

  [[nodiscard]] unsigned thread_count() const noexcept;

 private:
  struct worker {
    thread_context* context = nullptr;
    std::thread thread;
    bool running = false;
  };

  // A place on its way to a thread.
  struct turn {
    std::uint64_t place = 0;
    unsigned band = 0;
    share_lines* shares = nullptr;  // if it is of such a queue
    share_claim claim;
  };

  bool start_thread_locked() noexcept;
  void run(worker& w) noexcept;
  void sweep_locked() noexcept;
  void push_locked(std::uint64_t place, unsigned band) noexcept;
  [[nodiscard]] bool take_locked(turn& next) noexcept;
  void take_ordered_locked(turn& next) noexcept;
  void put_back_all(thread_context& context, std::uint64_t first, unsigned band) noexcept;
  void run_one(thread_context& context, const turn& t) noexcept;

  // Fewer are not worth a sweep.
  static constexpr std::size_t sweep_places_min = 4096;

  core& core_;
  const bool with_threads_;
  const thread_life life_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::array<std::deque<std::uint64_t>, priority_count> places_;  // and stand-ins
  // By stand-in; as many places as it has stand-ins.
  std::map<std::uint64_t, std::unique_ptr<ordered_places>> ordered_;
  std::size_t waiting_ = 0;                  // places in all of them
  std::size_t sweep_at_ = sweep_places_min;  // as many, and stale ones are taken out
  std::deque<worker> workers_;               // those not running are reused: addresses must stay
  unsigned threads_ = 0;
  unsigned idle_ = 0;
  bool stopping_ = false;
};

}  // namespace pawl
