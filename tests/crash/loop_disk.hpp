// crash/loop_disk.hpp -- a file system in a file, ext4 or XFS, whose power can be cut: an ioctl shuts it down and
// drops what was not flushed, data and names; then it is mounted again. Needs root, loop devices and mkfs.
#pragma once

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "support/scratch_directory.hpp"

namespace pawl::test {

// Both file systems have taken over this number and these meanings.
inline constexpr unsigned long shutdown_ioctl = _IOR('X', 125, std::uint32_t);
inline constexpr std::uint32_t without_flushing_the_journal = 2;

inline bool run_command(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// Mounted in a directory of its own.
class loop_disk {
 public:
  loop_disk(const std::string& type, const std::string& size) : image_(scratch_.path() + "/image") {
    std::filesystem::create_directory(mounted());
    is_there_ = run_command("truncate -s " + size + " " + image_) &&
                run_command("mkfs." + type + (type == "ext4" ? " -q -F " : " -q -f ") + image_) &&
                mount();
    if (is_there_) make_directory();
  }
  ~loop_disk() { EXPECT_TRUE(!is_there_ || unmount()); }
  loop_disk(const loop_disk&) = delete;
  loop_disk& operator=(const loop_disk&) = delete;

  [[nodiscard]] bool is_there() const { return is_there_; }
  [[nodiscard]] std::string directory() const { return mounted() + "/log"; }
  // An empty one, in place of what there is.
  void make_directory() const {
    std::filesystem::remove_all(directory());
    std::filesystem::create_directory(directory());
    ::chmod(directory().c_str(), 0700);
  }
  [[nodiscard]] bool cut_power() const {
    const int fd = ::open(mounted().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    std::uint32_t how = without_flushing_the_journal;
    const bool done = ::ioctl(fd, shutdown_ioctl, &how) == 0;
    ::close(fd);
    return done;
  }
  bool mount_again() { return unmount() && mount(); }
  bool make_names_durable() const { return run_command("sync -f " + directory()); }

 private:
  [[nodiscard]] std::string mounted() const { return scratch_.path() + "/mounted"; }
  // What a killed process had under way in a ring holds the file system for a moment more.
  [[nodiscard]] bool unmount() const {
    for (int tries = 0; tries < 500; ++tries) {
      if (run_command("umount " + mounted())) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool mount() { return run_command("mount -o loop " + image_ + " " + mounted()); }

  scratch_directory scratch_;
  std::string image_;
  bool is_there_ = false;
};

}  // namespace pawl::test
