// load.hpp -- asks a server on 127.0.0.1 at a steady pace, and says how long the answers took.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

struct latencies {
  std::vector<double> us;  // of each answer, sorted
  bool all_right = true;

  // `share`: 0.5 for the median.
  [[nodiscard]] double percentile(double share) const;
};

// Sends `requests` requests, one each `pace`, at most for `limit`. A latency is counted from the moment at
// which the request was to be sent, so an answer that is late makes those behind it late too.
latencies ask(unsigned short port, int requests, std::chrono::microseconds pace,
              std::chrono::seconds limit, const std::function<std::string(int)>& expected);
