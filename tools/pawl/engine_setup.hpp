// engine_setup.hpp -- what the settings of a run mean for the scheduler and for the window.
#pragma once

#include <cstdint>

#include "console.hpp"
#include "job_window.hpp"
#include "pawl/options.hpp"
#include "pawl/registry.hpp"
#include "settings.hpp"

namespace pawl_tool {

// Of the scheduler and of each queue.
[[nodiscard]] std::uint64_t jobs_max(const run_settings& settings) noexcept;

// `messages` is kept: the scheduler's warnings go there.
[[nodiscard]] pawl::options engine_options(const run_settings& settings, console& messages);

[[nodiscard]] window_limits limits_for(const run_settings& settings);

// Of every kind.
[[nodiscard]] pawl::kind_options options_for(const run_settings& settings);

}  // namespace pawl_tool
