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

// It is the line that cannot be taken; else it is the scheduler that takes none.
bool is_of_the_line(pawl::reject reason) {
  return reason == pawl::reject::too_large || reason == pawl::reject::bad_option;
}

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

void intake::run(line_reader& reader, input_beginning beginning) {
  dealt_with_ = window_.acquired_jobs();
  refuse_again(beginning.refused);
  next_sequence_ = beginning.at.lines;
  std::vector<input_line> lines = std::move(beginning.rest);
  take(lines);
  while (!stopping_ && reader.next(lines)) take(lines);
  window_.close();
}

// In the way in which they were refused before; if one is a job now, it is one that was left out.
void intake::refuse_again(const std::vector<refused_line>& lines) {
  is_past_ = true;
  for (const refused_line& line : lines) {
    next_sequence_ = line.sequence;
    const input_line again{line.text, line.bytes, line.too_long};
    take(std::span(&again, 1));
  }
  is_past_ = false;
}

void intake::take(std::span<const input_line> lines) {
  while (!lines.empty() && !stopping_) {
    const std::size_t granted = window_.acquire(lines.first(std::min(lines.size(), bulk_jobs_max)));
    if (granted == 0) stopping_ = true;
    submit(lines.first(granted));
    lines = lines.subspan(granted);
  }
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
    append_payload(bytes_,
                   {.sequence = next_sequence_ + i, .due_ns = due_ns, .text = lines[i].text});
  }
  const bool has_cursor = cursor_ && !is_past_;
  if (has_cursor) cursor_->look_ahead(lines);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t count = payload_head_bytes + lines[i].text.size();
    specs_.push_back({std::span(bytes_).subspan(begin, count), options});
    specs_.back().options.lane = word_of(lines[i].text, settings_.lane_word);
    if (has_cursor) specs_.back().options.cursor = cursor_->behind(i);
    begin += count;
  }
  const pawl::submit_answers answer =
      engine_.submit_bulk(queues_.own(), kinds_[static_cast<std::size_t>(order.kind)], specs_);
  next_sequence_ += answer.accepted;
  dealt_with_ += answer.accepted;
  if (has_cursor && answer.accepted != 0) cursor_->pass(answer.accepted);
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
  payload p{.sequence = next_sequence_,
            .due_ns = steady_now_ns() + order.after.count(),
            .is_words = order.is_words,
            .timeout = order.timeout,
            .text = order.text};
  if (cursor_) {
    p.has_line_hash = true;
    p.line_hash = hash_of_line(line.text);
  }
  append_payload(bytes_, p);
  pawl::job_options options = options_of(order);
  const bool has_cursor = cursor_ && !is_past_;
  if (has_cursor) {
    cursor_->look_ahead(std::span(&line, 1));
    options.cursor = cursor_->behind(0);
  }
  const auto answer = engine_.submit(*queue, kinds_[static_cast<std::size_t>(order.kind)],
                                     std::span<const std::byte>(bytes_), options);
  if (!answer) return take_reject(answer.reason, line);
  ++next_sequence_;
  ++dealt_with_;
  if (has_cursor) cursor_->pass(1);
  // The window has let in the whole line; the job will give back what it holds, which is less but for the
  // shortest lines with a hash. The sums are right in any case: they may wrap.
  counts_.released(0, line.text.size() - p.body_bytes());
  return 1;
}

// 1: that line is dealt with; 0: it is to be tried again, or all is over.
std::size_t intake::take_reject(pawl::reject reason, const input_line& line) {
  if (reason == pawl::reject::stopping || window_.stopped()) {
    stopping_ = true;
    return 0;
  }
  const totals now = counts_.read();
  const bool jobs_will_end = now.ended + now.refused < dealt_with_;
  if ((will_pass(reason) && jobs_will_end) || reason == pawl::reject::log_full) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return 0;
  }
  if (cursor_ && !is_of_the_line(reason)) return give_up(reason);
  refuse(line, {0, name(reason), "the scheduler does not take it: " + std::string(name(reason))});
  return 1;
}

// Another run may take what this one cannot, so nothing is refused for good.
std::size_t intake::give_up(pawl::reject reason) {
  trouble_ = "the scheduler takes no more jobs: " + std::string(name(reason));
  stop_.stop_intake(stop_request::reason::store_failed);
  stopping_ = true;
  return 0;
}

void intake::refuse(const input_line& line, line_mistake mistake) {
  if (cursor_ && !is_past_) {
    cursor_->look_ahead(std::span(&line, 1));
    cursor_->pass(1);
  }
  ++dealt_with_;
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
  if (!is_past_) halt_.count_failure();
  writer_.hand_over(std::move(result));
}

}  // namespace pawl_tool
