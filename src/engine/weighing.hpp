// engine/weighing.hpp -- the payload bytes that jobs have of the bounds in bytes.
//
// A queue counts the bytes of its jobs from when it has a bound, or its scheduler has one; a job whose bytes
// are counted is weighed, says a flag of its word, and whoever ends it gives them back. The scheduler's own
// bound is there from the start, so of a job that is weighed its bytes are counted too. A job without payload
// weighs nothing.
//
// A queue that gets its first bound while it has jobs weighs them one by one (weigh_all). Nobody waits:
//   submitter   looks whether the queue counts, unless it has a credit set aside; if so takes the bytes and
//               marks the free slot; makes the job live; pushes it; looks again, and if the queue counts by
//               now weighs the job itself.
//   weigher     says that the queue counts; calls back what is set aside, and nothing will be any more; calls
//               membarrier(2); weighs all live jobs of the queue.
// A submitter that did not see it in its second look had made its job live before the barrier, so the weigher
// finds it. Where membarrier is refused, each submitter has a read-modify-write of its own between the two:
// the announcement of its push, else order_looks().
//
// Invariants  I1  The bytes are added first, then the mark is set by a swap from the word of the live job;
//                 who fails takes them back. The mark says whose the bytes are: of two that weigh a job one
//                 gets it, and an end sees it, or it sees the end.
//             I2  A live job of a queue that counts is weighed once its submit and the weigher have returned.
//
// Checked by tests/engine/bytes_test.cpp, bytes_model_test.cpp, tests/model/weighing_model.cpp.
#pragma once

#include <cstdint>
#include <span>

#include "base/membarrier.hpp"
#include "engine/core.hpp"

namespace pawl {

inline std::uint64_t payload_bytes(const core& c, const slot& job) noexcept {
  const std::uint32_t payload = job.payload;
  return payload_arena::is_reference(payload) ? c.payloads.bytes(payload).size() : payload;
}

// reject::queue_full, scheduler_full: they do not fit.
inline reject take_bytes(core& c, ready_queue& queue, std::uint64_t bytes) noexcept {
  if (!queue.bytes().take(bytes)) return reject::queue_full;
  if (c.bytes.bound() == 0 || c.bytes.take(bytes)) return reject::none;
  queue.bytes().give(bytes);
  return reject::scheduler_full;
}

inline void give_bytes(core& c, ready_queue& queue, std::uint64_t bytes) noexcept {
  queue.bytes().give(bytes);
  if (c.bytes.bound() != 0) c.bytes.give(bytes);
}

// A submitter's, between making its job live and its second look, if it announces no push.
inline void order_second_look(const core& c, ready_queue& queue) noexcept {
  if (c.asymmetric) {
    compiler_barrier();
  } else {
    queue.order_looks();
  }
}

// Weighs whatever job lives in that slot, if its queue counts and nobody else has.
void weigh(core& c, std::uint32_t slot_index) noexcept;

// The same for jobs whose places were pushed.
void weigh_places(core& c, std::span<const std::uint64_t> places) noexcept;

// After the queue was told to count: all its jobs that are live. Takes the time to look at every slot in
// use. One caller at a time.
void weigh_all(core& c, ready_queue& queue) noexcept;

}  // namespace pawl
