// ready/ordered_places.hpp -- one priority of an ordered queue: what its kinds have in common.
//
// One structure under one lock, so its order is exact: a pop takes what is first of all that was pushed
// before it. A push or a pop of many places holds the lock once.
//
// Roles       all members: any thread.
// Progress    under a lock; looks_empty() is wait-free.
//
// State       field     written by                        read by               order
//             count_    whoever changes what is there,    pickers, without it   release / acquire [count]
//                       under the lock
//
// Invariants  I1  count_ is the number of places that a pop would find, whenever nobody holds the lock.
//             I2  What queue_gate.hpp asks of a look: it sees every push whose announcement came before, in
//                 the order of the work word's read-modify-writes. Who pushes stores count_ before it
//                 announces, which releases; a picker that cleared the work bit, or looked at the word
//                 before its pop, has acquired. So it reads that count or a later one, and a later one of
//                 0 means that somebody has popped the place, or holds it back and will announce it again.
//                 A pusher that announces after the picker cleared the bit sets it again. No pop fails
//                 while a place is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/atomic.hpp"
#include "job/memory_budget.hpp"
#include "ready/order_marks.hpp"

namespace pawl {

class ordered_places {
 public:
  ordered_places() = default;
  ordered_places(const ordered_places&) = delete;
  ordered_places& operator=(const ordered_places&) = delete;
  virtual ~ordered_places() = default;

  // Whom to ask for memory; before the first push.
  void set_account(memory_account account) noexcept { account_ = account; }

  // Of jobs that became ready just now: behind their equals. False: no memory; none was pushed. The budget
  // does not refuse those that were accepted before.
  bool push(const order_marks& marks, std::span<const std::uint64_t> places,
            need why = need::accepted) noexcept {
    return add(marks, places, why);
  }
  // Of jobs that were taken and not started: to where they were. False: no memory; none was pushed.
  virtual bool put_back(const order_marks& marks,
                        std::span<const std::uint64_t> places) noexcept = 0;
  // The first ones, in order. How many were written to the front of `into`.
  virtual std::size_t pop(std::span<std::uint64_t> into) noexcept = 0;

  // Drops the places of which keep(place) says false.
  template <class Keep>
  void keep_if(Keep keep) noexcept {
    keep_those(
        [](void* k, std::uint64_t place) noexcept { return (*static_cast<Keep*>(k))(place); },
        &keep);
  }

  [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return count_.load(acquire); }  // [count]

 protected:
  virtual bool add(const order_marks& marks, std::span<const std::uint64_t> places,
                   need why) noexcept = 0;
  using keep_place = bool (*)(void* keep, std::uint64_t place) noexcept;
  virtual void keep_those(keep_place is_kept, void* keep) noexcept = 0;
  [[nodiscard]] const memory_account& account() const noexcept { return account_; }
  // Under the lock.
  void set_size(std::size_t count) noexcept { count_.store(count, release); }  // [count]

 private:
  memory_account account_;
  alignas(cache_line_bytes) atomic<std::size_t> count_{0};
};

}  // namespace pawl
