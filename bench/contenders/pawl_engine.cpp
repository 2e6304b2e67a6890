#include "contenders/pawl_engine.hpp"

#include <algorithm>
#include <array>

#include "support/open_engine.hpp"
#include "support/producers.hpp"

namespace bench {
namespace {

constexpr std::uint64_t sample_every = 1'000;
constexpr std::size_t wait_lag = 16;  // samples
constexpr std::uint64_t queue_room = 1'000'000;

}  // namespace

// What one producer thread keeps between its calls.
struct pawl_engine::producer {
  std::uint64_t until_sample = 0;
  std::array<pawl::job_id, wait_lag> to_wait{};
  std::size_t waits = 0;
};

pawl_engine::pawl_engine(std::uint64_t backlog) : backlog_(backlog) {
  pawl::registry kinds;
  kind_ = kinds.add<payload>("bench.sum/1", [this](pawl::context&, const payload& one) {
    if (one.sample != 0) [[unlikely]] {
      started_[one.sample - 1].store(true, std::memory_order_relaxed);
    }
    sums_.add(one.number);
    return pawl::outcome::done();
  });
  backlog_kind_ = kinds.add<payload>("bench.backlog/1", [this](pawl::context&, const payload& one) {
    backlog_sums_.add(one.number);
    return pawl::outcome::done();
  });
  pawl::options options;
  options.jobs_max = std::max(options.jobs_max, backlog + 2 * queue_room);
  engine_ = open_engine(options, kinds);
  queue_ = open_queue(*engine_, "bench",
                      {.jobs_max = backlog + queue_room,
                       .when_full = pawl::when_full::block,
                       .block_for = std::chrono::seconds(60)});
  if (backlog_ != 0) {
    require(engine_->pause(queue_).has_value(), "pause");
    fill_backlog(backlog_);
  }
}

pawl_engine::~pawl_engine() = default;

double pawl_engine::run(const workload& work) {
  sums_.reset();
  backlog_sums_.reset();
  prepare_samples(work);
  const std::uint64_t cancelled_before = engine_->read_counters().cancelled;
  const auto cancelled = [&] { return engine_->read_counters().cancelled - cancelled_before; };
  const double seconds = time_end_to_end(
      work.jobs, work.producers,
      [&] {
        if (backlog_ != 0) require(engine_->resume(queue_).has_value(), "resume");
      },
      [&](number_range range) { produce(range, work.bulk); },
      [&] { return sums_.read().count + cancelled() >= work.jobs; });
  backlog_ran_ = backlog_sums_.read().count;
  check_answers(work, cancelled());
  if (backlog_ != 0) {
    require(engine_->pause(queue_).has_value(), "pause");
    sleep_ns(2'000'000);  // handlers that had begun
    fill_backlog(backlog_sums_.read().count);
  }
  return seconds;
}

void pawl_engine::fill_backlog(std::uint64_t jobs) {
  std::array<payload, 256> payloads{};
  std::array<pawl::job_spec, 256> specs;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    specs[i] = {std::as_bytes(std::span(&payloads[i], 1)), {.priority = pawl::priority::bulk}};
  }
  while (jobs > 0) {
    const std::size_t count = std::min<std::uint64_t>(specs.size(), jobs);
    for (std::size_t i = 0; i < count; ++i) payloads[i].number = jobs - i;
    require(bool{engine_->submit_bulk(queue_, backlog_kind_, std::span(specs).first(count))},
            "the backlog was not accepted");
    jobs -= count;
  }
}

void pawl_engine::prepare_samples(const workload& work) {
  samples_ = work.jobs / sample_every;
  started_ = std::make_unique<std::atomic<bool>[]>(samples_);
  cancel_taken_ = std::make_unique<std::atomic<bool>[]>(samples_);
}

// A job that never started must be one whose cancel() was accepted, and the engine's own count of
// cancelled jobs must be the number of them. The others must all be in the sum.
void pawl_engine::check_answers(const workload& work, std::uint64_t cancelled) const {
  std::uint64_t never_started = 0;
  std::uint64_t missing = 0;
  for (std::uint64_t i = 0; i < samples_; ++i) {
    if (started_[i].load(std::memory_order_relaxed)) continue;
    require(cancel_taken_[i].load(std::memory_order_relaxed),
            "a job that was not cancelled is lost");
    ++never_started;
    missing += (i + 1) * sample_every;
  }
  require(never_started == cancelled, "counters.cancelled is not the number of jobs never started");
  const sharded_sum::totals ran = sums_.read();
  require(ran.count == work.jobs - cancelled, "number of handlers that ran");
  require(ran.sum == sum_to(work.jobs) - missing, "pawl: sum");
}

void pawl_engine::produce(number_range range, std::size_t bulk) {
  producer me;
  // The numbers of samples are the multiples of sample_every.
  me.until_sample = sample_every - (range.first - 1) % sample_every;
  if (bulk == 1) {
    produce_single(me, range);
  } else {
    produce_bulk(me, range, bulk);
  }
  for (const pawl::job_id id : me.to_wait) {
    if (id) wait_for(id);
  }
}

void pawl_engine::produce_single(producer& me, number_range range) {
  payload one;
  for (std::uint64_t n = range.first; n <= range.last; ++n) {
    const bool sampled = --me.until_sample == 0;
    one.number = n;
    one.sample = sampled ? n / sample_every : 0;
    const pawl::submit_answer answer = engine_->submit(queue_, kind_, one);
    require(bool{answer}, "submit was rejected");
    if (!sampled) continue;
    me.until_sample = sample_every;
    deal_with_sample(me, n, answer.ticket.id);
  }
}

// The specs point at the payloads once and for all; each call refreshes the numbers.
void pawl_engine::produce_bulk(producer& me, number_range range, std::size_t bulk) {
  std::vector<payload> payloads(bulk);
  std::vector<pawl::job_spec> specs(bulk);
  std::vector<pawl::job_id> ids(bulk);
  for (std::size_t i = 0; i < bulk; ++i)
    specs[i].payload = std::as_bytes(std::span(&payloads[i], 1));
  for (std::uint64_t first = range.first; first <= range.last;) {
    const std::size_t count = std::min<std::uint64_t>(bulk, range.last - first + 1);
    for (std::size_t i = 0; i < count; ++i) {
      payloads[i].number = first + i;
      payloads[i].sample = 0;
    }
    // Sampled in this call: those at sample_at, sample_at + sample_every, ...
    const std::uint64_t sample_at = me.until_sample - 1;
    for (std::uint64_t i = sample_at; i < count; i += sample_every) {
      payloads[i].sample = (first + i) / sample_every;
    }
    const pawl::submit_answers answers = engine_->submit_bulk(
        queue_, kind_, std::span(specs).first(count), std::span(ids).first(count));
    require(answers && answers.accepted == count, "submit_bulk was rejected");
    std::uint64_t i = sample_at;
    for (; i < count; i += sample_every) deal_with_sample(me, first + i, ids[i]);
    me.until_sample = i - count + 1;
    first += count;
  }
}

void pawl_engine::deal_with_sample(producer& me, std::uint64_t number, pawl::job_id id) {
  const std::uint64_t index = number / sample_every - 1;
  switch (index % 3) {
    case 0: {
      const pawl::result<pawl::job_status> status = engine_->find(id);
      require(status.has_value() && status->id == id, "find of a job just submitted");
      break;
    }
    case 1: {
      const pawl::result<pawl::ticket> answer = engine_->cancel(id);
      require(answer.has_value() || answer.error().code == pawl::errc::stale,
              "cancel of a job just submitted");
      if (answer) cancel_taken_[index].store(true, std::memory_order_relaxed);
      break;
    }
    default: {
      pawl::job_id& oldest = me.to_wait[me.waits++ % wait_lag];
      if (oldest) wait_for(oldest);
      oldest = id;
    }
  }
}

void pawl_engine::wait_for(pawl::job_id id) {
  const pawl::result<pawl::job_status> status = engine_->wait(id, std::chrono::seconds(60));
  require(status.has_value(), "wait for a submitted job");
  require(status->state == pawl::job_state::completed || status->state == pawl::job_state::ended,
          "a job that was waited for did not complete");
}

}  // namespace bench
