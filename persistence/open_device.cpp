#include "persistence/open_device.hpp"

#include <utility>

#include "persistence/posix_device.hpp"
#include "persistence/uring_device.hpp"

namespace pawl {

result<opened_device> open_device(const std::string& directory, device_choice choice) {
  opened_device opened;
  if (choice == device_choice::best) {
    auto with_ring = uring_device::open(directory);
    if (with_ring) {
      opened.device = std::move(*with_ring);
      opened.has_uring = true;
      return opened;
    }
    opened.uring_errno = with_ring.error().sys_errno;
  }
  auto plain = posix_device::open(directory);  // which says what is wrong with the directory
  if (!plain) return plain.error();
  opened.device = std::move(*plain);
  return opened;
}

}  // namespace pawl
