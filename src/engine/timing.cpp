#include "engine/timing.hpp"

#include <new>

namespace pawl {

job_times* make_times(pair_tally& of) noexcept {
  auto* const times = new (std::nothrow) job_times;
  of.times.store(times, release);
  return times;
}

}  // namespace pawl
