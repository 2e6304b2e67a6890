// What a program that uses Pawl does at the least: open a scheduler, submit one job, wait for it.
#include <chrono>
#include <cstdio>

#include "pawl/scheduler.hpp"

namespace {

int answer = 0;

pawl::outcome run(void* user, pawl::context&, std::span<const std::byte>) {
  *static_cast<int*>(user) = 42;
  return pawl::outcome::done();
}

}  // namespace

int main() {
  pawl::registry kinds;
  const pawl::kind_ref kind = kinds.add("consumer/1", &run, &answer);
  auto scheduler = pawl::scheduler::open({}, kinds);
  if (!scheduler) return 1;
  const auto queue = (*scheduler)->queue("consumer");
  if (!queue) return 1;
  const auto job = (*scheduler)->submit(*queue, kind, std::span<const std::byte>{});
  if (!job) return 1;
  const auto end = (*scheduler)->wait(job.ticket.id, std::chrono::seconds(10));
  if (!end) {
    const auto why = pawl::name(end.error().code);
    std::fprintf(stderr, "wait: %.*s\n", static_cast<int>(why.size()), why.data());
    return 1;
  }
  return answer == 42 ? 0 : 1;
}
