// job/extra.hpp -- what few jobs have: own limits, a unique key, and the errors of failed attempts. Kept
// in blocks of the payload arena; slot::extra refers to one.
//
// Written by the holder of the free slot and by the thread that runs the job; read by the latter, and
// by whoever owns the job's terminal word. Nobody else may look: the block goes with the job.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/key_hash.hpp"
#include "pawl/retry.hpp"
#include "pawl/unique.hpp"

namespace pawl {

inline constexpr std::uint32_t errors_kept = 4;
inline constexpr std::size_t error_text_bytes = 111;

struct error_entry {
  std::uint64_t at_ns;
  std::uint64_t version;  // of the job after it
  error_kind kind;
  std::uint8_t attempt;
  std::uint8_t text_bytes;
  char text[error_text_bytes + 1];
};

// The last errors, in a ring.
struct error_history {
  std::uint32_t count = 0;  // of all there were
  std::array<error_entry, errors_kept> entries{};

  void add(std::uint64_t at_ns, std::uint64_t version, unsigned attempt, error_kind kind,
           std::string_view text) noexcept {
    error_entry& e = entries[count++ % errors_kept];
    e.at_ns = at_ns;
    e.version = version;
    e.kind = kind;
    e.attempt = static_cast<std::uint8_t>(attempt);
    e.text_bytes = static_cast<std::uint8_t>(text.copy(e.text, error_text_bytes));
  }
  // Null: there is none.
  [[nodiscard]] const error_entry* last() const noexcept {
    return count == 0 ? nullptr : &entries[(count - 1) % errors_kept];
  }
  // Calls f(entry), oldest first.
  template <class F>
  void for_each(F f) const {
    const std::uint32_t first = count > errors_kept ? count - errors_kept : 0;
    for (std::uint32_t i = first; i < count; ++i) f(entries[i % errors_kept]);
  }
};

struct job_extra {
  std::uint64_t run_timeout_ns = 0;  // 0: the kind's
  key_hash key;                      // if it is unique; as submitted, whoever holds the key
  std::uint32_t history = 0;         // reference to an error_history; 0: none
  bool has_backoff = false;          // else the kind's
  bool is_unique = false;
  std::uint8_t crashes = 0;  // while it ran alone
  unique_until until = unique_until::finished;
  pawl::backoff backoff;
};

static_assert(std::is_trivially_copyable_v<error_history>);
static_assert(std::is_trivially_copyable_v<job_extra> && sizeof(job_extra) <= 120,
              "it should fit into the smallest block");

}  // namespace pawl
