// oneTBB's fire-and-forget: task_arena::enqueue of a closure that holds the payload.
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include "contenders/contender.hpp"
#include "support/producers.hpp"

namespace bench {
namespace {

class tbb_enqueue final : public contender {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tbb_enqueue"; }

  double run(const workload& work) override {
    sums_.reset();
    // oneTBB counts the caller: one more than the workers, else only one of them would exist.
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, worker_count + 1);
    tbb::task_arena arena(static_cast<int>(worker_count), 0);
    arena.initialize();
    warm_up(arena);
    const double seconds = time_end_to_end(
        work.jobs, work.producers, [] {}, [&](number_range range) { produce(arena, range); },
        [&] { return sums_.read().count == work.jobs; });
    require(sums_.read().sum == sum_to(work.jobs), "tbb_enqueue: sum");
    return seconds;
  }

 private:
  void produce(tbb::task_arena& arena, number_range range) {
    for (std::uint64_t n = range.first; n <= range.last; ++n) {
      const payload one{.number = n};
      arena.enqueue([one, sums = &sums_] { sums->add(one.number); });
    }
  }

  // The threads are started by the first task.
  void warm_up(tbb::task_arena& arena) {
    produce(arena, {1, 1'000});
    wait_until([&] { return sums_.read().count == 1'000; });
    sums_.reset();
  }

  sharded_sum sums_;
};

}  // namespace

std::unique_ptr<contender> make_tbb_enqueue() {
  return std::make_unique<tbb_enqueue>();
}

}  // namespace bench
