// persistence/uring_device.hpp -- a directory of a file system, with writes through io_uring: several are under
// way at a time, and the thread goes on meanwhile. A sync is an fdatasync(2) of the thread itself: beside busy
// threads that is faster than one by the kernel's workers, which wait for a processor.
#pragma once

#include <memory>
#include <string>

#include "persistence/log_device.hpp"
#include "persistence/posix_device.hpp"

namespace pawl {

class uring_device final : public log_device {
 public:
  // Errors: those of posix_device::open(), and io if the system gives no ring: EPERM or ENOSYS where
  // io_uring is forbidden, ENOMEM where too much memory is locked.
  static result<std::unique_ptr<uring_device>> open(const std::string& directory);
  ~uring_device() override;
  uring_device(const uring_device&) = delete;
  uring_device& operator=(const uring_device&) = delete;

  result<std::vector<std::string>> list() override { return files_->list(); }
  status create(std::string_view name, std::uint64_t bytes) override {
    return files_->create(name, bytes);
  }
  status rename(std::string_view from, std::string_view to) override {
    return files_->rename(from, to);
  }
  status remove(std::string_view name) override { return files_->remove(name); }
  status sync_directory() override { return files_->sync_directory(); }
  result<file_ref> open(std::string_view name) override { return files_->open(name); }
  void close(file_ref file) noexcept override { files_->close(file); }
  result<std::uint64_t> size(file_ref file) override { return files_->size(file); }
  result<std::size_t> read(file_ref file, std::uint64_t offset,
                           std::span<std::byte> room) override {
    return files_->read(file, offset, room);
  }
  void start_write(file_ref file, std::uint64_t offset, byte_span bytes,
                   std::uint64_t token) override;
  void start_sync(file_ref file, std::uint64_t token) override { files_->start_sync(file, token); }
  std::size_t reap(std::span<completion> done, bool wait) override;

 private:
  class ring;
  explicit uring_device(std::unique_ptr<posix_device> files, std::unique_ptr<ring> r) noexcept;

  std::unique_ptr<posix_device> files_;
  std::unique_ptr<ring> ring_;
};

}  // namespace pawl
