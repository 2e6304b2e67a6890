// policy/shares.hpp -- how the tenants of a queue share handler time by their weights. Values in, values
// out.
//
// Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), where the cost of a job is known only
// after it ran. Virtual time is handler time over weight. Each tenant has a start tag, and who has the
// smallest is next; the clock of virtual time shows the tag of the one taken last. A tenant's tag is
// all that it has used; plus what is expected of its jobs in hand, until they are through and what they
// took is known; and not before the time when its line was empty last, so that nobody saves up for later.
//
// Times are signed and relative to a clock that is set back now and then, so they never overflow.
#pragma once

#include <algorithm>
#include <cstdint>

#include "policy/dispatch.hpp"

namespace pawl {

inline constexpr std::uint32_t share_weight_max = 1000;
// A nanosecond of a tenant of weight 1, in virtual time; so one of weight 1,000 is 4.
inline constexpr std::uint64_t share_unit = 1u << 12;
// Nobody is charged more for one attempt, some five hours; nor falls farther behind the others.
inline constexpr std::uint64_t share_cost_max_ns = std::uint64_t{1} << 44;
inline constexpr std::int64_t share_debt_max = std::int64_t{1} << 60;
// A clock beyond this is set back.
inline constexpr std::int64_t share_clock_max = std::int64_t{1} << 60;

// What is known of a tenant in one priority of a queue.
struct tenant_share {
  std::int64_t used = 0;      // what its attempts took, in virtual time
  std::int64_t floor = 0;     // virtual time when the first job came to its empty line
  std::int64_t ahead = 0;     // what is expected of its jobs in hand, in virtual time
  std::uint64_t mean_ns = 0;  // of its attempts lately; 0: none is known
  std::uint32_t in_hand = 0;  // jobs taken and not yet through
  std::uint32_t weight = 1;   // by which `used` and `ahead` are counted
  friend bool operator==(const tenant_share&, const tenant_share&) noexcept = default;
};

constexpr std::int64_t share_cost(std::uint64_t ns, std::uint32_t weight) noexcept {
  const std::uint64_t units = std::min(ns, share_cost_max_ns) * share_unit;
  return static_cast<std::int64_t>((units + weight / 2) / weight);
}

constexpr std::int64_t start_tag(const tenant_share& s) noexcept {
  return std::max(s.floor, s.used + s.ahead);
}

// How long its next job may take, if those of its queue take `mean_ns`; at least 1.
constexpr std::uint64_t expected_ns(const tenant_share& s, std::uint64_t mean_ns) noexcept {
  return std::max<std::uint64_t>(s.mean_ns != 0 ? s.mean_ns : mean_ns, 1);
}

// The mean after an attempt. Until the first one it is what a batch may take, so one job at a time.
inline constexpr std::uint64_t first_mean_ns = batch_target_ns;
constexpr std::uint64_t next_share_mean(std::uint64_t mean_ns, std::uint64_t ns) noexcept {
  const auto mean = static_cast<std::int64_t>(mean_ns);
  const auto seen = static_cast<std::int64_t>(std::clamp<std::uint64_t>(ns, 1, share_cost_max_ns));
  if (mean == 0) return static_cast<std::uint64_t>(seen);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(mean + (seen - mean) / 8, 1));
}

// A job comes to its empty line, or its line may be served again.
constexpr tenant_share after_rest(tenant_share s, std::int64_t clock) noexcept {
  s.floor = std::max(s.floor, clock);
  return s;
}

namespace detail {

constexpr std::int64_t ahead_of(const tenant_share& s, std::uint64_t mean_ns) noexcept {
  if (s.in_hand == 0) return 0;
  const std::uint64_t each = std::min(expected_ns(s, mean_ns), share_cost_max_ns / s.in_hand);
  return share_cost(s.in_hand * each, s.weight);
}

}  // namespace detail

// Its weight becomes another. What it is before or behind the clock is worth the same handler time afterwards;
// or one job from the time when it weighed little would keep it away for many when it weighs much.
constexpr tenant_share after_weighing(tenant_share s, std::uint32_t weight, std::uint64_t mean_ns,
                                      std::int64_t clock) noexcept {
  if (s.weight == weight) return s;
  const std::int64_t was = s.weight;
  const std::int64_t is = weight;
  const std::int64_t lead = s.used - clock;
  const std::int64_t whole = std::clamp(lead / is, -share_debt_max / was, share_debt_max / was);
  s.used = clock + whole * was + lead % is * was / is;
  s.weight = weight;
  s.ahead = detail::ahead_of(s, mean_ns);
  return s;
}

// Its first job is taken; `clock` shows start_tag(s) by now, or is later. Its weight counts from now on.
constexpr tenant_share after_take(tenant_share s, std::uint32_t weight, std::uint64_t mean_ns,
                                  std::int64_t clock) noexcept {
  s.used = start_tag(s) - s.ahead;
  s = after_weighing(s, weight, mean_ns, clock);
  ++s.in_hand;
  s.ahead = detail::ahead_of(s, mean_ns);
  return s;
}

// What became of a job that was in hand, or of one that came another way.
struct share_use {
  std::uint64_t ns = 0;    // for so long it kept its thread
  bool in_hand = false;    // it was taken by after_take()
  bool attempted = false;  // its handler ran
};
// Each attempt costs something, so that the tags of handlers that take no time move on too.
constexpr tenant_share after_use(tenant_share s, const share_use& u, std::uint32_t weight,
                                 std::uint64_t mean_ns, std::int64_t clock) noexcept {
  s = after_weighing(s, weight, mean_ns, clock);
  if (u.in_hand && s.in_hand != 0) --s.in_hand;
  if (u.attempted) s.mean_ns = next_share_mean(s.mean_ns, u.ns);
  const std::uint64_t charged = std::max<std::uint64_t>(u.ns, u.attempted ? 1 : 0);
  s.used = std::min(s.used + share_cost(charged, weight), clock + share_debt_max);
  s.ahead = detail::ahead_of(s, mean_ns);
  return s;
}

// The clock is set back by `span`. Of one that has been away the past is forgotten at some point.
constexpr tenant_share set_back(tenant_share s, std::int64_t span) noexcept {
  s.used = std::max(s.used - span, -3 * share_debt_max);
  s.floor = std::max(s.floor - span, -3 * share_debt_max);
  return s;
}

}  // namespace pawl
