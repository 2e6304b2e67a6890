// persistence/directory_lock.hpp -- a directory belongs to one process at a time. FORMAT.md, section 1.
//
// The lock is flock(2) of the file `lock`, which nobody removes: it goes with the process, however that
// ends. A child that was forked without exec keeps it too if it outlives a parent that was killed.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "pawl/error.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

class directory_lock {
 public:
  // Holds nothing.
  directory_lock() noexcept = default;
  ~directory_lock();
  directory_lock(directory_lock&& other) noexcept;
  directory_lock& operator=(directory_lock&& other) noexcept;

  // Makes the directory if there is none, durably, but not the ones above it; does not wait. Errors:
  //   busy       another process has it, or this one by another lock: see holder()
  //   not_found  the directory above it is not there
  //   invalid    it is no directory, it belongs to somebody else, or others may write into it
  //   io         errno says why it cannot be made or locked
  static result<directory_lock> acquire(const std::string& directory, const id_bytes& boot_id);

  // The process that the lock's text names: who has it if it is locked, else who had it. None if there is
  // no such text, as in the moment before it is written.
  static std::optional<pid_t> holder(const std::string& directory);

  [[nodiscard]] bool is_held() const noexcept { return fd_ >= 0; }

 private:
  directory_lock(int fd, pid_t owner) noexcept : fd_(fd), owner_(owner) {}
  void release() noexcept;

  int fd_ = -1;
  pid_t owner_ = 0;  // a forked child closes the file and leaves the lock alone
};

}  // namespace pawl
