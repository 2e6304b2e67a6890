#include "intake.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "job_payload.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

constexpr std::size_t bulk_jobs_max = 1'024;

// They go away when jobs end.
bool will_pass(pawl::reject reason) {
  return reason == pawl::reject::queue_full || reason == pawl::reject::scheduler_full ||
         reason == pawl::reject::memory || reason == pawl::reject::overloaded;
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

// All of `lines`, which the window has let in: as jobs, or refused.
void intake::submit(std::span<const input_line> lines) {
  while (!lines.empty() && !stopping_) {
    std::size_t good = 0;
    while (good < lines.size() && !lines[good].too_long) ++good;
    if (good > 0) {
      lines = lines.subspan(submit_some(lines.first(good)));
      continue;
    }
    refuse(lines.front(), name(pawl::reject::too_large),
           "a line of " + with_commas(lines.front().bytes) + " bytes is longer than " +
               with_commas(line_bytes_max));
    lines = lines.subspan(1);
  }
}

// Returns how many are dealt with.
std::size_t intake::submit_some(std::span<const input_line> lines) {
  bytes_.clear();
  specs_.clear();
  const std::int64_t now_ns = steady_now_ns();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    append_payload(bytes_, {next_sequence_ + i, now_ns}, lines[i].text);
  }
  std::size_t begin = 0;
  for (const input_line& line : lines) {
    const std::size_t count = sizeof(payload_head) + line.text.size();
    specs_.push_back({std::span(bytes_).subspan(begin, count), {.priority = settings_.priority}});
    begin += count;
  }
  const pawl::submit_answers answer = engine_.submit_bulk(queue_, kind_, specs_);
  next_sequence_ += answer.accepted;
  if (answer) return answer.accepted;
  return answer.accepted + take_reject(answer.reason, lines[answer.accepted]);
}

// 1: that line is dealt with; 0: it is to be tried again, or all is over.
std::size_t intake::take_reject(pawl::reject reason, const input_line& line) {
  if (reason == pawl::reject::stopping) {
    stopping_ = true;
    return 0;
  }
  const totals now = counts_.read();
  if (will_pass(reason) && now.ended + now.refused < next_sequence_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return 0;
  }
  refuse(line, name(reason), "the scheduler does not take it: " + std::string(name(reason)));
  return 1;
}

void intake::refuse(const input_line& line, std::string_view cause, std::string error) {
  auto result = std::make_unique<job_result>();
  result->sequence = next_sequence_++;
  result->line_bytes = line.text.size();
  result->input = line.text;
  result->state = "refused";
  result->cause = cause;
  result->error = std::move(error);
  counts_.refused();
  writer_.hand_over(std::move(result));
}

}  // namespace pawl_tool
