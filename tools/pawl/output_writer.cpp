#include "output_writer.hpp"

#include <utility>

#include "result_format.hpp"

namespace pawl_tool {

namespace {
constexpr std::uint64_t waiting_bytes_max = std::uint64_t{8} << 20;
}  // namespace

output_writer::output_writer(const run_settings& settings, console& messages, tally& counts,
                             job_window& window, stop_request& stop)
    : settings_(settings),
      counts_(counts),
      window_(window),
      stop_(stop),
      out_(output_buffer::stream::output, messages),
      errors_(output_buffer::stream::errors, messages),
      thread_([this] { run(); }) {}

void output_writer::hand_over(std::unique_ptr<job_result> result) {
  std::unique_lock lock(mutex_);
  if (!settings_.keep_order) room_.wait(lock, [&] { return waiting_bytes_ < waiting_bytes_max; });
  waiting_bytes_ += sizeof(job_result) + result->output.memory_bytes() +
                    result->errors.memory_bytes() + result->input.size();
  handed_over_.push_back(std::move(result));
  if (handed_over_.size() == 1) arrived_.notify_one();
}

void output_writer::close() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void output_writer::run() {
  batch results;
  for (bool last = false; !last;) {
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [&] { return !handed_over_.empty() || closing_; });
      results.swap(handed_over_);
      waiting_bytes_ = 0;
      last = closing_;
    }
    room_.notify_all();
    take(results);
    if (last) {
      for (const auto& result : ordered_) {
        if (result) write(*result);
      }
      ordered_.clear();
    }
    flush();
  }
}

void output_writer::take(batch& results) {
  for (auto& result : results) {
    if (!settings_.keep_order) {
      write(*result);
      result.reset();
      continue;
    }
    put_in_order(std::move(result));
    for (; !ordered_.empty() && ordered_.front(); ++next_sequence_) {
      write(*ordered_.front());
      ordered_.pop_front();
    }
  }
  results.clear();
}

void output_writer::put_in_order(std::unique_ptr<job_result> result) {
  const std::size_t place = static_cast<std::size_t>(result->sequence - next_sequence_);
  if (ordered_.size() <= place) ordered_.resize(place + 1);
  ordered_[place] = std::move(result);
}

void output_writer::write(const job_result& result) {
  if (stop_.why() == stop_request::reason::output_failed) {
    // Nobody reads it; why the run ends is said once, not for each job that is ended with it.
  } else if (settings_.form == output_form::jsonl) {
    write_jsonl(result, settings_.tag, out_);
  } else {
    write_text(result, out_, errors_);
  }
  ++written_jobs_;
  written_line_bytes_ += result.line_bytes;
}

// What is written is released only after it left our buffers.
void output_writer::flush() {
  out_.flush();
  errors_.flush();
  if (out_.failed_errno() != 0) stop_.stop_now(stop_request::reason::output_failed);
  counts_.released(std::exchange(written_jobs_, 0), std::exchange(written_line_bytes_, 0));
  window_.changed();
}

}  // namespace pawl_tool
