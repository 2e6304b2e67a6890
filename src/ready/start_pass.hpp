// ready/start_pass.hpp -- what a thread has found out about gates, for its next jobs of the same scopes.
//
// A job that has gone its way through all gates (engine/gating.cpp) leaves a pass to the thread. The next
// job of the same queue, kind and tenant needs no look at each gate: the thread still holds the permits,
// and whoever changes what a start has to heed (closes a kind or tenant, sets limits, opens a breaker)
// counts that in one word afterwards (core::gating), which every start reads anyway.
//
// Roles       all of it: the one thread that has it.
// State       field     written by   read by     order
//             the word  changers     starters    seq_cst: a changer changes, then counts; who sees the
//                                                count sees the change
// Invariants  I1  A pass that lets() a job start was given by looks at its gates after the change that the
//                 word counted last. So a closer that counts, calls membarrier(2) and waits for the lines
//                 of the board (board.hpp) finds that no start passes its gate any more.
//             I2  The thread holds a permit of each of the pass's scopes that has a limit: who gives one
//                 back closes the pass first. Where a scope has a rate the thread has starts of it at
//                 hand (start_rates.hpp), and each job uses one.
//             I3  Nobody who waits in a line is overtaken for longer than by the looks at the line: they
//                 are made for each job.
//
// Checked by tests/model/pass_model.cpp, tests/sim/limits_sim_test.cpp.
#pragma once

#include <cstdint>

#include "ready/start_gate.hpp"
#include "ready/start_rates.hpp"

namespace pawl {

class start_pass {
 public:
  // `scopes`: a number for the queue, kind and tenant of the job; not `nothing`.
  static constexpr std::uint64_t nothing = UINT64_MAX;

  // `changes`: the word, as it was read after begin_start(). True: the job starts, and is counted.
  [[nodiscard]] bool lets(std::uint64_t scopes, std::uint64_t changes, held_starts& held,
                          std::uint64_t now_ns) const noexcept {
    return scopes_ == scopes && changes_ == changes && !kind_->has_waiting() &&
           (tenant_ == nullptr || !tenant_->has_waiting()) &&
           (!is_counted_ || held.use_next(now_ns));
  }
  // `changes`: as it was read before the looks at the gates. `tenant`: may be null. `is_counted`: a scope
  // has a rate, and the thread holds starts.
  void give(std::uint64_t scopes, std::uint64_t changes, const start_gate* kind,
            const start_gate* tenant, bool is_counted) noexcept {
    scopes_ = scopes;
    is_counted_ = is_counted;
    changes_ = changes;
    kind_ = kind;
    tenant_ = tenant;
  }
  void close() noexcept { scopes_ = nothing; }

 private:
  std::uint64_t scopes_ = nothing;
  std::uint64_t changes_ = 0;
  const start_gate* kind_ = nullptr;
  const start_gate* tenant_ = nullptr;
  bool is_counted_ = false;
};

}  // namespace pawl
