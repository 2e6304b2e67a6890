// bench/contenders/contender.hpp -- one way to run small jobs on two threads, behind one call.
//
// Each contender takes payloads from producer threads and calls sums.add(payload.number) for each
// on one of its two worker threads. One .cpp a contender; each includes its own library alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "support/producers.hpp"
#include "support/sharded_sum.hpp"

namespace bench {

// 32 bytes. `sample` is 0, or one more than the index of the job among those looked up by id.
struct payload {
  std::uint64_t number = 0;
  std::uint64_t sample = 0;
  std::uint64_t filler[2] = {};
};

struct workload {
  unsigned producers = 1;
  std::uint64_t jobs = 0;
  std::size_t bulk = 1;  // payloads a call; 1: single submits
};

inline constexpr unsigned worker_count = 2;

class contender {
 public:
  contender() = default;
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;
  virtual ~contender() = default;

  [[nodiscard]] virtual const char* name() const noexcept = 0;
  // False: every job is handed over by a call of its own.
  [[nodiscard]] virtual bool has_bulk() const noexcept { return false; }
  // Runs payloads 1..jobs, checks the sum, returns the seconds from the first submit until the last
  // handler ran. Its threads are up before and idle or gone after.
  virtual double run(const workload& work) = 0;
};

std::unique_ptr<contender> make_raw_moodycamel();
std::unique_ptr<contender> make_tbb_enqueue();
std::unique_ptr<contender> make_asio();
std::unique_ptr<contender> make_mutex_deque();

}  // namespace bench
