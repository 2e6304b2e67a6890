// persistence/posix_device.hpp -- a directory of a file system, by ordinary calls: each write and sync has
// come to an end when its start returns. What is used where io_uring is not to be had.
//
// Files are read and written past the page cache (O_DIRECT) where the file system allows it: then a failed
// write says so itself, and reads tell what is on the disk. Elsewhere they go through the cache, and what
// a failed sync left there is dropped as well as one can when a file is opened.
//
// The thread should have SIGXFSZ blocked, so that a limit on the size of files is an errno (EFBIG).
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "persistence/log_device.hpp"

namespace pawl {

class posix_device final : public log_device {
 public:
  // The directory must be there, of mode 0700 or less, and belong to the user of the process. Errors:
  //   not_found  there is none
  //   invalid    it is something else, somebody else's, or others may write into it
  //   io         errno says why it cannot be opened
  static result<std::unique_ptr<posix_device>> open(const std::string& directory);
  // For who only looks: whoever the directory belongs to, and files are opened for reading only. What
  // would change anything must not be called. Errors: not_found, invalid (no directory), io.
  static result<std::unique_ptr<posix_device>> open_to_read(const std::string& directory);
  ~posix_device() override;
  posix_device(const posix_device&) = delete;
  posix_device& operator=(const posix_device&) = delete;

  // False once a file could not be opened past the page cache.
  [[nodiscard]] bool is_direct() const noexcept { return is_direct_; }

  result<std::vector<std::string>> list() override;
  status create(std::string_view name, std::uint64_t bytes) override;
  status rename(std::string_view from, std::string_view to) override;
  status remove(std::string_view name) override;
  status sync_directory() override;
  result<file_ref> open(std::string_view name) override;
  void close(file_ref file) noexcept override;
  result<std::uint64_t> size(file_ref file) override;
  result<std::size_t> read(file_ref file, std::uint64_t offset, std::span<std::byte> room) override;
  void start_write(file_ref file, std::uint64_t offset, byte_span bytes,
                   std::uint64_t token) override;
  void start_sync(file_ref file, std::uint64_t token) override;
  std::size_t reap(std::span<completion> done, bool wait) override;

  // Has `c` be what the next reap() says: for who starts writes in another way.
  void note_end(const completion& c) { done_.push_back(c); }

 private:
  enum class access : bool { read, write };
  posix_device(int directory, access files) noexcept : directory_(directory), access_(files) {}

  int directory_;
  const access access_;
  bool is_direct_ = true;
  std::deque<completion> done_;
};

}  // namespace pawl
