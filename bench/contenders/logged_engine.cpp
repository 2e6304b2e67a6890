#include "contenders/logged_engine.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <span>

#include "support/open_engine.hpp"

namespace bench {
namespace {

constexpr std::size_t bulk_max = 256;
constexpr std::size_t commits_max = 1u << 20;
constexpr std::chrono::seconds give_up{60};

}  // namespace

// What a producer has outstanding, oldest first, and all that it ever had.
struct logged_engine::window {
  std::deque<submitted> open;
  std::uint64_t jobs = 0;
  std::vector<submitted> all;

  void add(const submitted& one) {
    open.push_back(one);
    all.push_back(one);
    jobs += one.jobs;
  }
  void drop_until(std::uint64_t durable_lsn) {
    while (!open.empty() && open.front().lsn <= durable_lsn) {
      jobs -= open.front().jobs;
      open.pop_front();
    }
  }
};

logged_engine::logged_engine(const setup& wanted) : level_(wanted.level), commits_(commits_max) {
  kind_ =
      kinds_.add<commit_payload>("bench.sum/1", [this](pawl::context&, const commit_payload& p) {
        sums_.add(p.number);
        return pawl::outcome::done();
      });
  options_.directory = wanted.directory;
  options_.log_bytes_max = 0;  // a round may be as long as it likes
  options_.io_uring = wanted.device != "posix";
  if (wanted.small_segments) options_.segment_bytes = 256u << 10;
  options_.durable = {&logged_engine::note_commit, this};
  open(true);
  if (wanted.device == "uring" && !has_uring()) {
    std::fprintf(stderr, "bench: the system has no io_uring for us: errno %d\n",
                 engine_->health().log.io_uring_errno);
    std::exit(1);
  }
}

logged_engine::~logged_engine() = default;

void logged_engine::open(bool dispatch) {
  options_.dispatch = dispatch;
  engine_ = open_engine(options_, kinds_);
  const auto level =
      level_ == commit_level::synced ? pawl::durability::durable : pawl::durability::relaxed;
  queue_ =
      open_queue(*engine_, "bench",
                 {.when_full = pawl::when_full::block, .block_for = give_up, .durability = level});
}

void logged_engine::note_commit(void* user, std::uint64_t lsn) {
  auto& self = *static_cast<logged_engine*>(user);
  const std::size_t at = self.commit_count_.load(std::memory_order_relaxed);
  require(at < self.commits_.size(), "more commits than there are places for");
  self.commits_[at] = {lsn, now_ns()};
  self.commit_count_.store(at + 1, std::memory_order_release);
}

commit_costs logged_engine::run(const commit_work& work) {
  sums_.reset();
  submits_.clear();
  const pawl::log_health before = engine_->health().log;
  const std::size_t first_commit = commit_count_.load(std::memory_order_acquire);
  bool is_durable = level_ == commit_level::relaxed;
  commit_costs costs;
  costs.seconds = time_end_to_end(
      work.jobs, work.producers, [] {},
      [&](number_range range) {
        produce(range, level_ == commit_level::synced ? work.outstanding : work.jobs);
      },
      [&] {
        if (!is_through(jobs_before_ + work.jobs)) return false;
        if (!is_durable) wait_until_durable(engine_->health().log.lsn);
        is_durable = true;
        return true;
      });
  jobs_before_ += work.jobs;
  check_answers(work.jobs);
  const pawl::log_health after = engine_->health().log;
  costs.written_bytes = after.written_bytes - before.written_bytes;
  costs.syncs = after.syncs - before.syncs;
  if (level_ == commit_level::synced) costs.latencies_ns = latencies(first_commit);
  return costs;
}

// All have ended, and a drain that sleeps has nothing left to say of one.
bool logged_engine::is_through(std::uint64_t completed) const {
  if (engine_->read_counters().completed < completed) return false;
  const pawl::health_report seen = engine_->health();
  return seen.drains_asleep == seen.drains;
}

void logged_engine::wait_until_durable(std::uint64_t lsn) {
  require(bool{engine_->wait_durable({.id = {}, .lsn = lsn}, give_up)}, "wait_durable");
}

void logged_engine::check_answers(std::uint64_t jobs) {
  const sharded_sum::totals ran = sums_.read();
  require(ran.count == jobs && ran.sum == sum_to(jobs), "pawl: sum of the jobs that ran");
  const pawl::counters counts = engine_->read_counters();
  require(counts.accepted == jobs_before_ && counts.completed == jobs_before_,
          "pawl: jobs accepted and completed");
}

void logged_engine::produce(number_range range, std::uint64_t outstanding) {
  std::array<commit_payload, bulk_max> payloads;
  std::array<pawl::job_spec, bulk_max> specs;
  for (std::size_t i = 0; i < bulk_max; ++i) {
    specs[i].payload = std::as_bytes(std::span(&payloads[i], 1));
  }
  window mine;
  for (std::uint64_t first = range.first; first <= range.last;) {
    if (level_ == commit_level::synced) {
      if (mine.jobs == outstanding) wait_until_durable(mine.open.front().lsn);
      mine.drop_until(engine_->durable_lsn());
    }
    const std::size_t count =
        std::min({std::uint64_t{bulk_max}, outstanding - mine.jobs, range.last - first + 1});
    for (std::size_t i = 0; i < count; ++i) payloads[i].number = first + i;
    const std::uint64_t now = now_ns();
    const pawl::submit_answers answers =
        engine_->submit_bulk(queue_, kind_, std::span(specs).first(count));
    require(answers && answers.accepted == count, "submit_bulk was rejected");
    if (level_ == commit_level::synced) mine.add({now, answers.ticket.lsn, count});
    first += count;
  }
  const std::lock_guard lock(submits_mutex_);
  submits_.insert(submits_.end(), mine.all.begin(), mine.all.end());
}

// Each call's first commit that covers it.
std::vector<std::uint64_t> logged_engine::latencies(std::size_t first_commit) const {
  const std::size_t end = commit_count_.load(std::memory_order_acquire);
  const std::span<const commit> seen(commits_.data() + first_commit, end - first_commit);
  std::vector<std::uint64_t> all;
  all.reserve(submits_.size());
  for (const submitted& one : submits_) {
    const auto at =
        std::lower_bound(seen.begin(), seen.end(), one.lsn,
                         [](const commit& c, std::uint64_t lsn) { return c.lsn < lsn; });
    require(at != seen.end(), "pawl: a submit that no commit covers");
    all.push_back(at->at_ns - one.at_ns);
  }
  return all;
}

std::vector<std::uint64_t> logged_engine::run_singly(std::uint64_t jobs) {
  sums_.reset();
  std::vector<std::uint64_t> all;
  all.reserve(jobs);
  for (std::uint64_t number = 1; number <= jobs; ++number) {
    const commit_payload one{.number = number};
    const std::uint64_t begin = now_ns();
    const pawl::submit_answer answer = engine_->submit(queue_, kind_, one);
    require(bool{answer}, "submit was rejected");
    wait_until_durable(answer.ticket.lsn);
    all.push_back(now_ns() - begin);
  }
  jobs_before_ += jobs;
  wait_until([&] { return is_through(jobs_before_); });
  check_answers(jobs);
  return all;
}

void logged_engine::check_reopened() {
  require(bool{engine_->stop(give_up)}, "stop");
  engine_.reset();
  open(false);
  const pawl::log_health found = engine_->health().log;
  require(found.was_closed, "pawl: the log was not closed");
  require(found.recovered_jobs == 0 && found.recovered_dead == 0,
          "pawl: jobs that had ended came back");
}

}  // namespace bench
