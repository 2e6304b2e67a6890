// policy/gcra.hpp -- the generic cell rate algorithm (ITU-T I.371): may something start now? Values in,
// values out.
//
// One number is kept: the theoretical arrival time, when the next start would come if all came evenly.
// Each start moves it on by an interval; starts may run ahead of it by the tolerance. So in any span W
// there are at most 1 + (W + tolerance) / interval of them, which is burst + W / interval.
//
// Starts may be taken ahead of their time, several at once, each for any moment up to `until`. For that the
// arrival goes to max(arrival, until) + count * interval. Let `ahead` be the starts taken so that have not
// happened and whose until has not passed. Then at each time t
//   max(arrival, t) >= max(that of a rate which counts each start when it happens, t) + ahead * interval
// so a start that happens by its until would have been let through there, and the bound holds for the moments
// at which starts happen. It is so because for each that is ahead the arrival is at least its until +
// interval * (it and all that were taken later): the arrival only grows, so time does not catch up with
// it before. Nothing may be taken out of its middle: what is not used is lost.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pawl/limits.hpp"

namespace pawl {

struct gcra_rate {
  std::uint64_t interval_ns = 0;   // between two starts; 0: no limit
  std::uint64_t tolerance_ns = 0;  // (burst - 1) intervals
  friend constexpr bool operator==(const gcra_rate&, const gcra_rate&) noexcept = default;
};

// Rounds up, so that the bound holds. Of a limit that is in range.
constexpr gcra_rate gcra_of(const rate_limit& r) noexcept {
  if (r.starts == 0) return {};
  const auto per = static_cast<std::uint64_t>(r.per.count());
  const std::uint64_t interval = (per + r.starts - 1) / r.starts;
  const std::uint64_t times = r.burst - 1;
  const std::uint64_t longest = UINT64_MAX / 4;
  return {interval, times > longest / interval ? longest : times * interval};
}

// The number to keep when the rate becomes `r`: its first start is due an interval from now at the latest,
// whatever rate made the number. One made by `r` itself is never further ahead.
constexpr std::uint64_t gcra_adopt(const gcra_rate& r, std::uint64_t arrival_ns,
                                   std::uint64_t now_ns) noexcept {
  if (r.interval_ns == 0) return arrival_ns;
  return std::min(arrival_ns, now_ns + r.tolerance_ns + r.interval_ns);
}

struct gcra_answer {
  std::uint64_t arrival_ns;  // the number to keep
  std::uint64_t ask_at_ns;   // 0: it may start; else when it may if nothing else does
};

constexpr gcra_answer gcra_take(const gcra_rate& r, std::uint64_t arrival_ns,
                                std::uint64_t now_ns) noexcept {
  if (r.interval_ns == 0) return {arrival_ns, 0};
  const std::uint64_t earliest = arrival_ns - std::min(arrival_ns, r.tolerance_ns);
  if (now_ns < earliest) return {arrival_ns, earliest};
  return {std::max(arrival_ns, now_ns) + r.interval_ns, 0};
}

// How many may be taken ahead, at most `most`. Not more than the rate brings until then, and while no more
// than a quarter of the tolerance is used up with them: they must not be in anybody's way.
constexpr std::uint64_t gcra_ready_ahead(const gcra_rate& r, std::uint64_t arrival_ns,
                                         std::uint64_t now_ns, std::uint64_t until_ns,
                                         std::uint64_t most) noexcept {
  if (r.interval_ns == 0) return most;
  const std::uint64_t first = std::max(arrival_ns, until_ns);
  const std::uint64_t last = now_ns + r.tolerance_ns / 4;
  if (last < first) return 0;
  return std::min({most, (until_ns - now_ns) / r.interval_ns, (last - first) / r.interval_ns});
}
// The number to keep; only if so many are ready.
constexpr std::uint64_t gcra_take_ahead(const gcra_rate& r, std::uint64_t arrival_ns,
                                        std::uint64_t until_ns, std::uint64_t count) noexcept {
  return std::max(arrival_ns, until_ns) + count * r.interval_ns;
}

// How many may start now, at most `most`.
constexpr std::uint64_t gcra_ready(const gcra_rate& r, std::uint64_t arrival_ns,
                                   std::uint64_t now_ns, std::uint64_t most) noexcept {
  if (r.interval_ns == 0) return most;
  const std::uint64_t first = std::max(arrival_ns, now_ns);
  if (now_ns + r.tolerance_ns < first) return 0;
  return std::min(most, (now_ns + r.tolerance_ns - first) / r.interval_ns + 1);
}

// When `count` of them may have started, the last one at that time; 0: now.
constexpr std::uint64_t gcra_ready_at(const gcra_rate& r, std::uint64_t arrival_ns,
                                      std::uint64_t now_ns, std::uint64_t count) noexcept {
  if (r.interval_ns == 0 || gcra_ready(r, arrival_ns, now_ns, count) == count) return 0;
  return std::max(arrival_ns, now_ns) + (count - 1) * r.interval_ns - r.tolerance_ns;
}

}  // namespace pawl
