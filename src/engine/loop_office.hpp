// engine/loop_office.hpp -- lends drains to loops of the host, and knows who is inside one.
//
// A loop and its engine share a cell, which outlives both: whichever goes first leaves the other something
// to look at. Cells stay with their drain, so that a waker that still holds one rings nobody else's bell,
// and making and ending loops opens no descriptor but the first time.
//
// Roles       lend, give_back: any thread.  close, wait_until_left: who stops the engine.
//             cell enter, leave: the thread that uses the loop.
//
// State       field         written by              read by       order
//             cell.word_    enter, leave: inside    all           seq_cst; enter acquires what the thread
//                           close: closed                         before it left, [inside]
//             the rest      under mutex_
//
// Invariant   I1  After close() nobody enters, and who has entered before is waited for: enter() is one
//                 swap from "open and nobody inside", so it comes before close() and wait_until_left()
//                 sees it, or it fails.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/atomic.hpp"
#include "base/bell.hpp"
#include "pawl/error.hpp"

namespace pawl {

struct core;

class loop_cell {
 public:
  explicit loop_cell(unsigned drain) noexcept : index(drain) {}

  // What kept a thread out.
  enum class entry : std::uint8_t { inside, taken, closed };
  entry enter() noexcept;
  void leave() noexcept;
  // Of one who gives the cell back: the next owner waits for it.
  void leave_for_good() noexcept;

  void close() noexcept;
  [[nodiscard]] bool is_anybody_inside() const noexcept {
    return (word_.load(seq_cst) & inside_bit) != 0;
  }
  // False: somebody is inside still.
  bool wait_until_left(std::chrono::steady_clock::time_point until) noexcept;

  const unsigned index;  // of the drain, and of its place in the eventcount
  bell rung;

 private:
  static constexpr std::uint32_t inside_bit = 1;
  static constexpr std::uint32_t closed_bit = 2;
  atomic<std::uint32_t> word_{0};
  std::mutex mutex_;  // for left_ alone
  std::condition_variable left_;
};

class loop_office {
 public:
  explicit loop_office(core& c) noexcept : core_(c) {}

  // The errors of scheduler::make_loop(). May throw std::bad_alloc.
  result<std::shared_ptr<loop_cell>> lend();
  // Its thread has entered and will leave for good.
  void give_back(const loop_cell& cell) noexcept;

  void close() noexcept;
  bool wait_until_left(std::chrono::steady_clock::time_point until) noexcept;

  [[nodiscard]] unsigned count() const noexcept;
  [[nodiscard]] bool is_lent(unsigned index) const noexcept;
  [[nodiscard]] bool is_any_inside() const noexcept;

 private:
  struct place {
    std::shared_ptr<loop_cell> cell;  // null: never lent
    bool lent = false;
  };
  core& core_;
  mutable std::mutex mutex_;
  std::vector<place> places_;
  bool closed_ = false;
};

}  // namespace pawl
