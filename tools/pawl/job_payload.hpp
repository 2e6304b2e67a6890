// job_payload.hpp -- the payload of a job: a head of 16 bytes, the timeout where the job has one of
// its own, then the bytes of its text.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "settings.hpp"

namespace pawl_tool {

inline constexpr std::uint64_t sequence_mask = ~std::uint64_t{0} >> 2;

struct payload_head {
  std::uint64_t sequence : 62 = 0;  // of the line in the input, from 0
  std::uint64_t has_timeout : 1 = 0;
  std::uint64_t is_words : 1 = 0;  // see job_input
  std::int64_t due_ns = 0;         // steady clock: when it was submitted, and --after
};
// A line of --jsonl is always longer than its text with a timeout.
static_assert(sizeof(payload_head) + line_bytes_max == std::size_t{1} << 20);

struct payload {
  payload_head head;
  std::chrono::nanoseconds timeout{0};  // 0: that of the run
  std::string_view text;
  std::size_t body_bytes = 0;  // without the head
};

inline std::int64_t steady_now_ns() noexcept {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Returns how many bytes that were.
inline std::size_t append_payload(std::vector<std::byte>& to, payload_head head,
                                  std::chrono::nanoseconds timeout, std::string_view text) {
  const std::size_t before = to.size();
  const auto append = [&](const void* from, std::size_t count) {
    const auto* bytes = static_cast<const std::byte*>(from);
    to.insert(to.end(), bytes, bytes + count);
  };
  head.has_timeout = timeout.count() != 0 ? 1 : 0;
  append(&head, sizeof head);
  const std::int64_t timeout_ns = timeout.count();
  if (timeout_ns != 0) append(&timeout_ns, sizeof timeout_ns);
  append(text.data(), text.size());
  return to.size() - before;
}

inline payload read_payload(std::span<const std::byte> bytes) noexcept {
  payload got;
  std::memcpy(&got.head, bytes.data(), sizeof got.head);
  std::span<const std::byte> rest = bytes.subspan(sizeof got.head);
  got.body_bytes = rest.size();
  if (got.head.has_timeout != 0) {
    std::int64_t timeout_ns = 0;
    std::memcpy(&timeout_ns, rest.data(), sizeof timeout_ns);
    got.timeout = std::chrono::nanoseconds(timeout_ns);
    rest = rest.subspan(sizeof timeout_ns);
  }
  got.text = {reinterpret_cast<const char*>(rest.data()), rest.size()};
  return got;
}

}  // namespace pawl_tool
