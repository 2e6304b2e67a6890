#include "store_holder.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <string_view>

#include "persistence/directory_lock.hpp"

namespace pawl_tool {

namespace {

// The kernel writes a line for each lock that an open file holds.
bool holds_lock(pid_t process, std::string_view descriptor) {
  std::ifstream told(fmt::format("/proc/{}/fdinfo/{}", process, descriptor));
  for (std::string line; std::getline(told, line);) {
    if (line.starts_with("lock:") && line.find("FLOCK") != line.npos &&
        line.find("WRITE") != line.npos) {
      return true;
    }
  }
  return false;
}

bool holds(pid_t process, const struct stat& file) {
  const std::string folder = fmt::format("/proc/{}/fd", process);
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (open == nullptr) return false;
  while (const dirent* entry = ::readdir(open.get())) {
    struct stat is {};
    const std::string path = folder + '/' + entry->d_name;
    if (::stat(path.c_str(), &is) != 0 || !S_ISREG(is.st_mode)) continue;
    if (is.st_dev != file.st_dev || is.st_ino != file.st_ino) continue;
    if (holds_lock(process, entry->d_name)) return true;
  }
  return false;
}

}  // namespace

std::optional<pid_t> holder_of(const std::string& directory) {
  struct stat lock {};
  if (::lstat((directory + "/lock").c_str(), &lock) != 0 || !S_ISREG(lock.st_mode)) {
    return std::nullopt;
  }
  const auto process = pawl::directory_lock::holder(directory);
  return process && holds(*process, lock) ? process : std::nullopt;
}

}  // namespace pawl_tool
