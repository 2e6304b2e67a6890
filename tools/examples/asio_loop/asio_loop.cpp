// Jobs on the thread of a Boost.Asio io_context, between its other handlers.
//
//   asio_loop [JOBS]    another thread submits so many jobs; when all have run, everything ends
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>

#include "pawl/scheduler.hpp"

using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

// Runs jobs whenever Asio has a moment. Use it on the io_context's thread.
class job_runner {
 public:
  job_runner(asio::io_context& io, std::unique_ptr<pawl::loop> jobs)
      : jobs_(std::move(jobs)), ready_(io, jobs_->notify_fd()) {
    wait();
  }
  // The descriptor is the loop's: Asio must not close it.
  ~job_runner() { ready_.release(); }

  // From inside a job.
  void stop() { stopped_ = true; }

 private:
  void wait() {
    ready_.async_wait(asio::posix::descriptor_base::wait_read, [this](const auto& error) {
      if (error || !jobs_->run_some(64, 200us) || stopped_) return;
      wait();  // told at once if there are more
    });
  }

  std::unique_ptr<pawl::loop> jobs_;
  asio::posix::stream_descriptor ready_;
  bool stopped_ = false;
};

struct work {
  int jobs = 0;
  int ran = 0;  // no atomic: handlers and timers run on the same thread
  int ticks = 0;
  job_runner* runner = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  work w;
  w.jobs = argc > 1 ? std::atoi(argv[1]) : 100'000;

  pawl::registry kinds;
  const auto run = [](void* user, pawl::context&, std::span<const std::byte>) {
    work& all = *static_cast<work*>(user);
    if (++all.ran == all.jobs) all.runner->stop();
    return pawl::outcome::done();
  };
  const pawl::kind_ref kind = kinds.add("count/1", run, &w);
  pawl::options o;
  o.executor = pawl::executor::external;
  o.drains = 1;
  const auto scheduler = std::move(*pawl::scheduler::open(o, kinds));
  const auto queue = *scheduler->queue("jobs");

  asio::io_context io;
  job_runner runner(io, std::move(*scheduler->make_loop()));
  w.runner = &runner;

  // Something else that the io_context does meanwhile.
  asio::steady_timer timer(io);
  std::function<void()> tick = [&] {
    timer.expires_after(100us);
    timer.async_wait([&](const auto&) {
      ++w.ticks;
      if (w.ran < w.jobs) tick();
    });
  };
  tick();

  std::thread submitter([&] {
    for (int i = 0; i < w.jobs; ++i) {
      // Some at once, some a moment later: both make the descriptor readable.
      const pawl::duration after = i % 100 == 0 ? pawl::duration(1ms) : pawl::duration(0);
      while (!scheduler->submit(queue, kind, {}, {.after = after})) {
        std::this_thread::sleep_for(1ms);  // full
      }
    }
  });
  io.run();
  submitter.join();
  std::printf("%d of %d jobs and %d ticks on one thread\n", w.ran, w.jobs, w.ticks);
  return w.ran == w.jobs && w.ticks > 0 ? 0 : 1;
}
