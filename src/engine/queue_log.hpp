// engine/queue_log.hpp -- what is said to the log about queues and tenants: their names, and what holds for
// them; and the other way round.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/thread_context.hpp"
#include "pawl/limits.hpp"
#include "pawl/options.hpp"
#include "persistence/durable_state.hpp"

namespace pawl {

// Room for one of the calls below: to be waited for before any lock is taken.
inline constexpr std::size_t settings_room = 2'048;

// A name, before anything else is said that uses its number. The LSN.
std::uint64_t log_name(thread_context& context, name_record::of space, std::uint32_t number,
                       std::string_view name) noexcept;
// One thing that holds for a scope. `order` grows with each of them.
std::uint64_t log_setting(thread_context& context, scope::part part, std::uint32_t number,
                          std::string_view lane, std::uint64_t order,
                          const setting_value& value) noexcept;
// All options of a queue but the breaker of its lanes, which is told anew by each process; as one group.
std::uint64_t log_queue_options(thread_context& context, std::uint32_t number,
                                const queue_options& options, std::uint64_t order) noexcept;

limits_setting setting_of(const limits& l) noexcept;
limits limits_of(const limits_setting& s) noexcept;
// What the log says of a queue; defaults, where it says nothing.
queue_options queue_options_in(const durable_state& state, std::uint32_t number);
tenant_options tenant_options_in(const durable_state& state, std::uint32_t number);

}  // namespace pawl
