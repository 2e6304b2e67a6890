// engine/drain.hpp -- a worker: picks a batch, runs it, again.
//
// An agent: step() does a bounded amount of work and does not wait; run() is the loop around it that
// sleeps when there is nothing to do. While a suspect of another drain runs alone step() naps. Tests step
// drains themselves and have no threads at all.
#pragma once

#include <array>
#include <cstdint>

#include "engine/blocking_pool.hpp"
#include "engine/core.hpp"
#include "engine/loop_sleep.hpp"
#include "engine/runner.hpp"
#include "policy/ordering.hpp"
#include "ready/picker.hpp"

namespace pawl {

class drain {
 public:
  drain(core& c, blocking_pool& pool, thread_context& context) noexcept
      : core_(c), pool_(pool), context_(context) {}
  [[nodiscard]] bool is_ready() const noexcept { return picker_.is_ready(); }  // false: no memory

  // Runs one batch, or one job of another drain's batch. False: there was nothing to do.
  bool step() noexcept;

  // step() until the scheduler stops; sleeps when there is nothing. A replacement also leaves when no
  // handler overruns any more for which it was hired.
  void run() noexcept;

  // What a loop of the host may do in one visit.
  struct visit {
    std::size_t jobs_left;   // counted down
    std::uint64_t until_ns;  // no job starts after it, but the first
  };
  // step() within `v`, then to rest or, if there may be work, to come again. True: to come again.
  bool run_within(visit& v, loop_sleep& rest) noexcept;
  // Its loop ends. What it was woken for is passed on.
  void retire() noexcept;

  // Of a replacement: false: it is at work already. fire(): it could not be started.
  bool try_hire() noexcept { return !is_hired_.exchange(true, acq_rel); }
  void fire() noexcept { is_hired_.store(false, release); }

 private:
  bool serve(pick p, std::uint64_t now_ns) noexcept;
  bool pass_for_memory(pick p) noexcept;
  std::size_t take(ready_queue& queue, queue_share& share, unsigned band,
                   std::span<std::uint64_t> room) noexcept;
  bool linger(const ready_queue& queue, unsigned band) noexcept;
  std::uint32_t run_batch(ready_queue& queue, unsigned band,
                          std::span<const std::uint64_t> places) noexcept;
  start hand_over(std::uint64_t place, unsigned band) noexcept;
  void return_closed(ready_queue& queue, unsigned band,
                     std::span<const std::uint64_t> places) noexcept;
  bool steal() noexcept;
  bool steal_place(std::uint64_t place) noexcept;
  start run_copy(std::uint64_t place) noexcept;
  bool serve_suspect() noexcept;
  [[nodiscard]] bool sees_work() const noexcept;
  [[nodiscard]] bool search() noexcept;
  bool nap() noexcept;
  [[nodiscard]] bool is_one_too_many(unsigned alive) const noexcept;
  bool may_leave() noexcept;
  [[nodiscard]] bool is_over(const visit& v) const noexcept;
  void pass_on() noexcept;
  [[nodiscard]] unsigned searchers_max() const noexcept;
  void prefetch(std::uint64_t place) const noexcept;

  atomic<bool> is_hired_{false};
  core& core_;
  blocking_pool& pool_;
  thread_context& context_;
  picker picker_;
  visit* visit_ = nullptr;    // of a loop, while it runs
  bool thin_ = false;         // the last step did next to nothing
  std::uint64_t nap_ns_ = 0;  // the last nap, 0 after a batch that was not thin
  unsigned naps_ = 0;         // since something was done
  std::uint64_t now_ns_ = 0;  // end of the last batch, 0 after an idle step
  std::array<share_claim, ordered_batch_max>
      claims_;  // of the jobs in hand, if their queue is shared by tenants
  std::array<std::uint64_t, queues_max> mean_ns_{};  // of a handler, by queue
};

}  // namespace pawl
