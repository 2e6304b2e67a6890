#include "captured_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace pawl_tool {

namespace {

// A file that goes away with its descriptor. O_TMPFILE is not known to every file system.
descriptor open_unnamed_file() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || *folder == '\0') folder = "/tmp";
  descriptor file(::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  std::string name = std::string(folder) + "/pawl-XXXXXX";
  file = descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (file) ::unlink(name.c_str());
  return file;
}

}  // namespace

bool capture_budget::try_reserve_memory(std::uint64_t bytes) noexcept {
  if (memory_.fetch_add(bytes) + bytes > memory_bytes_max) {
    memory_.fetch_sub(bytes);
    return false;
  }
  held_.fetch_add(bytes);
  return true;
}

void capture_budget::release(std::uint64_t memory_bytes, std::uint64_t spilled_bytes) noexcept {
  memory_.fetch_sub(memory_bytes);
  held_.fetch_sub(memory_bytes + spilled_bytes);
}

captured_output::captured_output(captured_output&& other) noexcept
    : memory_(std::move(other.memory_)),
      spill_(std::move(other.spill_)),
      reserved_bytes_(std::exchange(other.reserved_bytes_, 0)),
      spilled_bytes_(std::exchange(other.spilled_bytes_, 0)),
      budget_(std::exchange(other.budget_, nullptr)) {}

captured_output::~captured_output() {
  if (budget_ != nullptr) budget_->release(reserved_bytes_, spilled_bytes_);
}

int captured_output::append(std::string_view bytes, capture_budget& budget) {
  budget_ = &budget;
  // Once a part is in the file the rest follows it there: order is memory first, then file.
  if (!spill_ && budget.try_reserve_memory(bytes.size())) {
    reserved_bytes_ += bytes.size();
    memory_.append(bytes);
    return 0;
  }
  if (!spill_) {
    spill_ = open_unnamed_file();
    if (!spill_) return errno;
  }
  if (const int error = write_all(spill_.get(), bytes); error != 0) return error;
  budget.add_spilled(bytes.size());
  spilled_bytes_ += bytes.size();
  return 0;
}

std::string captured_output::beginning(std::size_t bytes_max) const {
  std::string text = memory_.substr(0, bytes_max);
  while (text.size() < bytes_max && text.size() < memory_.size() + spilled_bytes_) {
    char piece[16'384];
    std::size_t got = 0;
    const std::size_t room = std::min(sizeof piece, bytes_max - text.size());
    if (read_spilled(text.size() - memory_.size(), piece, room, got) != 0) break;
    text.append(piece, got);
  }
  return text;
}

int captured_output::read_spilled(std::uint64_t at, char* to, std::size_t room,
                                  std::size_t& got) const noexcept {
  for (;;) {
    const ssize_t count = ::pread(spill_.get(), to, room, static_cast<off_t>(at));
    if (count > 0) {
      got = static_cast<std::size_t>(count);
      return 0;
    }
    if (count == 0) return EIO;  // someone has shortened a file that has no name
    if (errno != EINTR) return errno;
  }
}

}  // namespace pawl_tool
