#include "base/mirrored_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <utility>

#include "base/check.hpp"

namespace pawl {

std::optional<mirrored_memory> mirrored_memory::make(std::size_t bytes) noexcept {
  PAWL_CHECK(std::has_single_bit(bytes) && bytes % static_cast<std::size_t>(::getpagesize()) == 0);
  void* const place =
      ::mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return std::nullopt;
  mirrored_memory memory(static_cast<std::byte*>(place), bytes);  // unmaps it
  const int file = ::memfd_create("pawl", MFD_CLOEXEC);
  if (file < 0) return std::nullopt;
  bool is_mapped = ::ftruncate(file, static_cast<off_t>(bytes)) == 0;
  for (std::byte* at : {memory.first_, memory.first_ + bytes}) {
    is_mapped = is_mapped && ::mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
                                    0) != MAP_FAILED;
  }
  // It is shared memory: a child would write into its parent's.
  is_mapped = is_mapped && ::madvise(memory.first_, 2 * bytes, MADV_DONTFORK) == 0;
  const int error = errno;
  ::close(file);
  errno = error;
  if (!is_mapped) return std::nullopt;
  return memory;
}

mirrored_memory::mirrored_memory(mirrored_memory&& other) noexcept
    : first_(std::exchange(other.first_, nullptr)), size_(std::exchange(other.size_, 0)) {}

mirrored_memory& mirrored_memory::operator=(mirrored_memory&& other) noexcept {
  std::swap(first_, other.first_);
  std::swap(size_, other.size_);
  return *this;
}

mirrored_memory::~mirrored_memory() {
  if (first_ != nullptr) ::munmap(first_, 2 * size_);
}

}  // namespace pawl
