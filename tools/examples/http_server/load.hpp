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
  void add(const latencies& more);
};

// How to ask: so many requests in all, one each `pace`, over so many connections in turn, at most for `limit`.
struct request_load {
  int requests = 0;
  std::chrono::microseconds pace{0};
  int connections = 1;
  std::chrono::seconds limit{60};
};

// A latency is counted from the moment at which the request was to be sent, so an answer that is late makes
// those behind it on its connection late too.
latencies ask(unsigned short port, const request_load& how,
              const std::function<std::string(int)>& expected);
