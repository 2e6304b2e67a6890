// engine/log_opening.hpp -- the directory of a scheduler, opened: what its log held, and what the engine's
// numbers are in it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "engine/messages.hpp"
#include "pawl/options.hpp"
#include "pawl/registry.hpp"
#include "persistence/open_log.hpp"

namespace pawl {

struct recovered_log {
  opened_log disk;
  id_bytes boot_id{};
  // The kinds that the scheduler has: those of the registry, then those of which the log has jobs and nobody
  // has a handler; and for each its number in the log.
  std::vector<registry::entry> kinds;
  std::vector<std::uint32_t> kind_numbers;
  std::map<std::uint32_t, std::uint16_t> kinds_by_number;  // the other way round
};

// Blocks for the disk: reads the log, and writes what it held into a new epoch. `lines`: of the board, one for
// each thread that may run handlers. Errors are those of open_log(); where and why is said to the log sink.
result<std::unique_ptr<recovered_log>> open_log_of(const options& wanted, const registry& kinds,
                                                   std::uint32_t lines, const clock_source& clock,
                                                   messages& say);

}  // namespace pawl
