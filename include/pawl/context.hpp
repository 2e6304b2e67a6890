// pawl/context.hpp -- what a running handler knows of its job and may ask for.
#pragma once

#include <cstdint>

#include "pawl/export.hpp"
#include "pawl/job.hpp"

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

  // cancel() was called for this job. The handler may go on; if it returns outcome::cancelled() the
  // job is cancelled, else its real outcome stands.
  [[nodiscard]] bool cancel_requested() const noexcept;
  // stop() or the destructor has begun and waits for this handler.
  [[nodiscard]] bool stop_requested() const noexcept;

  // The scheduler that runs the job. submit() on it never blocks here, whatever the queue's policy.
  [[nodiscard]] scheduler& owner() const noexcept { return *owner_; }

 private:
  friend class handler_call;  // src/engine/handler_call.hpp
  context() noexcept = default;

  job_id id_;
  const void* word_ = nullptr;      // the job's state word
  const void* stopping_ = nullptr;  // the engine's stop flag
  scheduler* owner_ = nullptr;
  queue_ref queue_;
  kind_ref kind_;
  pawl::priority priority_ = pawl::priority::normal;
  std::uint8_t attempt_ = 0;
};

}  // namespace pawl
