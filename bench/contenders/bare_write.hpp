// bench/contenders/bare_write.hpp -- the least that a durable write can cost.
//
// One write of 4 KB after the other, by pwrite(2) with O_DIRECT, into a file that is there already and was
// written before: no space is found, no length changes, nothing is copied. Durable by O_DSYNC, or by an
// fdatasync(2) behind it: which of them is faster differs by device, and by what else the processors do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

class bare_write {
 public:
  enum class way : std::uint8_t { dsync, fdatasync };
  bare_write(const std::string& directory, way how);
  ~bare_write();
  bare_write(const bare_write&) = delete;
  bare_write& operator=(const bare_write&) = delete;

  // How long each of so many took.
  std::vector<std::uint64_t> run(std::uint64_t writes);

 private:
  std::uint64_t write_ns();

  const way how_;
  int fd_ = -1;
  std::byte* block_;
  std::uint64_t at_ = 0;
};

}  // namespace bench
