// bench/support/in_turn.hpp -- rounds of several engines in turn, so that a noisy second hurts all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace bench {

// By engine: what its run(jobs) says, by round. A first round is thrown away: it touches the memory.
template <class Engine>
std::vector<std::vector<double>> run_in_turn(const std::vector<std::unique_ptr<Engine>>& engines,
                                             std::uint64_t jobs, unsigned rounds) {
  std::vector<std::vector<double>> rates(engines.size());
  for (unsigned round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < engines.size(); ++i) {
      const double rate = engines[i]->run(jobs);
      if (round > 0) rates[i].push_back(rate);
    }
  }
  return rates;
}

}  // namespace bench
