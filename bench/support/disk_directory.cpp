#include "support/disk_directory.hpp"

#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "support/check.hpp"

namespace bench {
namespace {

// 0: there is no such directory.
long kind_of(const std::string& directory) {
  struct statfs system {};
  return statfs(directory.c_str(), &system) == 0 ? static_cast<long>(system.f_type) : 0;
}

bool is_in_memory(long kind) noexcept {
  return kind == TMPFS_MAGIC || kind == RAMFS_MAGIC;
}

std::vector<std::string> candidates(const std::string& parent) {
  if (!parent.empty()) return {parent};
  const char* const given = std::getenv("TMPDIR");
  if (given == nullptr || *given == '\0') return {"."};
  return {given, "."};
}

std::string find_parent(const std::string& parent) {
  for (const std::string& one : candidates(parent)) {
    const long kind = kind_of(one);
    if (kind != 0 && !is_in_memory(kind)) return one;
    std::fprintf(
        stderr, "bench: %s is %s\n", one.c_str(),
        kind == 0 ? "no directory" : "in memory (tmpfs), where nothing is ever written to a disk");
  }
  std::fprintf(stderr, "bench: name a directory on a disk: --directory DIR\n");
  std::exit(77);  // a test that cannot run here
}

// Also a bench that ends in the middle, with a wrong answer, leaves nothing behind.
std::string at_exit;

void remove_at_exit() {
  std::error_code ignored;
  if (!at_exit.empty()) std::filesystem::remove_all(at_exit, ignored);
}

}  // namespace

disk_directory::disk_directory(const std::string& parent) {
  std::string pattern = find_parent(parent) + "/pawl-bench-XXXXXX";
  require(::mkdtemp(pattern.data()) != nullptr, "no directory could be made");
  path_ = std::filesystem::absolute(pattern).string();
  require(at_exit.empty(), "one disk_directory at a time");
  at_exit = path_;
  require(std::atexit(remove_at_exit) == 0, "atexit");
}

disk_directory::~disk_directory() {
  remove_at_exit();
  at_exit.clear();
}

std::string disk_directory::file_system() const {
  const long kind = kind_of(path_);
  if (kind == EXT4_SUPER_MAGIC) return "ext4";
  if (kind == XFS_SUPER_MAGIC) return "xfs";
  if (kind == BTRFS_SUPER_MAGIC) return "btrfs";
  if (kind == OVERLAYFS_SUPER_MAGIC) return "overlay";
  char text[24];
  std::snprintf(text, sizeof text, "0x%lx", kind);
  return text;
}

std::string disk_directory::make(const std::string& name) const {
  const std::filesystem::path made = std::filesystem::path(path_) / name;
  std::error_code failed;
  std::filesystem::create_directory(made, failed);
  require(!failed, "no directory could be made");
  return made.string();
}

void disk_directory::clear() const {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    std::filesystem::remove_all(entry.path(), failed);
    require(!failed, "a directory could not be removed");
  }
}

}  // namespace bench
