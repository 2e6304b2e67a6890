// What most people write first: a deque, a mutex, a condition variable.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "contenders/contender.hpp"
#include "support/producers.hpp"

namespace bench {
namespace {

class mutex_deque final : public contender {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "mutex_deque"; }

  double run(const workload& work) override {
    sums_.reset();
    stop_ = false;
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < worker_count; ++i) workers.emplace_back([this] { consume(); });
    const double seconds = time_end_to_end(
        work.jobs, work.producers, [] {}, [&](number_range range) { produce(range); },
        [&] { return sums_.read().count == work.jobs; });
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (std::thread& one : workers) one.join();
    require(sums_.read().sum == sum_to(work.jobs), "mutex_deque: sum");
    return seconds;
  }

 private:
  void produce(number_range range) {
    for (std::uint64_t n = range.first; n <= range.last; ++n) {
      {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(payload{.number = n});
      }
      changed_.notify_one();
    }
  }

  void consume() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const payload one = jobs_.front();
      jobs_.pop_front();
      lock.unlock();
      sums_.add(one.number);
      lock.lock();
    }
  }

  sharded_sum sums_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<payload> jobs_;
  bool stop_ = false;
};

}  // namespace

std::unique_ptr<contender> make_mutex_deque() {
  return std::make_unique<mutex_deque>();
}

}  // namespace bench
