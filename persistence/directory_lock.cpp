#include "persistence/directory_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include "persistence/boot_now.hpp"
#include "persistence/descriptor.hpp"

namespace pawl {
namespace {

constexpr const char* lock_name = "lock";

failure directory_failure(int error, std::string_view where) noexcept {
  if (error == ENOENT)
    return {.code = errc::not_found, .where = "directory: there is none above it"};
  if (error == ENOTDIR || error == ELOOP)
    return {.code = errc::invalid, .where = "directory: it is no directory"};
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return {.code = is_full ? errc::no_space : errc::io, .sys_errno = error, .where = where};
}

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// So that the name of a directory that is new stays.
status sync_parent(const std::string& directory) {
  const descriptor parent(::open(parent_of(directory).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() < 0) return directory_failure(errno, "directory: open the one above it");
  if (::fsync(parent.get()) != 0)
    return directory_failure(errno, "directory: sync the one above it");
  return std::monostate{};
}

status make_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) == 0) return sync_parent(directory);
  if (errno == EEXIST) return std::monostate{};
  return directory_failure(errno, "directory: make");
}

// Nobody else's file is made or changed.
status check_owner(int directory) {
  struct stat is {};
  if (::fstat(directory, &is) != 0) return directory_failure(errno, "directory: stat");
  if (is.st_uid != ::geteuid()) {
    return failure{.code = errc::invalid, .where = "directory: it belongs to somebody else"};
  }
  if ((is.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return failure{.code = errc::invalid, .where = "directory: others may write into it"};
  }
  return std::monostate{};
}

// A text that could not be written is missed by nobody but who asks for the holder.
void write_text(int fd, const id_bytes& boot_id) {
  const std::string text = std::to_string(::getpid()) + ' ' + boot_id_text(boot_id) + '\n';
  if (::ftruncate(fd, 0) != 0) return;
  static_cast<void>(::pwrite(fd, text.data(), text.size(), 0) < 0);
}

}  // namespace

result<directory_lock> directory_lock::acquire(const std::string& directory,
                                               const id_bytes& boot_id) {
  if (status s = make_directory(directory); !s) return s.error();
  const descriptor folder(
      ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (folder.get() < 0) return directory_failure(errno, "directory: open");
  if (status s = check_owner(folder.get()); !s) return s.error();
  descriptor file(
      ::openat(folder.get(), lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return directory_failure(errno, "lock: open");
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK)
      return failure{.code = errc::busy, .where = "lock: somebody else has the directory open"};
    return directory_failure(errno, "lock: flock");
  }
  write_text(file.get(), boot_id);
  return directory_lock(file.release(), ::getpid());
}

std::optional<pid_t> directory_lock::holder(const std::string& directory) {
  const descriptor file(
      ::open((directory + '/' + lock_name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0) return std::nullopt;
  std::array<char, 64> text{};
  const ssize_t n = ::pread(file.get(), text.data(), text.size(), 0);
  if (n <= 0) return std::nullopt;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + n, pid);
  if (error != std::errc{} || pid <= 0 || end == text.data() + n || *end != ' ')
    return std::nullopt;
  return pid;
}

directory_lock::directory_lock(directory_lock&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), owner_(other.owner_) {}

directory_lock& directory_lock::operator=(directory_lock&& other) noexcept {
  if (this == &other) return *this;
  release();
  fd_ = std::exchange(other.fd_, -1);
  owner_ = other.owner_;
  return *this;
}

directory_lock::~directory_lock() {
  release();
}

void directory_lock::release() noexcept {
  if (fd_ < 0) return;
  // Children that were forked since share the lock: closing the file would leave it with them.
  if (owner_ == ::getpid()) ::flock(fd_, LOCK_UN);
  ::close(std::exchange(fd_, -1));
}

}  // namespace pawl
