// An HTTP server whose process also runs a million background jobs, and what they do to its answers.
//
//   http_server [--requests N] [--connections N] [--jobs N] [--runs N] [--pace-us N] [--drains N]
//               [--policy idle|batch|nice|plain]
//
// Requests are served by a thread of the server's; jobs run on Pawl's drains. A load generator in the same
// process asks on 127.0.0.1 at a steady pace, over several connections, for a quarter of a second with the jobs
// paused and for as long with a million of them behind it, and that many times in turn, so that a noisy second
// hurts both. Percentiles are of all answers of a kind; the jobs never run out.
//
// What keeps the answers fast when every processor has a drain that never rests is one line in a thread hook:
// with SCHED_IDLE the kernel gives the processor to whoever else wakes up, at once. See lower() below. On a
// machine that others use too, "chrt -r 1 http_server" shuts them out of the measurement: request threads
// go before everybody, and the hook takes the drains back out of real time.
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "load.hpp"
#include "pawl/scheduler.hpp"
#include "web_server.hpp"

using namespace std::chrono_literals;

namespace {

struct settings {
  int requests = 500;  // of a run with the jobs, and of one without
  int connections = 8;
  int jobs = 1'000'000;
  int runs = 24;
  int pace_us = 500;
  unsigned drains = 0;  // one for each processor
  std::string policy = "idle";
};

settings read_arguments(int argc, char** argv) {
  settings s;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--requests") s.requests = std::atoi(value);
    if (name == "--connections") s.connections = std::atoi(value);
    if (name == "--jobs") s.jobs = std::atoi(value);
    if (name == "--runs") s.runs = std::atoi(value);
    if (name == "--pace-us") s.pace_us = std::atoi(value);
    if (name == "--drains") s.drains = static_cast<unsigned>(std::atoi(value));
    if (name == "--policy") s.policy = value;
  }
  return s;
}

// On each drain, first thing: it takes what the rest of the process leaves.
void lower(void* user, pawl::thread_role role, unsigned) {
  if (role != pawl::thread_role::drain) return;  // the timer thread has little to do, and on time
  const std::string& policy = static_cast<const settings*>(user)->policy;
  sched_param none{};
  if (policy == "idle") pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
  if (policy == "batch") pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  if (policy == "nice") setpriority(PRIO_PROCESS, 0, 19);  // Linux: of this thread
}

// A job of about two microseconds: a checksum of a small record.
pawl::outcome digest(pawl::context&, const std::uint64_t& seed) {
  std::uint64_t h = seed;
  for (int i = 0; i < 1000; ++i) h = (h ^ (h >> 29)) * 0x9e3779b97f4a7c15u;
  return h != 0 ? pawl::outcome::done() : pawl::outcome::fail();
}

class background {
 public:
  explicit background(settings& s) : jobs_(static_cast<std::uint64_t>(s.jobs)) {
    pawl::options o;
    o.drains = s.drains;
    o.jobs_max = jobs_ + 100'000;
    o.threads = {.on_start = lower, .user = &s};
    pawl::registry kinds;
    kind_ = kinds.add<std::uint64_t>("digest/1", digest);
    scheduler_ = std::move(*pawl::scheduler::open(o, kinds));
    queue_ = *scheduler_->queue("digests", {.jobs_max = jobs_ + 100'000});
  }

  void pause() { static_cast<void>(scheduler_->pause(queue_)); }
  void resume() { static_cast<void>(scheduler_->resume(queue_)); }

  // So that as many wait as there are to be. False: not all were accepted.
  bool fill_up() {
    constexpr std::size_t batch = 1000;
    std::vector<std::uint64_t> seeds(batch);
    std::vector<pawl::job_spec> specs(batch);
    for (std::size_t i = 0; i < batch; ++i) {
      seeds[i] = i + 1;
      specs[i].payload = std::as_bytes(std::span<const std::uint64_t, 1>(&seeds[i], 1));
    }
    for (std::uint64_t left = jobs_ - std::min(jobs_, waiting()); left != 0;) {
      const auto count = std::min<std::uint64_t>(left, batch);
      if (!scheduler_->submit_bulk(queue_, kind_, {specs.data(), count})) return false;
      left -= count;
      submitted_ += count;
    }
    return true;
  }
  [[nodiscard]] std::uint64_t waiting() const {
    return submitted_ - scheduler_->read_counters().completed;
  }

 private:
  const std::uint64_t jobs_;
  std::uint64_t submitted_ = 0;
  pawl::kind_ref kind_;
  std::unique_ptr<pawl::scheduler> scheduler_;
  pawl::queue_ref queue_;
};

double median(std::vector<double> of) {
  std::sort(of.begin(), of.end());
  return of[of.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  settings s = read_arguments(argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (s.requests < 1 || s.connections < 1 || s.jobs < 1 || s.runs < 1 || s.pace_us < 1) return 2;
  const web_server server([](const std::string& target) { return "you asked for " + target; });
  const auto expected = [](int i) { return "you asked for /" + std::to_string(i); };
  const request_load load{s.requests, std::chrono::microseconds(s.pace_us), s.connections, 60s};
  background b(s);
  b.pause();
  static_cast<void>(ask(server.port(), load, expected));  // everything has been touched once

  bool right = true;
  std::uint64_t fewest = UINT64_MAX;
  latencies alone, busy;
  std::vector<double> ratios;
  for (int run = 0; run < s.runs; ++run) {
    right = b.fill_up() && right;
    const latencies without = ask(server.port(), load, expected);
    b.resume();
    const latencies with = ask(server.port(), load, expected);
    b.pause();
    fewest = std::min(fewest, b.waiting());
    ratios.push_back(with.percentile(0.99) / without.percentile(0.99));
    alone.add(without);
    busy.add(with);
  }
  right = right && alone.all_right && busy.all_right;
  std::printf(
      "policy %s, %zu answers over %d connections without jobs, as many with; of %d jobs at least "
      "%llu"
      " were left\n",
      s.policy.c_str(), alone.us.size(), s.connections, s.jobs,
      static_cast<unsigned long long>(fewest));
  for (const double share : {0.5, 0.9, 0.99, 0.999}) {
    std::printf("p%-5g %6.0f -> %6.0f us, %.2f times\n", 100 * share, alone.percentile(share),
                busy.percentile(share), busy.percentile(share) / alone.percentile(share));
  }
  std::printf("p99 with jobs / without, by run: %.2f (median), %.2f to %.2f\n", median(ratios),
              *std::min_element(ratios.begin(), ratios.end()),
              *std::max_element(ratios.begin(), ratios.end()));
  std::puts(right ? "all answers right" : "some answers were missing or wrong");
  return right ? 0 : 1;
}
