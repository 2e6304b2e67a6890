#include "engine/pair_tallies.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace pawl {

// Where the pair is, or would be. There is always a free place.
std::size_t pair_tallies::place_of(std::uint32_t pair) const noexcept {
  constexpr std::uint32_t spread = 0x9e3779b1;  // 2^32 over the golden ratio, odd
  const std::size_t mask = table_.size() - 1;
  std::size_t i = ((pair * spread) >> 8) & mask;
  while (table_[i] != nullptr && table_[i]->pair != pair) i = (i + 1) & mask;
  return i;
}

pair_tally& pair_tallies::find_or_add(std::uint32_t pair) noexcept {
  constexpr std::size_t table_min = 16;
  pair_tally* found = table_.empty() ? nullptr : table_[place_of(pair)];
  if (found == nullptr) {
    const std::lock_guard lock(adding_);
    // With its places in the table and in the list.
    constexpr std::size_t bytes = sizeof(pair_tally) + 64;
    if (!account_.take(bytes, why_)) return rest_;
    try {
      auto added = std::make_unique<pair_tally>();
      added->pair = pair;
      all_.reserve(all_.size() + 1);
      if (2 * (all_.size() + 1) > table_.size()) {
        table_ = std::vector<pair_tally*>(std::max(table_min, 2 * table_.size()));
        for (const auto& one : all_) table_[place_of(one->pair)] = one.get();
      }
      found = added.get();
      table_[place_of(pair)] = found;
      all_.push_back(std::move(added));
    } catch (const std::bad_alloc&) {
      account_.give(bytes);
      return rest_;
    }
  }
  last_pair_ = pair;
  last_ = found;
  return *found;
}

}  // namespace pawl
