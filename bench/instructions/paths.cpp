// bench/instructions/paths.cpp -- fixed work on each main path, cut into parts for callgrind.
//
// Run by `check` beside this file under valgrind --tool=callgrind. Each part is done with N and
// with 2N jobs and dumped under the name "path jobs"; the difference over N is the cost of one job,
// free of what happens once. Counted is what happens inside one function: the member of `paths`
// that has the name of the path, with all it calls, but for the path `run`, which is another
// thread's, pawl::run_job. How often the drain looks around and how large its batches are depends
// on the clock, which valgrind distorts; run_job is free of that. The one drain is kept inside a
// handler meanwhile, so that no submit wakes it.
// Without valgrind (--toy) it does the same work and checks the same answers.
#include <valgrind/callgrind.h>

#include <cstdio>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "support/args.hpp"
#include "support/check.hpp"
#include "support/clock.hpp"
#include "support/open_engine.hpp"
#include "support/sharded_sum.hpp"

namespace {

constexpr std::uint64_t jobs_small = 20'000;
constexpr std::size_t bulk_size = 256;

struct payload {
  std::uint64_t number = 0;
  std::uint64_t filler[3] = {};
};

template <class Work>
void part(const char* path, std::uint64_t jobs, Work work) {
  CALLGRIND_DUMP_STATS_AT("before 0");  // a dump also sets the counts to zero, on all threads
  work();
  const std::string name = std::string(path) + " " + std::to_string(jobs);
  CALLGRIND_DUMP_STATS_AT(name.c_str());
}

class paths {
 public:
  paths() {
    pawl::registry kinds;
    kind_ = kinds.add<payload>("bench.count/1", [this](pawl::context&, const payload& one) {
      sum_ += one.number;
      if (--left_ == 0) all_ran_.release();
      return pawl::outcome::done();
    });
    block_kind_ = kinds.add<payload>("bench.block/1", [this](pawl::context&, const payload&) {
      occupied_.release();
      go_on_.acquire();
      return pawl::outcome::done();
    });
    pawl::options options;
    options.drains = 1;
    options.spin = pawl::duration{0};
    engine_ = bench::open_engine(options, kinds);
    queue_ = bench::open_queue(*engine_, "count", {});
    block_queue_ = bench::open_queue(*engine_, "block", {});
    occupy_drain();
  }

  void run_all(std::uint64_t jobs) {
    ids_.assign(jobs, {});
    part("submit_single", jobs, [&] { submit_single(); });
    part("find", jobs, [&] { find(); });
    part("run", jobs, [&] { run(); });
    part("submit_bulk", jobs, [&] { submit_bulk(); });
    part("cancel", jobs, [&] { cancel(); });
    // The cancelled jobs' entries are still in the band. Take them out before the next round.
    submit_single();
    run();
  }

  void finish() { go_on_.release(); }

 private:
  // On return the drain is inside a handler that waits for go_on_.
  void occupy_drain() {
    bench::require(bool{engine_->submit(block_queue_, block_kind_, payload{})},
                   "submit was rejected");
    occupied_.acquire();
  }

  [[gnu::noinline]] void submit_single() {
    payload one;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      one.number = i + 1;
      const pawl::submit_answer answer = engine_->submit(queue_, kind_, one);
      bench::require(bool{answer}, "submit was rejected");
      ids_[i] = answer.ticket.id;
    }
  }

  [[gnu::noinline]] void submit_bulk() {
    std::vector<payload> payloads(bulk_size);
    std::vector<pawl::job_spec> specs(bulk_size);
    for (std::size_t i = 0; i < bulk_size; ++i) {
      specs[i].payload = std::as_bytes(std::span(&payloads[i], 1));
    }
    for (std::size_t first = 0; first < ids_.size(); first += bulk_size) {
      const std::size_t count = std::min(bulk_size, ids_.size() - first);
      for (std::size_t i = 0; i < count; ++i) payloads[i].number = first + i + 1;
      bench::require(bool{engine_->submit_bulk(queue_, kind_, std::span(specs).first(count),
                                               std::span(ids_).subspan(first, count))},
                     "submit_bulk was rejected");
    }
  }

  [[gnu::noinline]] void find() {
    for (const pawl::job_id id : ids_) {
      const auto status = engine_->find(id);
      bench::require(status && status->state == pawl::job_state::ready, "find of a waiting job");
    }
  }

  [[gnu::noinline]] void cancel() {
    for (const pawl::job_id id : ids_) {
      bench::require(engine_->cancel(id).has_value(), "cancel of a waiting job");
    }
  }

  [[gnu::noinline]] void run() {
    sum_ = 0;
    left_ = ids_.size();
    go_on_.release();
    all_ran_.acquire();
    occupy_drain();
    bench::require(sum_ == bench::sum_to(ids_.size()), "instructions: sum");
  }

  std::uint64_t sum_ = 0;  // the drain's while it runs, else main's; the semaphores are between
  std::uint64_t left_ = 0;
  std::binary_semaphore all_ran_{0};
  std::binary_semaphore occupied_{0};
  std::binary_semaphore go_on_{0};
  std::vector<pawl::job_id> ids_;
  pawl::kind_ref kind_;
  pawl::kind_ref block_kind_;
  pawl::queue_ref queue_;
  pawl::queue_ref block_queue_;
  std::unique_ptr<pawl::scheduler> engine_;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::args args = bench::parse_args(argc, argv);
  if (!args.figure.empty()) bench::usage(argv[0]);
  paths all;
  all.run_all(2 * jobs_small);  // touches the memory; its dumps are overwritten by name
  all.run_all(jobs_small);
  all.run_all(2 * jobs_small);
  all.finish();
  std::printf("instructions: all paths ran and answered right%s\n", args.toy ? " (toy)" : "");
  return 0;
}
