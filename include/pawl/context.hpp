// pawl/context.hpp -- what a running handler knows of its job and may ask for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string_view>

#include "pawl/error.hpp"
#include "pawl/export.hpp"
#include "pawl/job.hpp"
#include "pawl/outcome.hpp"

namespace pawl {

class scheduler;

// Lives as long as the call of the handler. Use it on the handler's thread only, except
// cancel_requested() and stop_requested(), which any thread may ask while the handler runs.
class PAWL_EXPORT context {
 public:
  [[nodiscard]] job_id id() const noexcept { return id_; }
  [[nodiscard]] queue_ref queue() const noexcept { return queue_; }
  [[nodiscard]] kind_ref kind() const noexcept { return kind_; }
  [[nodiscard]] pawl::priority priority() const noexcept { return priority_; }
  // 1 for the first start.
  [[nodiscard]] unsigned attempt() const noexcept { return attempt_; }
  // How often the job took the process down while nothing else ran. Always 0 without options::directory.
  [[nodiscard]] unsigned crashes() const noexcept;

  // cancel() was called for this job. The handler may go on; if it returns outcome::cancelled() the
  // job is cancelled, else its real outcome stands.
  [[nodiscard]] bool cancel_requested() const noexcept;
  // stop() or the destructor has begun and waits for this handler. It may return
  // outcome::interrupted().
  [[nodiscard]] bool stop_requested() const noexcept;
  // It runs longer than its run_timeout. What it returns within the grace still counts.
  [[nodiscard]] bool timed_out() const noexcept;
  // Stops with the first of the three above. Made when it is first asked for, so it costs those who
  // do not use it nothing; may throw std::bad_alloc. Callbacks run on the thread that asks: keep
  // them short.
  [[nodiscard]] std::stop_token stop_token();

  // outcome::fail(kind), or dead(kind), with a text that is kept: its first 111 bytes are copied.
  [[nodiscard]] outcome fail(std::string_view text, error_kind kind = 0) noexcept;
  [[nodiscard]] outcome dead(std::string_view text, error_kind kind = 0) noexcept;

  // What the job leaves behind if this attempt completes it and its queue keeps that
  // (queue_options::keep_results): scheduler::show_result() gives it back, and after a crash as well if the job
  // is logged. Copies `bytes`. Of several calls the last one counts.
  //   errc::invalid  more than result_bytes_max
  //   errc::memory   no memory for it; what was set before is gone too
  status set_result(std::span<const std::byte> bytes) noexcept;

  // The scheduler that runs the job. submit() on it never blocks here, whatever the queue's policy.
  [[nodiscard]] scheduler& owner() const noexcept { return *owner_; }

 private:
  friend class handler_call;  // src/engine/handler_call.hpp
  context() noexcept = default;

  job_id id_;
  const void* word_ = nullptr;      // the job's state word
  const void* stopping_ = nullptr;  // the engine's stop flag
  void* attempt_cell_ = nullptr;    // what the engine keeps of this attempt
  scheduler* owner_ = nullptr;
  queue_ref queue_;
  kind_ref kind_;
  pawl::priority priority_ = pawl::priority::normal;
  std::uint8_t attempt_ = 0;
};

}  // namespace pawl
