// A test of a job of yours: it is sent in a day, may take ten seconds, and is tried three times.
#include <cstdio>
#include <cstdlib>

#include "pawl/testing.hpp"

using namespace std::chrono_literals;
using pawl::testing::test_scheduler;

void check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

struct letter {
  int number;
};

// The mail server of the test: slow at first, then busy, then willing.
pawl::outcome send(pawl::context& job, const letter&) {
  if (job.attempt() == 1) test_scheduler::of(job)->advance(12s);  // it takes that long
  if (job.timed_out()) return job.fail("no answer");
  return job.attempt() == 2 ? job.fail("busy") : pawl::outcome::done();
}

int main() {
  pawl::registry kinds;
  const pawl::kind_ref mail =
      kinds.add<letter>("mail/1", send, {.backoff = pawl::backoff::fixed(60s), .run_timeout = 10s});
  const auto t = std::move(*test_scheduler::open({}, kinds));
  pawl::scheduler& jobs = **t;
  const auto queue = *jobs.queue("mail");

  const auto id = jobs.submit(queue, mail, letter{1}, {.after = 24h}).ticket.id;
  check(t->advance(24h - 1ns) == 0, "nothing starts before it is due");
  check(t->advance(1ns) == 1 && t->now() == 24h + 12s, "the first attempt takes 12 seconds");
  check(jobs.read_counters().timed_out == 1, "two too many");
  check(jobs.find(id)->due == 24h + 72s, "it is tried again a minute later");

  check(t->run_until_idle(1h) == 2 && t->now() == 24h + 132s, "twice");
  check(jobs.read_counters().completed == 1, "and then it is sent");
  std::puts("All as expected, a day and 132 seconds later.");
}
