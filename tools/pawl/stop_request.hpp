// stop_request.hpp -- how far the run is to be cut short, and why. The first reason stays, except that
// halted, which lets running jobs take their time, gives way to the others.
//
//   go on --> no more intake, running jobs finish --> now: running jobs end too
//
// Everyone who waits polls one of the two descriptors along with what it waits for.
#pragma once

#include <atomic>

#include "descriptor.hpp"

namespace pawl_tool {

class stop_request {
 public:
  enum class reason { none, halted, interrupted, output_failed, store_failed };

  stop_request() : intake_event_(make_event()), now_event_(make_event()) {}

  // Any thread.
  void stop_intake(reason why) noexcept {
    reason expected = reason::none;
    if (!why_.compare_exchange_strong(expected, why) && expected == reason::halted) {
      why_.compare_exchange_strong(expected, why);
    }
    intake_stopped_.store(true);
    raise_event(intake_event_);
  }
  void stop_now(reason why) noexcept {
    stop_intake(why);
    now_.store(true);
    raise_event(now_event_);
  }

  [[nodiscard]] bool intake_stopped() const noexcept { return intake_stopped_.load(); }
  [[nodiscard]] bool now() const noexcept { return now_.load(std::memory_order_relaxed); }
  [[nodiscard]] reason why() const noexcept { return why_.load(); }

  // Readable once the intake is to stop, or once everything is. Never read from them.
  [[nodiscard]] int intake_descriptor() const noexcept { return intake_event_.get(); }
  [[nodiscard]] int now_descriptor() const noexcept { return now_event_.get(); }

 private:
  const descriptor intake_event_;
  const descriptor now_event_;
  std::atomic<bool> intake_stopped_{false};
  std::atomic<bool> now_{false};
  std::atomic<reason> why_{reason::none};
};

}  // namespace pawl_tool
