// persistence/crash_line.hpp -- what one thread runs, said to the next process. A line of the board
// (crash_board.hpp), in memory that outlives this one.
//
// Roles       one thread writes it; who ends a quarantine takes back that its job is alone.  The next opening
//             reads it, when the process is gone.
// Progress    wait-free.
// Memory      the board's.
//
// Invariant   B1  A line that has an id has that attempt's version, and says whether that was alone: both are
//                 stored before the id, and after the one before was cleared. All release: the order of
//                 the stores is what counts, and who reads them comes when all of them are over.
//
// Checked by tests/persistence/crash_board_test.cpp, tests/crash/poison_test.cpp.
#pragma once

#include <cstdint>

#include "base/atomic.hpp"
#include "base/bytes.hpp"
#include "pawl/job.hpp"

namespace pawl {

class alignas(64) crash_line {
 public:
  void begin(job_id job, std::uint64_t version, bool is_alone) noexcept {
    version_.store(detail::little_endian(version), release);
    alone_.store(detail::little_endian(std::uint64_t{is_alone}), release);
    id_.store(detail::little_endian(job.value), release);
  }
  void end() noexcept { id_.store(0, release); }

  // Its job is not alone any more.
  void join_others() noexcept { alone_.store(0, release); }

 private:
  atomic<std::uint64_t> id_;
  atomic<std::uint64_t> version_;
  atomic<std::uint64_t> alone_;  // in the file: one byte, and seven that are zero
};
static_assert(sizeof(crash_line) == 64);

}  // namespace pawl
