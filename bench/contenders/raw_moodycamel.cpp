// Physics: the queue alone, tokens on both sides, threads that spin. No ids, states, priorities or
// cancelling; nothing that does more than this can be faster.
#include <concurrentqueue/concurrentqueue.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "contenders/contender.hpp"
#include "support/producers.hpp"

namespace bench {
namespace {

constexpr std::size_t chunk = 64;  // the size the reference figures were measured with

class raw_moodycamel final : public contender {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "raw_moodycamel"; }
  [[nodiscard]] bool has_bulk() const noexcept override { return true; }

  double run(const workload& work) override {
    sums_.reset();
    std::atomic<bool> stop{false};
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < worker_count; ++i) workers.emplace_back([&] { consume(stop); });
    const double seconds = time_end_to_end(
        work.jobs, work.producers, [] {}, [&](number_range range) { produce(range, work.bulk); },
        [&] { return sums_.read().count == work.jobs; });
    stop.store(true, std::memory_order_relaxed);
    for (std::thread& one : workers) one.join();
    require(sums_.read().sum == sum_to(work.jobs), "raw_moodycamel: sum");
    return seconds;
  }

 private:
  void produce(number_range range, std::size_t bulk) {
    moodycamel::ProducerToken token(queue_);
    std::array<payload, chunk> batch{};
    std::uint64_t next = range.first;
    while (next <= range.last) {
      if (bulk == 1) {
        queue_.enqueue(token, payload{.number = next++});
        continue;
      }
      const std::size_t count = std::min<std::uint64_t>(chunk, range.last - next + 1);
      for (std::size_t i = 0; i < count; ++i) batch[i].number = next++;
      queue_.enqueue_bulk(token, batch.begin(), count);
    }
  }

  // Yields after a while: with more threads than processors, pure spinning starves the producer.
  void consume(const std::atomic<bool>& stop) {
    moodycamel::ConsumerToken token(queue_);
    std::array<payload, chunk> batch;
    unsigned empty = 0;
    while (!stop.load(std::memory_order_relaxed)) {
      const std::size_t count = queue_.try_dequeue_bulk(token, batch.begin(), chunk);
      for (std::size_t i = 0; i < count; ++i) sums_.add(batch[i].number);
      empty = count == 0 ? empty + 1 : 0;
      if (empty > 256) {
        std::this_thread::yield();
      } else if (empty > 0) {
        _mm_pause();
      }
    }
  }

  sharded_sum sums_;
  moodycamel::ConcurrentQueue<payload> queue_;
};

}  // namespace

std::unique_ptr<contender> make_raw_moodycamel() {
  return std::make_unique<raw_moodycamel>();
}

}  // namespace bench
