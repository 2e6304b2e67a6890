// policy/commit.hpp -- when what was published is collected into a cut and written, as a pure function.
//
// With nothing under way there is nothing to wait for: the first publish is written at once, alone. While a
// write is under way others gather, so that the next takes many; but none waits longer than `patience`, and
// enough of them to fill a good frame go at once. Group commit as in D. DeWitt et al., "Implementation
// Techniques for Main Memory Database Systems" (1984).
#pragma once

#include <cstdint>

namespace pawl {

// What waits may be wanted durable (somebody waits for it), or soon (it may be lost with the machine).
struct commit_rule {
  std::uint64_t durable_patience_ns = 200'000;
  std::uint64_t durable_bytes = 64u << 10;
  std::uint64_t relaxed_patience_ns = 1'000'000;
  std::uint64_t relaxed_bytes = 256u << 10;
};

struct commit_sight {
  std::uint64_t bytes = 0;       // published and not collected
  std::uint64_t waiting_ns = 0;  // since the collector first saw the oldest of them
  bool wants_durable = false;
  bool is_writing = false;  // a frame or a sync is under way
  bool has_buffer = false;  // another frame could be started
};

struct commit_decision {
  bool collect = false;
  std::uint64_t wait_ns =
      0;  // else look again after so long, or when something ends; 0: when something comes
};

constexpr commit_decision decide_commit(const commit_rule& rule,
                                        const commit_sight& seen) noexcept {
  if (seen.bytes == 0) return {};
  const std::uint64_t patience =
      seen.wants_durable ? rule.durable_patience_ns : rule.relaxed_patience_ns;
  const std::uint64_t enough = seen.wants_durable ? rule.durable_bytes : rule.relaxed_bytes;
  const bool is_due = seen.waiting_ns >= patience || seen.bytes >= enough;
  const bool is_idle = seen.wants_durable && !seen.is_writing;
  if (seen.has_buffer && (is_due || is_idle)) return {.collect = true};
  // Without a buffer only an end helps, which wakes the collector by itself.
  return {.wait_ns = seen.waiting_ns >= patience ? patience : patience - seen.waiting_ns};
}

}  // namespace pawl
