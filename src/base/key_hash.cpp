#include "base/key_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pawl {

key_hash hash_key(std::string_view key, std::uint64_t space, std::uint64_t seed) noexcept {
  const XXH128_hash_t of_text = XXH3_128bits_withSeed(key.data(), key.size(), seed);
  const std::uint64_t both[2] = {of_text.high64, of_text.low64};
  const XXH128_hash_t of_all = XXH3_128bits_withSeed(both, sizeof both, space);
  return {of_all.high64, of_all.low64};
}

}  // namespace pawl
