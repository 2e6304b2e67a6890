#include "base/mapped_array.hpp"

#include <sys/mman.h>

namespace pawl {

void* map_pages(std::size_t bytes) noexcept {
  void* const at =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

void unmap_pages(void* pages, std::size_t bytes) noexcept {
  static_cast<void>(::munmap(pages, bytes));
}

}  // namespace pawl
