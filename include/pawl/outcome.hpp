// pawl/outcome.hpp -- what a handler says of the attempt it just made.
#pragma once

#include <cstdint>

namespace pawl {

// A handler that throws has said dead(); what it threw is reported to the log sink.
class [[nodiscard]] outcome {
 public:
  enum class code : std::uint8_t {
    done,       // the job is completed
    dead,       // the job is dead, cause handler
    cancelled,  // the job is cancelled: the handler saw context::cancel_requested() and agreed
  };

  static constexpr outcome done() noexcept { return outcome{code::done}; }
  static constexpr outcome dead() noexcept { return outcome{code::dead}; }
  static constexpr outcome cancelled() noexcept { return outcome{code::cancelled}; }

  [[nodiscard]] constexpr code what() const noexcept { return what_; }

 private:
  constexpr explicit outcome(code c) noexcept : what_(c) {}
  code what_;
};

}  // namespace pawl
