// persistence/log_reader.hpp -- a log from its first cut that counts to its end. FORMAT.md, section 5.
//
// Changes nothing on disk. Of the directory of a running scheduler a fault counts only if a second
// reading finds it too: a frame that comes while the reader looks behind the end, or a segment that an opening
// removes, is damage to the first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "persistence/log_device.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

// What one ring has in a cut: whole groups of records.
struct cut_part {
  std::uint32_t ring = 0;
  std::uint64_t offset = 0;
  byte_span bytes;
};

struct log_cut {
  std::uint64_t lsn = 0;
  std::uint64_t epoch = 0;
  boot_moment written;  // its last frame
  std::span<const cut_part> parts;
};

// Who wants to have them. What a cut refers to is there during the call only.
class cut_taker {
 public:
  virtual ~cut_taker() = default;
  // A failure ends the reading, and is what read_log() answers for the place of the cut.
  virtual status take(const log_cut& cut) = 0;
};

// Where and why a log is refused. Errors:
//   corrupt  a header, a frame or their order is wrong where it counts, or a segment is missing
//   version  a segment was written by a release that this one cannot read
//   io       a file could not be read
struct log_fault {
  failure cause;
  std::uint64_t segment = 0;  // 0: the directory
  std::uint64_t offset = 0;   // in the segment
  std::uint64_t frame = 0;    // the frame that should be there; 0: the header
};

struct log_place {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
};

struct log_summary {
  id_bytes directory_id{};
  std::uint64_t epoch = 0;          // the last; 0: there is no log
  std::uint64_t first_segment = 0;  // smaller ones are left over
  std::uint64_t last_segment = 0;
  std::uint64_t cuts = 0;
  std::uint64_t frames = 0;
  epoch_base end;       // the base of an epoch that goes on from here
  log_place end_place;  // behind the last frame that counts
  std::array<std::uint64_t, 6>
      rows{};  // how often each row of the table was the case (tail_table.hpp)
  std::optional<log_fault> fault;
};

// Gives each cut that counts to `taker`, in order. After a fault the cuts before it have been given.
log_summary read_log(log_device& device, cut_taker& taker);

}  // namespace pawl
