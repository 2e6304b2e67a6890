// engine/handler_call.hpp -- the one place where code of the host is called, and its exceptions end.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core.hpp"
#include "job/slot.hpp"

namespace pawl {

// What a call of a handler has come to.
struct verdict {
  job_event event;  // done, die or cancel
  dead_cause cause = dead_cause::none;
};

class handler_call {
 public:
  // Calls the handler of a job that the caller has set running.
  static verdict run(core& c, const registry::entry& kind, slot& job, job_id id) noexcept;

 private:
  static context make_context(core& c, slot& job, job_id id) noexcept;
};

// The payload of a job, as long as its slot lives.
std::span<const std::byte> payload_of(const core& c, const slot& job) noexcept;

}  // namespace pawl
