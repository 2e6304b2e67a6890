// state_reading.hpp -- the state that a log holds, as an opening would recover it, and what was seen on
// the way.
#pragma once

#include <cstdint>
#include <memory>

#include "name_book.hpp"
#include "persistence/durable_state.hpp"
#include "persistence/segment_header.hpp"
#include "store_reader.hpp"

namespace pawl_tool {

struct state_reading {
  reading seen;
  pawl::boot_moment now;  // times of the state are of this boot
  std::unique_ptr<pawl::durable_state> state;
  bool is_whole = false;  // else it is what came before the fault, or nothing at all
  bool has_jobs = false;  // what jobs there are is known
  std::uint64_t records = 0;
  std::uint64_t epochs = 0;  // that have a cut
  std::uint64_t first_lsn = 0;

  [[nodiscard]] name_book names() const;
};

// Errors: io, if it is not known which run of the machine this is.
pawl::result<state_reading> read_state(store_reader& store);

}  // namespace pawl_tool
