#include "contenders/bare_write.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "support/check.hpp"
#include "support/clock.hpp"

namespace bench {
namespace {

constexpr std::size_t block_bytes = 4'096;
constexpr std::uint64_t file_bytes = 16u << 20;

}  // namespace

bare_write::bare_write(const std::string& directory)
    : block_(static_cast<std::byte*>(std::aligned_alloc(block_bytes, block_bytes))) {
  require(block_ != nullptr, "memory");
  std::memset(block_, 0, block_bytes);
  const std::string path = directory + "/bare";
  const int made = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  require(made >= 0, "bare write: create");
  for (std::uint64_t at = 0; at < file_bytes; at += block_bytes) {
    require(::pwrite(made, block_, block_bytes, static_cast<off_t>(at)) == block_bytes,
            "bare write: fill");
  }
  require(::fsync(made) == 0 && ::close(made) == 0, "bare write: fill");
  fd_ = ::open(path.c_str(), O_WRONLY | O_DIRECT | O_DSYNC | O_CLOEXEC);
  require(fd_ >= 0, "the file system has no O_DIRECT");
}

bare_write::~bare_write() {
  ::close(fd_);
  std::free(block_);
}

std::uint64_t bare_write::write_ns() {
  std::memcpy(block_, &at_, sizeof at_);
  const std::uint64_t begin = now_ns();
  const ssize_t wrote = ::pwrite(fd_, block_, block_bytes, static_cast<off_t>(at_));
  const std::uint64_t took = now_ns() - begin;
  require(wrote == static_cast<ssize_t>(block_bytes), "bare write");
  at_ = (at_ + block_bytes) % file_bytes;
  return took;
}

}  // namespace bench
