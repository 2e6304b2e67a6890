// persistence/segment_maker.hpp -- how a segment comes to be, so that a crash at any moment leaves either no
// file of its name or one with a valid header: FORMAT.md, section 1.
#pragma once

#include <cstdint>

#include "persistence/log_device.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

// Makes the segment that `header` tells of, durable with its name. Waits for the disk. Nothing else may be
// under way on the device, and there is no such segment; `has_spare`: but its spare file is there. Errors,
// after which there is no such segment either, but perhaps a spare file: io, no_space.
status make_segment(log_device& device, const segment_header& header, bool has_spare = false);

// Has all that was written into a segment be durable, by whichever process. Waits for the disk; nothing else may be
// under way. Errors: io.
status sync_segment(log_device& device, std::uint64_t number);

}  // namespace pawl
