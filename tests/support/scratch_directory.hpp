// support/scratch_directory.hpp -- an empty directory of a test's own, gone with it. Below PAWL_TEST_DIRECTORY,
// else below the build, so that it is on a disk and not in memory.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.hpp"

namespace pawl::test {

class scratch_directory {
 public:
  scratch_directory() {
    const char* given = std::getenv("PAWL_TEST_DIRECTORY");
    std::string pattern = (given != nullptr ? std::string(given) : ".") + "/scratch-XXXXXX";
    PAWL_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = std::filesystem::absolute(pattern).string();
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace pawl::test
