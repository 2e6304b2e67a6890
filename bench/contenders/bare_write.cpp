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

bare_write::bare_write(const std::string& directory, way how)
    : how_(how), block_(static_cast<std::byte*>(std::aligned_alloc(block_bytes, block_bytes))) {
  require(block_ != nullptr, "memory");
  std::memset(block_, 0, block_bytes);
  const std::string path = directory + (how == way::dsync ? "/dsync" : "/fdatasync");
  const int made = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  require(made >= 0, "bare write: create");
  for (std::uint64_t at = 0; at < file_bytes; at += block_bytes) {
    require(::pwrite(made, block_, block_bytes, static_cast<off_t>(at)) == block_bytes,
            "bare write: fill");
  }
  require(::fsync(made) == 0 && ::close(made) == 0, "bare write: fill");
  const int durable = how_ == way::dsync ? O_DSYNC : 0;
  fd_ = ::open(path.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC | durable);
  require(fd_ >= 0, "the file system has no O_DIRECT");
}

bare_write::~bare_write() {
  ::close(fd_);
  std::free(block_);
}

std::vector<std::uint64_t> bare_write::run(std::uint64_t writes) {
  std::vector<std::uint64_t> all;
  all.reserve(writes);
  while (all.size() < writes) all.push_back(write_ns());
  return all;
}

std::uint64_t bare_write::write_ns() {
  std::memcpy(block_, &at_, sizeof at_);
  const std::uint64_t begin = now_ns();
  const ssize_t wrote = ::pwrite(fd_, block_, block_bytes, static_cast<off_t>(at_));
  const bool is_synced = how_ == way::dsync || ::fdatasync(fd_) == 0;
  const std::uint64_t took = now_ns() - begin;
  require(wrote == static_cast<ssize_t>(block_bytes) && is_synced, "bare write");
  at_ = (at_ + block_bytes) % file_bytes;
  return took;
}

}  // namespace bench
