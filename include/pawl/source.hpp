// pawl/source.hpp -- where jobs are taken from, and how far that has been read: exactly-once intake.
//
//   const source_ref file = *s.source("orders.csv");
//   seek(*s.cursor(file));                                     // where the last process had come to
//   const auto position = after(line);
//   const source_cursor at{file, position};
//   s.submit(q, kind, line, {.cursor = &at});
//
// A cursor is in the log in one piece with its job: after a crash both are there or neither, so who goes on
// reading at the cursor submits nothing twice and leaves nothing out. What a position says is the host's affair.
//
// Threads: a source is read by one thread at a time. Of several the submit that comes last says where it stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pawl/job.hpp"

namespace pawl {

inline constexpr std::size_t position_bytes_max = 1'024;

// Resolved once from a name by scheduler::source().
struct source_ref {
  std::uint16_t index = 0xffff;
  std::uint16_t scheduler = 0;
  friend bool operator==(source_ref, source_ref) noexcept = default;
};

// Of a job: where its source stands once the job is accepted, or is the duplicate of one that is. Copied.
struct source_cursor {
  source_ref source;
  std::span<const std::byte> position;  // up to position_bytes_max
};

// How far a source has been read.
struct source_position {
  std::vector<std::byte> position;  // empty: it never was, or so it was set
  pawl::ticket
      ticket;  // once it is durable, so is the position; lsn 0: it is, or nothing is logged
};

}  // namespace pawl
