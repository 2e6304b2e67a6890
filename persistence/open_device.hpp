// persistence/open_device.hpp -- the device for a directory: io_uring where the system allows it.
#pragma once

#include <memory>
#include <string>

#include "persistence/log_device.hpp"

namespace pawl {

enum class device_choice : std::uint8_t { best, posix };

struct opened_device {
  std::unique_ptr<log_device> device;
  bool has_uring = false;
  int uring_errno = 0;  // why it has not; 0: nobody asked
};

// Errors: those of posix_device::open().
result<opened_device> open_device(const std::string& directory, device_choice choice);

}  // namespace pawl
