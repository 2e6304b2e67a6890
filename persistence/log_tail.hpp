// persistence/log_tail.hpp -- what a log gets while it is being looked at.
//
//   log_tail tail(device, read_log(device, taker));
//   for (;;) { wait a while; if (*tail.take_new(taker) == log_tail::end::elsewhere) read anew; }
//
// Changes nothing on disk. Goes on in one epoch only: where the next one begins is for read_log() to say.
// A frame that is not there yet and one that is damaged look the same from here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "persistence/block_memory.hpp"
#include "persistence/frame.hpp"
#include "persistence/log_device.hpp"
#include "persistence/log_reader.hpp"

namespace pawl {

class log_tail {
 public:
  enum class end : std::uint8_t {
    here,       // where the writer is
    elsewhere,  // the epoch is over, or its files are gone
  };

  // Begins behind the last frame that counted when the log was read, without a fault.
  log_tail(log_device& device, const log_summary& read) noexcept;
  ~log_tail();
  log_tail(const log_tail&) = delete;
  log_tail& operator=(const log_tail&) = delete;

  // Gives each cut that was closed since. Does not wait. Errors: io, and those of the taker, after which
  // it must not be called again.
  result<end> take_new(cut_taker& taker);

 private:
  struct open_segment {
    file_ref file{};
    segment_header header;
  };
  struct ring_part {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };

  result<std::optional<open_segment>> open(std::uint64_t number);
  result<std::optional<frame_view>> next_frame(const open_segment& in, std::uint64_t offset);
  result<bool> enter_next_segment();
  result<bool> is_elsewhere();
  status take(const frame_view& frame, cut_taker& taker);

  log_device& device_;
  log_place place_;
  std::uint64_t epoch_;
  std::uint64_t frame_;  // the last
  std::uint32_t crc_;    // its
  std::optional<open_segment> segment_;
  std::map<std::uint32_t, ring_part> cut_;  // that is not closed yet
  block_memory window_;
};

}  // namespace pawl
