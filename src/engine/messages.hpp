// engine/messages.hpp -- what the engine says to people, through the host's sink or standard error.
#pragma once

#include <string_view>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "pawl/log.hpp"

namespace pawl {

class messages {
 public:
  messages(log_sink sink, const clock_source& clock) noexcept : sink_(sink), clock_(clock) {}

  // Not for a hot path. Never throws, never fails.
  void say(log_level level, std::string_view event, std::string_view message,
           job_id job = {}) noexcept;

 private:
  void print(const log_record& record) noexcept;

  const log_sink sink_;
  const clock_source& clock_;
  // relaxed: a line more or less in a second is no harm.
  atomic<std::uint64_t> second_{0};
  atomic<unsigned> lines_in_second_{0};
};

}  // namespace pawl
