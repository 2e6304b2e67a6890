#include "fresh_store.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "persistence/boot_now.hpp"
#include "persistence/directory_lock.hpp"
#include "persistence/posix_device.hpp"
#include "persistence/segment_name.hpp"
#include "program_exit.hpp"
#include "store_reader.hpp"

namespace pawl_tool {

namespace {

bool is_of_a_log(const std::string& file) {
  return pawl::number_in(file, pawl::segment_prefix) || pawl::number_in(file, pawl::spare_prefix) ||
         file == "board";
}

// Segments go in ascending order, as those do that a log no longer needs.
std::optional<refusal> remove_files(const std::string& directory) {
  auto store = store_reader::open(directory);
  if (!store) return refusal{exit_code_of(store.error()), text_of(store.error())};
  auto files = (*store)->device().list();
  if (!files) return refusal{exit_failed, text_of(files.error())};
  std::sort(files->begin(), files->end());
  for (const std::string& file : *files) {
    if (!is_of_a_log(file)) continue;
    if (::unlink((directory + '/' + file).c_str()) != 0) {
      return refusal{exit_failed, fmt::format("cannot remove {}: {}", file, std::strerror(errno))};
    }
  }
  return std::nullopt;
}

}  // namespace

std::string held_text(const std::string& directory) {
  const auto process = pawl::directory_lock::holder(directory);
  return process ? fmt::format("process {} has it open", *process) : "another process has it open";
}

std::optional<refusal> empty_store(const std::string& directory) {
  struct stat is {};
  if (::lstat(directory.c_str(), &is) != 0 && errno == ENOENT) return std::nullopt;
  const auto boot_id = pawl::read_boot_id();
  if (!boot_id) return refusal{exit_failed, text_of(boot_id.error())};
  const auto lock = pawl::directory_lock::acquire(directory, *boot_id);
  if (lock) return remove_files(directory);
  if (lock.error().code == pawl::errc::busy) return refusal{exit_refused, held_text(directory)};
  return refusal{exit_code_of(lock.error()), text_of(lock.error())};
}

}  // namespace pawl_tool
