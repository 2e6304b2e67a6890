// pawl/counters.hpp -- what has happened since open().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "pawl/job.hpp"

namespace pawl {

// Each number is exact and only grows. Two of them may belong to slightly different moments, except
// that a job is counted as accepted before it is counted as anything else.
struct counters {
  std::uint64_t submitted = 0;  // calls' jobs: accepted + deduplicated + all rejected
  std::uint64_t accepted = 0;
  std::uint64_t started = 0;
  std::uint64_t completed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::uint64_t requeued = 0;       // dead jobs made ready again
  std::uint64_t retried = 0;        // failed attempts that are made again
  std::uint64_t pushed_back = 0;    // snoozes, rate limits, yields, interruptions
  std::uint64_t timed_out = 0;      // attempts asked to end because they ran too long
  std::uint64_t overrun = 0;        // attempts still inside after the grace
  std::uint64_t stale_results = 0;  // results that came after an overrun and did not count
  std::uint64_t threw = 0;          // attempts that ended with an exception
  std::uint64_t rate_refused = 0;   // starts that a rate put off, each time one was asked
  std::array<std::uint64_t, dead_cause_count> dead{};  // by dead_cause
  std::array<std::uint64_t, reject_count> rejected{};  // by reject
  std::uint64_t stolen = 0;         // jobs a drain started from another drain's batch
  std::uint64_t stale_entries = 0;  // places in a band whose job had already gone elsewhere
  std::uint64_t deduplicated = 0;   // submits answered with the job that held the unique key
  std::uint64_t replaced = 0;       // of `cancelled`: ended by a submit with their unique key

  // Ends of jobs: accepted + requeued - ended() are alive.
  [[nodiscard]] std::uint64_t ended() const noexcept {
    std::uint64_t sum = completed + cancelled + expired;
    for (const std::uint64_t n : dead) sum += n;
    return sum;
  }

  counters& operator+=(const counters& other) noexcept;
};

inline counters& counters::operator+=(const counters& other) noexcept {
  for (const auto member :
       {&counters::submitted, &counters::accepted, &counters::started, &counters::completed,
        &counters::cancelled, &counters::expired, &counters::requeued, &counters::retried,
        &counters::pushed_back, &counters::timed_out, &counters::overrun, &counters::stale_results,
        &counters::threw, &counters::rate_refused, &counters::stolen, &counters::stale_entries,
        &counters::deduplicated, &counters::replaced}) {
    this->*member += other.*member;
  }
  for (std::size_t i = 0; i < dead.size(); ++i) dead[i] += other.dead[i];
  for (std::size_t i = 0; i < rejected.size(); ++i) rejected[i] += other.rejected[i];
  return *this;
}

}  // namespace pawl
