// engine/handler_call.hpp -- the one place where code of the host is called, and its exceptions end.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core.hpp"
#include "job/slot.hpp"

namespace pawl {

class handler_call {
 public:
  // Calls the handler of a job that the caller has set running. What it threw has become
  // fail(error_thrown) and the text of the attempt.
  // `fits` false: the payload is not one of the kind's; the handler was not called.
  static outcome run(core& c, thread_context& thread, const running_kind& kind, slot& job,
                     job_id id, bool& fits) noexcept;

  // Asks the attempt of `id` that `thread` is making, if it still is and began at `started_ns` (0: any),
  // to stop: its stop token says so. The flag that says why has been set. May run callbacks of the
  // handler.
  static void ask_to_stop(thread_context& thread, job_id id, std::uint64_t started_ns) noexcept;

 private:
  static context make_context(core& c, thread_context& thread, slot& job, job_id id) noexcept;
};

// The payload of a job, as long as its slot lives.
std::span<const std::byte> payload_of(const core& c, const slot& job) noexcept;

}  // namespace pawl
