#include "base/region.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/check.hpp"

namespace pawl {

namespace {
constexpr std::size_t round_up(std::size_t bytes) {
  return (bytes + region::step_bytes - 1) / region::step_bytes * region::step_bytes;
}
}  // namespace

region::region(std::size_t bytes) noexcept : reserved_(round_up(bytes)) {
  // One step more, to align the start to a huge page.
  void* p = ::mmap(nullptr, reserved_ + step_bytes, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    reserved_ = 0;
    return;
  }
  auto* first = static_cast<std::byte*>(p);
  const auto address = reinterpret_cast<std::uintptr_t>(first);
  const std::size_t skip = (step_bytes - address % step_bytes) % step_bytes;
  if (skip != 0) ::munmap(first, skip);
  if (skip != step_bytes) ::munmap(first + skip + reserved_, step_bytes - skip);
  data_ = first + skip;
}

region::region(region&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      reserved_(std::exchange(other.reserved_, 0)),
      committed_(std::exchange(other.committed_, 0)) {}

region& region::operator=(region&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(reserved_, other.reserved_);
  std::swap(committed_, other.committed_);
  return *this;
}

region::~region() {
  if (data_ != nullptr) ::munmap(data_, reserved_);
}

bool region::commit(std::size_t bytes) noexcept {
  const std::size_t wanted = std::min(round_up(bytes), reserved_);
  if (bytes > reserved_) return false;
  if (wanted <= committed_) return true;
  std::byte* const from = data_ + committed_;
  const std::size_t more = wanted - committed_;
  if (::mprotect(from, more, PROT_READ | PROT_WRITE) != 0) return false;  // ENOMEM
  ::madvise(from, more, MADV_HUGEPAGE);  // a hint: without it everything works, with more misses
  committed_ = wanted;
  return true;
}

void region::discard(std::size_t from, std::size_t bytes) noexcept {
  PAWL_CHECK(from % step_bytes == 0 && bytes % step_bytes == 0);
  PAWL_CHECK(from <= committed_ && bytes <= committed_ - from);
  // Fails only for ranges that are not ours (checked above) or are locked in memory (mlockall): then
  // the memory stays, and what it holds too, which only its first user must not rely on.
  ::madvise(data_ + from, bytes, MADV_DONTNEED);
}

}  // namespace pawl
