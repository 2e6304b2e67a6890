// persistence/write_base.hpp -- the state of a log as the base of its next epoch. FORMAT.md, section 6.
#pragma once

#include <cstdint>

#include "persistence/durable_state.hpp"
#include "persistence/log_writer.hpp"
#include "persistence/record_epoch.hpp"

namespace pawl {

struct base_request {
  std::uint64_t first_lsn = 1;  // of the first cut
  boot_moment now;              // of the boot for which the state was read
  std::uint64_t floor = 0;
  opened_record opened;
};

struct base_written {
  std::uint64_t last_lsn = 0;
  std::uint64_t ring_bytes = 0;  // what it took of ring 0, which goes on there
};

// Writes all of it through a writer that has begun, in cuts of about half a megabyte, and waits until it is
// durable. Errors: those of log_writer::write() and sync().
result<base_written> write_base(log_writer& writer, const durable_state& state,
                                const base_request& request);

}  // namespace pawl
