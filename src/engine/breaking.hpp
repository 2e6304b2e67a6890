// engine/breaking.hpp -- what the breakers of kinds are told of attempts (ready/breaker.hpp).
#pragma once

#include <cstdint>

#include "engine/core.hpp"
#include "policy/breaker.hpp"

namespace pawl {

// An attempt of that kind, whose kind has a breaker, is over. `epoch`: what its thread noted at its start.
void tell_breaker(core& c, thread_context& context, unsigned kind, std::uint16_t epoch,
                  const breaker_facts& facts) noexcept;

// That an attempt failed with that error.
[[nodiscard]] breaker_facts failed_with(const breaker_rule& rule, error_kind error) noexcept;

// Of the calling thread's attempt, whose start its line still tells: whether it took too long.
[[nodiscard]] bool was_slow(const core& c, const thread_context& context,
                            const breaker_rule& rule) noexcept;

}  // namespace pawl
