// bench/contenders/bare_write.hpp -- the least that a durable write can cost.
//
// One write of 4 KB after the other, by pwrite(2) with O_DIRECT and O_DSYNC, into a file that is there
// already and was written before: no space is found, no length changes, nothing is copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

class bare_write {
 public:
  explicit bare_write(const std::string& directory);
  ~bare_write();
  bare_write(const bare_write&) = delete;
  bare_write& operator=(const bare_write&) = delete;

  // Returns how long one took.
  std::uint64_t write_ns();

 private:
  int fd_ = -1;
  std::byte* block_;
  std::uint64_t at_ = 0;
};

}  // namespace bench
