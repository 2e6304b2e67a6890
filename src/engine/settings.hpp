// engine/settings.hpp -- options checked, and every 0 that means "choose" replaced. Values in, values
// out.
#pragma once

#include <string_view>

#include "engine/core.hpp"
#include "pawl/error.hpp"

namespace pawl {

// What the machine has.
struct machine {
  unsigned processors = 1;
  std::uint64_t memory_bytes = 0;
  std::uint64_t random = 1;  // a number nobody could foretell
};
machine this_machine() noexcept;

//   errc::invalid  an option is out of range; failure::where names it
result<core_settings> settle(const options& wanted, const machine& m) noexcept;

// The slots below `used` are jobs' already: beside those that the options ask for, or among them.
void make_room_for(core_settings& s, std::uint32_t used) noexcept;

// The least options::memory_bytes_max with which these settings work.
std::uint64_t memory_bytes_min(const core_settings& s) noexcept;

//   errc::invalid  the same
status check_kinds(const registry& kinds) noexcept;
status check_backoff(const backoff& b) noexcept;
status check_queue(std::string_view name, const queue_options& wanted) noexcept;
status check_options(const queue_options& wanted) noexcept;
status check_name(std::string_view name, std::string_view what) noexcept;
status check_span(duration span, std::string_view what) noexcept;
status check_limits(const limits& wanted) noexcept;
bool check_breaker(const breaker_rule& wanted) noexcept;

}  // namespace pawl
