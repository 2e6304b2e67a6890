// bench/support/disk_directory.hpp -- an empty directory on a disk, gone when the bench is.
//
// What is durable there is written to a device: one in memory would make each commit free, and is
// refused.
#pragma once

#include <string>

namespace bench {

class disk_directory {
 public:
  // Below `parent`; if that is empty, below TMPDIR or the current directory, the first of them that is
  // not in memory. Ends the bench if there is none.
  explicit disk_directory(const std::string& parent);
  ~disk_directory();
  disk_directory(const disk_directory&) = delete;
  disk_directory& operator=(const disk_directory&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file_system() const;  // its name, or the magic number of its kind
  // A new directory in it.
  [[nodiscard]] std::string make(const std::string& name) const;
  void clear() const;  // all of them

 private:
  std::string path_;
};

}  // namespace bench
