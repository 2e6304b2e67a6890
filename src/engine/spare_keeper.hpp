// engine/spare_keeper.hpp -- makes the spare file of the next segment on a thread of its own: filling 64 MB with
// zeros takes a tenth of a second, in which the log's thread would commit nothing. First it gives what the opening
// has left.
//
// Roles       want, take: the log's thread.   The thread starts with the first want, and ends with the object.
// Progress    want takes a lock that nobody holds for long; take waits for the file that is being made.
// Memory      all under mutex_.
//
// A file that cannot be made is not tried again: who needs it tries himself, and is told why it does not work.
// Checked by tests/engine/spare_keeper_test.cpp.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

#include "persistence/log_device.hpp"
#include "persistence/spare_files.hpp"

namespace pawl {

class spare_keeper final : public spare_source {
 public:
  // The device must outlive it. `ready`: spares that are there.
  spare_keeper(log_device& device, std::uint64_t segment_bytes, const ready_spares& ready) noexcept
      : device_(device), bytes_(segment_bytes), ready_(ready) {}
  // Waits for the file that is being made. One that nobody took is for the next opening.
  ~spare_keeper() override;
  spare_keeper(const spare_keeper&) = delete;
  spare_keeper& operator=(const spare_keeper&) = delete;

  void want(std::uint64_t number) noexcept override;
  bool take(std::uint64_t number) noexcept override;

 private:
  void run() noexcept;

  log_device& device_;
  const std::uint64_t bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  ready_spares ready_;
  std::uint64_t wanted_ = 0;  // the last number that was asked for; 0: none
  std::uint64_t done_ = 0;    // it was tried
  std::uint64_t made_ = 0;    // it is there, and nobody's; 0: none
  bool is_over_ = false;
  std::optional<std::thread> thread_;
};

}  // namespace pawl
