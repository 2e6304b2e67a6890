// persistence/log_device.hpp -- what the log needs of a file system: the seam between the log and a disk.
//
// One directory of files whose names the log chooses. posix_device.hpp is the real one; tests have
// one that loses, tears and fails (tests/crash/sim_disk.hpp).
//
// Threads:     a device is used by one thread at a time; but another one may create() a file beside it that the
//              first one does not touch meanwhile.
// Durability:  a write is durable when a sync that was started after the write's completion has
//              completed; what a file's name is, when sync_directory() has returned. Before that a crash may leave
//              any of it or nothing, and a power cut may tear a write.
// Completions: writes and syncs are started and come to an end in any order; reap() says which. The
//              bytes of a write must stay as they are until then. Two writes that are under way do not
//              overlap.
// Failure:     errc::io with the errno of the call, errc::no_space where that is the cause. A completion
//              has the errno negated. After a failed write or sync of a file nothing is known of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "pawl/error.hpp"

namespace pawl {

// An open file of a device.
enum class file_ref : std::uint32_t {};

struct completion {
  std::uint64_t token;  // as given to start_write() or start_sync()
  std::int64_t result;  // bytes written; 0 for a sync; -errno
};

class log_device {
 public:
  virtual ~log_device() = default;

  // The names in the directory, in any order.
  virtual result<std::vector<std::string>> list() = 0;
  // A new file of `bytes` zeros, whose blocks are written, not only promised. Its name is not durable yet. One of
  // that name that was left over is replaced.
  // Nothing remains of one that could not be made.
  virtual status create(std::string_view name, std::uint64_t bytes) = 0;
  // Replaces a file of the new name.
  virtual status rename(std::string_view from, std::string_view to) = 0;
  virtual status remove(std::string_view name) = 0;
  virtual status sync_directory() = 0;

  virtual result<file_ref> open(std::string_view name) = 0;
  virtual void close(file_ref file) noexcept = 0;
  virtual result<std::uint64_t> size(file_ref file) = 0;
  // Fills `room` with what is at `offset`, from the disk and not from what a failed sync may have left in
  // memory. Fewer bytes only at the end of the file. Offset and length are multiples of block_bytes.
  virtual result<std::size_t> read(file_ref file, std::uint64_t offset,
                                   std::span<std::byte> room) = 0;

  // Offset, length and address of `bytes` are multiples of block_bytes, and lie within the file.
  virtual void start_write(file_ref file, std::uint64_t offset, byte_span bytes,
                           std::uint64_t token) = 0;
  virtual void start_sync(file_ref file, std::uint64_t token) = 0;
  // Takes what has come to an end, up to done.size(), and says how many. With `wait` at least one, if
  // anything is under way.
  virtual std::size_t reap(std::span<completion> done, bool wait) = 0;
};

}  // namespace pawl
