// persistence/log_files.hpp -- the segments of a directory with their headers, and windows on their bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "persistence/block_memory.hpp"
#include "persistence/frame.hpp"
#include "persistence/log_device.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

struct log_segment {
  file_ref file;
  segment_header header;
};

class log_files {
 public:
  explicit log_files(log_device& device) : device_(device), window_(2 * frame_bytes_max) {}
  ~log_files();
  log_files(const log_files&) = delete;
  log_files& operator=(const log_files&) = delete;

  // Opens all segments, ascending, and checks their headers, each by itself and with the others.
  std::optional<log_fault> open();
  [[nodiscard]] const std::vector<log_segment>& segments() const noexcept { return segments_; }

  // What segment `index` has from `offset` on: at least a longest frame, if there is so much. Valid until
  // the next call. On a failed read `failed()` says why, and nothing is there.
  byte_span bytes_at(std::size_t index, std::uint64_t offset);
  // The sound frame at that place, if there is one.
  std::optional<frame_view> frame_at(std::size_t index, std::uint64_t offset);
  [[nodiscard]] const std::optional<log_fault>& failed() const noexcept { return failed_; }

 private:
  std::optional<log_fault> check_order() const;

  log_device& device_;
  std::vector<log_segment> segments_;
  block_memory window_;
  std::size_t window_index_ = 0;
  std::uint64_t window_offset_ = 0;
  std::size_t window_size_ = 0;
  std::optional<log_fault> failed_;
};

}  // namespace pawl
