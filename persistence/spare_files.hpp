// persistence/spare_files.hpp -- the files that lie ready to become segments: what an opening finds of them, and
// what it makes of segments that nobody needs any more. FORMAT.md, section 1.
//
// What a spare holds means nothing, and no byte of it is cleared: whatever stands behind the last frame of a
// segment, a frame's place and epoch keep it from counting.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "persistence/log_device.hpp"
#include "persistence/spare_source.hpp"

namespace pawl {

// The spare files of `count` segments from `first` on, which are there and nobody's.
class ready_spares final : public spare_source {
 public:
  ready_spares() = default;
  ready_spares(std::uint64_t first, std::uint64_t count) noexcept : first_(first), count_(count) {}

  void want(std::uint64_t) noexcept override {}  // there are these and no more
  bool take(std::uint64_t number) noexcept override;

  [[nodiscard]] bool has(std::uint64_t number) const noexcept {
    return number >= first_ && number - first_ < count_;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  std::uint64_t first_ = 0;
  std::uint64_t count_ = 0;
};

inline constexpr std::uint64_t spares_kept_max = 2;

// A file that could be one.
struct spare_candidate {
  std::string name;
  bool fits = false;  // it has the length of a segment
};

struct spare_plan {
  struct change {
    std::string from;
    std::string to;
  };
  std::vector<std::string> removed;  // first of all: a new name may be one of these
  std::vector<change> renamed;
  std::uint64_t ready = 0;  // spares from `first` on, then
};

// Which of them are kept as the spares of the segments from `first` on, without a gap: first those that are
// spares of these or later ones, in the order of their numbers, then the others as they come.
spare_plan plan_spares(std::vector<spare_candidate> files, std::uint64_t first);

struct kept_spares {
  ready_spares ready;
  std::uint32_t renamed = 0;
  std::uint32_t removed = 0;
};

// Has some of the spare files that are there, and of the segments below number `unused`, which nobody needs any
// more, be the spares of the segments from `first` on, and removes the others. When it returns their names are
// durable, also those that were there before. A crash on the way leaves any of the changes. Errors: those of the
// device, with some of that done.
result<kept_spares> keep_as_spares(log_device& device, std::uint64_t segment_bytes,
                                   std::uint64_t unused, std::uint64_t first);

}  // namespace pawl
