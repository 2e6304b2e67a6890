// persistence/open_log.hpp -- from a directory to the state that its log holds, and a writer for a new epoch.
// FORMAT.md, sections 1, 5 and 6.
//
// Until the log was read and found good nothing of it is changed. Then the new epoch begins, in spare files if
// there are any, the state is written as its base, and when that is durable, what is older becomes spares or is
// removed. What the board of the last process says is told to the state before that, so its base has it. A crash
// at any point, or a failure, leaves a directory that gives the same state when it is opened again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "persistence/crash_board.hpp"
#include "persistence/directory_lock.hpp"
#include "persistence/durable_state.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/log_writer.hpp"
#include "persistence/open_device.hpp"
#include "persistence/spare_files.hpp"

namespace pawl {

struct log_kind {
  std::string name;
  std::uint8_t crashes_max =
      0;  // a job that has taken the process down so often is dead; 0: none ever is
};

struct log_request {
  std::string directory;
  device_choice device = device_choice::best;
  std::uint32_t segment_bytes = 64u << 20;
  boot_moment now;
  std::vector<log_kind> kinds;  // which have numbers when the log is open
  std::uint32_t board_lines = 0;
};

struct log_report {
  std::uint64_t epoch = 0;  // the new one
  std::uint64_t recovered_lsn = 0;
  std::uint64_t cuts = 0;
  std::uint64_t frames = 0;
  std::uint64_t dropped_bytes = 0;  // of a torn tail
  std::uint64_t jobs = 0;           // that go on
  std::uint64_t dead = 0;
  opened_record::before how = opened_record::before::nothing;  // the last epoch ended
  std::uint64_t base_bytes = 0;                                // records that were written
  std::uint32_t segments_recycled = 0;                         // made spares for the running log
  std::uint32_t segments_removed = 0;                          // spares too
};

struct opened_log {
  directory_lock lock;   // of a log on a device that was given: nothing
  opened_device device;  // the same
  std::unique_ptr<log_writer> writer;
  std::unique_ptr<durable_state> state;
  crash_board board;             // of a log on a device that was given: without lines
  std::vector<job_id> suspects;  // jobs that ran when the process died, and go on
  log_report report;
  id_bytes directory_id{};
  std::uint64_t next_lsn = 0;    // the first cut number of the running log
  std::uint64_t ring_bytes = 0;  // of ring 0 in this epoch
  ready_spares spares;           // for the next segments of the running log
  // Ids with generations from here on were not given before, and below `floor` they may be: that is
  // durable.
  std::uint64_t first_generation = 0;
  std::uint64_t floor = 0;
};
inline constexpr std::uint64_t generations_at_open = 1'024;

// Errors, with `why` set to the place if it is one in the log, and to the cause alone if not:
//   invalid  segment_bytes, or a kind's name
//   full     no ids, numbers or epochs are left
//   those of directory_lock::acquire(), open_device(), read_log(), crash_board, durable_state, log_writer
//   and log_device
result<opened_log> open_log(const log_request& request, log_fault* why = nullptr);

// The same on a device, which must outlive it; without a lock and a board. `directory` and `device` are not used.
result<opened_log> open_log(log_device& device, const log_request& request,
                            log_fault* why = nullptr);

}  // namespace pawl
