// persistence/crash_board.hpp -- a page of the directory that says what each thread runs, and outlives the
// process. FORMAT.md, section 7.
//
// It is mapped, so a thread pays plain stores for an attempt; the kernel has what was stored when the
// process is gone. It is never synced: a crash of the machine is no job's fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "pawl/error.hpp"
#include "pawl/job.hpp"
#include "persistence/crash_line.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

// What a thread ran when the process died.
struct crash_note {
  job_id job;
  std::uint64_t version = 0;  // of the job while it ran
  bool alone = false;         // no other job ran
  friend bool operator==(const crash_note&, const crash_note&) = default;
};

// Of which opening of which directory a board is.
struct board_identity {
  id_bytes directory_id{};
  std::uint64_t epoch = 0;
  id_bytes boot_id{};
};

class crash_board {
 public:
  crash_board() noexcept = default;  // without lines
  ~crash_board();
  crash_board(crash_board&& other) noexcept;
  crash_board& operator=(crash_board&& other) noexcept;

  // A new one in place of what there is; all lines are empty. Blocks for the disk: the file has all its
  // blocks, so that a store can not find the disk full. Errors:
  //   no_space, io
  static result<crash_board> make(const std::string& directory, const board_identity& whose,
                                  std::uint32_t lines);

  // Null: there is no such line.
  [[nodiscard]] crash_line* line(std::uint32_t index) const noexcept;

 private:
  crash_board(void* memory, std::size_t bytes) noexcept : memory_(memory), bytes_(bytes) {}

  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

// What the board of a process that is gone says; nothing, where there is none, or another one's, or one that is
// not whole: then nobody is to blame. Errors: io.
result<std::vector<crash_note>> read_crash_board(const std::string& directory,
                                                 const board_identity& whose);

// The notes in the bytes of such a file.
std::vector<crash_note> crash_notes_in(byte_span file, const board_identity& whose);

}  // namespace pawl
