// store_reader.hpp -- reads a store's log, whether or not somebody writes it meanwhile.
//
// What is damage in a store that nobody has open may be, in one that is being written, a frame that
// came while it was looked at, or a segment that was removed. So a fault counts when a second reading
// finds it at the same place.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "pawl/error.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/posix_device.hpp"

namespace pawl_tool {

// A taker that has seen enough answers this, which ends the reading and is no fault.
inline constexpr pawl::failure seen_enough{.code = pawl::errc::stopping, .where = "enough"};

// What a reading has seen, and how far it came.
struct reading {
  pawl::log_summary summary;
  std::uint64_t lsn = 0;      // of the last cut that was given
  std::uint64_t wall_ns = 0;  // when that was written; 0: there was none
  bool ended_early = false;   // by a taker that has seen enough
  std::optional<pid_t> open_by;
};

class store_reader {
 public:
  // Errors: those of posix_device::open_to_read().
  static pawl::result<std::unique_ptr<store_reader>> open(const std::string& directory);

  // Gives each cut above `after` to `taker` once, in their order. A fault is in the summary.
  reading read(pawl::cut_taker& taker, std::uint64_t after = 0);

  [[nodiscard]] pawl::log_device& device() noexcept { return *device_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }

 private:
  store_reader(std::string directory, std::unique_ptr<pawl::posix_device> device)
      : directory_(std::move(directory)), device_(std::move(device)) {}

  const std::string directory_;
  const std::unique_ptr<pawl::posix_device> device_;
};

// For a person: "as of LSN 42, 2026-11-26T15:39:29.123Z; open by process 4242".
[[nodiscard]] std::string as_of(const reading& r);
// "corrupt: frame: it is missing ... (wal-0000000000000001.seg, offset 8192, frame 7)".
[[nodiscard]] std::string text_of(const pawl::log_fault& fault);
[[nodiscard]] std::string text_of(const pawl::failure& trouble);
[[nodiscard]] int exit_code_of(const pawl::failure& trouble) noexcept;

}  // namespace pawl_tool
