// persistence/boot_now.hpp -- the present moment of this run of the machine, as files keep it.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "pawl/error.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

// Which run of the machine this is, from /proc/sys/kernel/random/boot_id. Errors:
//   io  it cannot be read, or is no such id. There is no stand-in for it: two boots that look like one
//       would make wrong times of all boot times on disk.
result<id_bytes> read_boot_id();

// 32 hexadecimal digits in five groups, with an end of line or without. Errors: io, as above.
result<id_bytes> boot_id_of(std::string_view text) noexcept;
// The same 36 characters again.
std::string boot_id_text(const id_bytes& id);

inline boot_moment moment_of(const clock_source& clock, const id_bytes& boot_id) noexcept {
  return {.wall_ns = clock.wall_ns(), .boot_ns = clock.boot_ns(), .boot_id = boot_id};
}

}  // namespace pawl
