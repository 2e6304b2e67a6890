// engine/attempt.hpp -- what a thread keeps of the attempt it is making, beside the board line.
//
// State       field        written by                     read by
//             text, crashes, result  the thread           the thread
//             is_used      the thread                     the thread
//             stop         the thread, under the lock     whoever asks the attempt to stop, ditto
//             breaker_mark the thread, when a breaker     the thread, and who takes the job from its
//                          lets it start                  handler; relaxed: the swap of the job's word
//                                                         that starts it comes after it, and the one
//                                                         that takes it says whose it was
//
// A stop source is made when a handler asks for its token, and is that attempt's own. Who asks an
// attempt to stop sets a flag first, then looks for a source; who makes a source looks at the flags
// afterwards. Both under the lock, so one of them sees the other. Checked by tests/model/stop_model.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

#include "base/atomic.hpp"
#include "job/extra.hpp"
#include "job/payload_arena.hpp"

namespace pawl {

// Which breaker let an attempt start: of what kind, in which epoch. A kind that has just got its first
// breaker finds another kind's mark, or none, at attempts that started before.
constexpr std::uint32_t no_breaker_mark = UINT32_MAX;  // no kind has that number
constexpr std::uint32_t make_breaker_mark(unsigned kind, std::uint16_t epoch) noexcept {
  return (kind << 16) | epoch;
}
constexpr bool is_mark_of(std::uint32_t mark, unsigned kind) noexcept {
  return mark >> 16 == kind;
}
constexpr std::uint16_t epoch_of_mark(std::uint32_t mark) noexcept {
  return static_cast<std::uint16_t>(mark);
}

struct attempt {
  std::array<char, error_text_bytes> text_space;
  std::uint8_t text_bytes = 0;
  std::uint8_t crashes = 0;  // of the job, if it is logged
  bool is_used = false;      // there may be a source, or a result
  // A block of `blocks`: what the job leaves behind if this completes it; 0: nothing.
  std::uint32_t result = 0;
  payload_arena* blocks = nullptr;
  std::mutex mutex;
  std::optional<std::stop_source> stop;
  atomic<std::uint32_t> breaker_mark{no_breaker_mark};
  bool is_trial = false;  // of a breaker that is not closed; the thread's own

  void note(std::string_view what) noexcept {
    text_bytes = static_cast<std::uint8_t>(what.copy(text_space.data(), text_space.size()));
  }
  [[nodiscard]] std::string_view text() const noexcept { return {text_space.data(), text_bytes}; }
  void drop_result() noexcept { blocks->release(std::exchange(result, 0)); }

  // The handler has returned.
  void end() noexcept {
    text_bytes = 0;
    crashes = 0;
    if (!is_used) return;
    if (result != 0) drop_result();
    const std::lock_guard lock(mutex);
    stop.reset();
    is_used = false;
  }
};

}  // namespace pawl
