#include "intake.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "job_payload.hpp"
#include "kind.hpp"
#include "lane_field.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

constexpr std::size_t bulk_jobs_max = 1'024;

// They go away when jobs end.
bool will_pass(pawl::reject reason) {
  return reason == pawl::reject::queue_full || reason == pawl::reject::scheduler_full ||
         reason == pawl::reject::memory || reason == pawl::reject::overloaded;
}

std::string too_long_text(const input_line& line) {
  return "a line of " + with_commas(line.bytes) + " bytes is longer than " +
         with_commas(line_bytes_max);
}

}  // namespace

void intake::run(line_reader& reader) {
  std::vector<input_line> lines;
  while (!stopping_ && reader.next(lines)) {
    for (std::size_t done = 0; done < lines.size() && !stopping_;) {
      const auto rest = std::span(lines).subspan(done);
      const std::size_t granted = window_.acquire(rest.first(std::min(rest.size(), bulk_jobs_max)));
      if (granted == 0) stopping_ = true;
      submit(rest.first(granted));
      done += granted;
    }
  }
  ended_.store(true, std::memory_order_relaxed);
}

// All of `lines`, which the window has let in: as jobs, or refused; until the run is stopped, for which
// a refused line may be the reason.
void intake::submit(std::span<const input_line> lines) {
  while (!lines.empty() && !stopping_ && !window_.stopped()) {
    const input_line& line = lines.front();
    std::size_t done = 1;
    if (line.too_long) {
      refuse(line, {0, name(pawl::reject::too_large), too_long_text(line)});
    } else if (settings_.jsonl) {
      done = submit_json(line);
    } else {
      std::size_t good = 1;
      while (good < lines.size() && !lines[good].too_long) ++good;
      done = submit_plain(lines.first(good));
    }
    lines = lines.subspan(done);
  }
}

pawl::job_options intake::options_of(const job_order& order) const {
  return {.priority = order.priority,
          .max_attempts = static_cast<std::uint8_t>(order.attempts),
          .after = order.after,
          .lane = order.lane};
}

// Returns how many are dealt with.
std::size_t intake::submit_plain(std::span<const input_line> lines) {
  bytes_.clear();
  specs_.clear();
  const job_order order = plain_order(settings_, {});
  const pawl::job_options options = options_of(order);
  const std::int64_t due_ns = steady_now_ns() + order.after.count();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    append_payload(bytes_, {.sequence = (next_sequence_ + i) & sequence_mask, .due_ns = due_ns}, {},
                   lines[i].text);
  }
  std::size_t begin = 0;
  for (const input_line& line : lines) {
    const std::size_t count = sizeof(payload_head) + line.text.size();
    specs_.push_back({std::span(bytes_).subspan(begin, count), options});
    specs_.back().options.lane = word_of(line.text, settings_.lane_word);
    begin += count;
  }
  const pawl::submit_answers answer =
      engine_.submit_bulk(queues_.own(), kinds_[static_cast<std::size_t>(order.kind)], specs_);
  next_sequence_ += answer.accepted;
  if (answer) return answer.accepted;
  return answer.accepted + take_reject(answer.reason, lines[answer.accepted]);
}

// 1: it is dealt with; 0: it is to be tried again, or all is over.
std::size_t intake::submit_json(const input_line& line) {
  job_order order;
  if (auto mistake = json_.read(line.text, order)) {
    refuse(line, std::move(*mistake));
    return 1;
  }
  const auto queue = queues_.find(order.queue);
  if (!queue) {
    refuse(line, {0, "queue", "there are too many queues"});
    return 1;
  }
  bytes_.clear();
  const std::size_t bytes = append_payload(bytes_,
                                           {.sequence = next_sequence_ & sequence_mask,
                                            .is_words = order.is_words ? 1U : 0U,
                                            .due_ns = steady_now_ns() + order.after.count()},
                                           order.timeout, order.text);
  const auto answer = engine_.submit(*queue, kinds_[static_cast<std::size_t>(order.kind)],
                                     std::span<const std::byte>(bytes_), options_of(order));
  if (!answer) return take_reject(answer.reason, line);
  ++next_sequence_;
  // The window has let in the whole line; the job holds less, and will give back that.
  counts_.released(0, line.text.size() - (bytes - sizeof(payload_head)));
  return 1;
}

// 1: that line is dealt with; 0: it is to be tried again, or all is over.
std::size_t intake::take_reject(pawl::reject reason, const input_line& line) {
  if (reason == pawl::reject::stopping || window_.stopped()) {
    stopping_ = true;
    return 0;
  }
  const totals now = counts_.read();
  if (will_pass(reason) && now.ended + now.refused < next_sequence_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return 0;
  }
  refuse(line, {0, name(reason), "the scheduler does not take it: " + std::string(name(reason))});
  return 1;
}

void intake::refuse(const input_line& line, line_mistake mistake) {
  auto result = std::make_unique<job_result>();
  result->sequence = next_sequence_++;
  result->line_bytes = line.text.size();
  result->input = line.text;
  result->state = "refused";
  result->cause = mistake.cause;
  result->column = mistake.column;
  result->error = std::move(mistake.error);
  if (settings_.kind && !settings_.jsonl) result->kind = name(*settings_.kind);
  counts_.refused();
  halt_.count_failure();
  writer_.hand_over(std::move(result));
}

}  // namespace pawl_tool
