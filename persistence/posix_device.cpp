#include "persistence/posix_device.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/check.hpp"
#include "persistence/block_memory.hpp"

namespace pawl {
namespace {

failure failed(int error, std::string_view where) noexcept {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return {.code = is_full ? errc::no_space : errc::io, .sys_errno = error, .where = where};
}

int fd_of(file_ref file) noexcept {
  return static_cast<int>(file);
}

// All of it, or why not. Several calls, as one may write less than it was given when it is interrupted.
int write_zeros(int fd, std::uint64_t bytes) {
  block_memory zeros(std::size_t{1} << 20);
  std::fill(zeros.span().begin(), zeros.span().end(), std::byte{0});
  std::uint64_t at = 0;
  while (at < bytes) {
    const std::uint64_t n = std::min<std::uint64_t>(bytes - at, zeros.span().size());
    const ssize_t wrote = ::pwrite(fd, zeros.span().data(), n, static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    if (wrote == 0) return EIO;
    at += static_cast<std::uint64_t>(wrote);
  }
  return 0;
}

result<int> open_folder(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) return fd;
  // ENOTDIR is also what O_NOFOLLOW together with O_DIRECTORY makes of a symbolic link.
  const bool is_other = errno == ENOTDIR || errno == ELOOP;
  if (errno == ENOENT) return failure{.code = errc::not_found, .where = "directory: there is none"};
  if (is_other) return failure{.code = errc::invalid, .where = "directory: it is no directory"};
  return failed(errno, "directory: open");
}

}  // namespace

result<std::unique_ptr<posix_device>> posix_device::open_to_read(const std::string& directory) {
  const auto folder = open_folder(directory);
  if (!folder) return folder.error();
  return std::unique_ptr<posix_device>(new posix_device(*folder, access::read));
}

result<std::unique_ptr<posix_device>> posix_device::open(const std::string& directory) {
  const auto folder = open_folder(directory);
  if (!folder) return folder.error();
  struct stat is {};
  std::unique_ptr<posix_device> device(new posix_device(*folder, access::write));  // closes it
  if (::fstat(*folder, &is) != 0) return failed(errno, "directory: stat");
  if (is.st_uid != ::geteuid()) {
    return failure{.code = errc::invalid, .where = "directory: it belongs to somebody else"};
  }
  if ((is.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return failure{.code = errc::invalid, .where = "directory: others may write into it"};
  }
  return device;
}

posix_device::~posix_device() {
  ::close(directory_);
}

result<std::vector<std::string>> posix_device::list() {
  const int fd = ::openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed(errno, "directory: open");
  DIR* const stream = ::fdopendir(fd);
  if (stream == nullptr) {
    const int error = errno;
    ::close(fd);
    return failed(error, "directory: open");
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return failed(error, "directory: read");
  return names;
}

status posix_device::create(std::string_view name, std::uint64_t bytes) {
  PAWL_CHECK(access_ == access::write);
  const std::string path(name);
  // What an opening that was cut short has left of it means nothing.
  if (::unlinkat(directory_, path.c_str(), 0) != 0 && errno != ENOENT) {
    return failed(errno, "segment: remove");
  }
  const int fd = ::openat(directory_, path.c_str(),
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return failed(errno, "segment: create");
  int error = ::fchmod(fd, S_IRUSR | S_IWUSR) == 0 ? 0 : errno;  // whatever the umask says
  if (error == 0) error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (error == 0) error = write_zeros(fd, bytes);
  // Here, where it may be another thread that waits for it.
  if (error == 0 && ::fdatasync(fd) != 0) error = errno;
  ::close(fd);
  if (error == 0) return std::monostate{};
  ::unlinkat(directory_, path.c_str(), 0);
  return failed(error, "segment: fill with zeros");
}

status posix_device::rename(std::string_view from, std::string_view to) {
  PAWL_CHECK(access_ == access::write);
  if (::renameat(directory_, std::string(from).c_str(), directory_, std::string(to).c_str()) != 0) {
    return failed(errno, "segment: rename");
  }
  return std::monostate{};
}

status posix_device::remove(std::string_view name) {
  PAWL_CHECK(access_ == access::write);
  if (::unlinkat(directory_, std::string(name).c_str(), 0) != 0) {
    return failed(errno, "segment: remove");
  }
  return std::monostate{};
}

status posix_device::sync_directory() {
  PAWL_CHECK(access_ == access::write);
  if (::fsync(directory_) != 0) return failed(errno, "directory: sync");
  return std::monostate{};
}

result<file_ref> posix_device::open(std::string_view name) {
  const std::string path(name);
  const int flags =
      (access_ == access::write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  int fd = is_direct_ ? ::openat(directory_, path.c_str(), flags | O_DIRECT) : -1;
  if (fd < 0 && (!is_direct_ || errno == EINVAL)) {
    fd = ::openat(directory_, path.c_str(), flags);
    if (fd >= 0) {
      is_direct_ = false;
      ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    }
  }
  if (fd < 0) return failed(errno, "segment: open");
  struct stat is {};
  const int error = ::fstat(fd, &is) == 0 ? 0 : errno;
  if (error != 0 || !S_ISREG(is.st_mode)) {
    ::close(fd);
    if (error != 0) return failed(error, "segment: stat");
    return failure{.code = errc::corrupt, .where = "segment: it is no regular file"};
  }
  return static_cast<file_ref>(fd);
}

void posix_device::close(file_ref file) noexcept {
  ::close(fd_of(file));
}

result<std::uint64_t> posix_device::size(file_ref file) {
  struct stat is {};
  if (::fstat(fd_of(file), &is) != 0) return failed(errno, "segment: stat");
  return static_cast<std::uint64_t>(is.st_size);
}

result<std::size_t> posix_device::read(file_ref file, std::uint64_t offset,
                                       std::span<std::byte> room) {
  std::size_t got = 0;
  while (got < room.size()) {
    const ssize_t n = ::pread(fd_of(file), room.data() + got, room.size() - got,
                              static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno, "segment: read");
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

void posix_device::start_write(file_ref file, std::uint64_t offset, byte_span bytes,
                               std::uint64_t token) {
  PAWL_CHECK(access_ == access::write);
  ssize_t wrote = 0;
  do {
    wrote = ::pwrite(fd_of(file), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  } while (wrote < 0 && errno == EINTR);  // nothing was written then
  note_end({token, wrote < 0 ? -errno : static_cast<std::int64_t>(wrote)});
}

void posix_device::start_sync(file_ref file, std::uint64_t token) {
  PAWL_CHECK(access_ == access::write);
  const int result = ::fdatasync(fd_of(file));
  note_end({token, result < 0 ? -errno : 0});
}

std::size_t posix_device::reap(std::span<completion> done, bool) {
  const std::size_t n = std::min(done.size(), done_.size());
  std::copy_n(done_.begin(), n, done.begin());
  done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(n));
  return n;
}

}  // namespace pawl
