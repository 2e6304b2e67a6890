// Runs some jobs and prints what Prometheus would be told of them. A server would answer its GET /metrics
// with this text, as "text/plain; version=0.0.4".
#include <cstdio>

#include "pawl/prometheus.hpp"
#include "pawl/scheduler.hpp"

int main() {
  pawl::registry kinds;
  const pawl::kind_ref resize = kinds.add(
      "image.resize/1",
      [](void*, pawl::context&, std::span<const std::byte>) { return pawl::outcome::done(); });
  auto scheduler = pawl::scheduler::open({.histograms = true}, kinds);
  if (!scheduler) return 1;
  const auto queue = (*scheduler)->queue("images");
  if (!queue) return 1;
  for (int i = 0; i < 1000; ++i) {
    const auto job = (*scheduler)->submit(*queue, resize, std::span<const std::byte>{});
    if (!job) return 1;
    if (i % 100 == 0 && !(*scheduler)->wait(job.ticket.id, std::chrono::seconds(10))) return 1;
  }
  std::fputs(pawl::to_prometheus((*scheduler)->read_metrics()).c_str(), stdout);
  return 0;
}
