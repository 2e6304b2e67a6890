// engine/scarcity.hpp -- what a submit does that found no memory, where options::memory_bytes_max sets a budget:
// it purges dead letters, then sheds if its queue does so, each time a little, and tries again. What it gets
// by that may be of no use to it (a slot, where it lacks a block for its payload), so it does not try for ever.
#pragma once

#include "engine/core.hpp"

namespace pawl {

class scarcity {
 public:
  scarcity(core& c, thread_context& context) noexcept : core_(c), context_(context) {}

  // Gives something up for a job of that queue and band. False: there is nothing left to give up, or there
  // was enough of it; then the submit is refused.
  bool make_memory(ready_queue& queue, queue_share& share, unsigned band) noexcept;

 private:
  static constexpr unsigned shed_max = 16;
  static constexpr unsigned letters_at_once = 64;

  bool purge_letters() noexcept;

  core& core_;
  thread_context& context_;
  unsigned shed_ = 0;
};

// What take_in() refused for want of memory: once more, while something can be given up. A bulk does so itself.
submit_answer take_in_scarce(core& c, thread_context& context, queue_ref queue, kind_ref kind,
                             std::span<const std::byte> payload, const job_options& how) noexcept;

}  // namespace pawl
