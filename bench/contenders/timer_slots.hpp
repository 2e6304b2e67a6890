// bench/contenders/timer_slots.hpp -- the owner's side of lazily cancelled timers.
//
// A word for each timer, 128 bytes apart and in memory like that of the engine's slots. Cancelling and
// restarting change the version in the word, and whoever fires looks there whether the entry still
// means something: a cache miss for each, hidden by asking for the words of later entries first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/region.hpp"
#include "contenders/timer_contender.hpp"
#include "time/wheel.hpp"

namespace bench {

class timer_slots {
 public:
  // Entries between the one that is asked for and the one that is looked at. Here 8 to 128 come to the
  // same, because so little is done with an entry that the processor runs ahead by itself.
  static constexpr std::size_t prefetch_distance = 16;

  explicit timer_slots(std::size_t timers) : timers_(timers), memory_(timers * sizeof(slot)) {
    require(memory_.commit(timers * sizeof(slot)), "memory for the slots");
  }

  // Every word at its first version, which is known to who schedules: the engine has the slot at hand
  // then, because it has just written it.
  static constexpr std::uint32_t first_version = 1;
  void begin() noexcept {
    for (std::size_t i = 0; i < timers_; ++i) at(i).word = first_version;
  }

  [[nodiscard]] std::uint32_t version(std::uint32_t timer) const noexcept {
    return static_cast<std::uint32_t>(at(timer).word);
  }
  // Makes the entries of a timer stale.
  void end(std::uint32_t timer) noexcept { ++at(timer).word; }

  // Counts those that are not stale, and makes them so.
  void fire(std::span<const pawl::timer_entry> due, fired_timers& fired) noexcept {
    for (std::size_t i = 0; i < std::min(prefetch_distance, due.size()); ++i) ask_for(due[i]);
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (i + prefetch_distance < due.size()) ask_for(due[i + prefetch_distance]);
      if (version(due[i].slot) != due[i].version) continue;
      end(due[i].slot);
      fired.add(due[i].slot);
    }
  }

 private:
  struct alignas(128) slot {
    std::uint64_t word;
  };

  [[nodiscard]] slot& at(std::size_t index) const noexcept {
    return reinterpret_cast<slot*>(memory_.data())[index];
  }
  void ask_for(const pawl::timer_entry& entry) const noexcept {
    __builtin_prefetch(&at(entry.slot), 1);
  }

  std::size_t timers_;
  pawl::region memory_;
};

}  // namespace bench
