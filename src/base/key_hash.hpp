// base/key_hash.hpp -- a caller's key as 128 bits, so that it can be kept and compared without its text.
//
// Two different keys are taken for one with a probability of about n^2 / 2^129 among n keys. The seed
// is drawn anew by each scheduler, so nobody outside can prepare keys that meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pawl {

struct key_hash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const key_hash&, const key_hash&) noexcept = default;
};

// XXH3. `space` tells apart keys of equal text that are of different things.
key_hash hash_key(std::string_view key, std::uint64_t space, std::uint64_t seed) noexcept;

}  // namespace pawl
