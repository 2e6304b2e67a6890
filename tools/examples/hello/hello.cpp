// Runs one job: hello.
#include <cstdio>

#include "pawl/scheduler.hpp"

struct greeting {
  char name[16];
};

int main() {
  pawl::registry kinds;
  const pawl::kind_ref hello =
      kinds.add<greeting>("hello/1", [](pawl::context&, const greeting& g) {
        std::printf("Hello, %s!\n", g.name);
        return pawl::outcome::done();
      });

  auto scheduler = pawl::scheduler::open({}, kinds);
  if (!scheduler) return 1;
  auto queue = (*scheduler)->queue("greetings");
  if (!queue) return 1;
  const auto job = (*scheduler)->submit(*queue, hello, greeting{"world"});
  return job && (*scheduler)->wait(job.ticket.id, std::chrono::seconds(10)) ? 0 : 1;
}
