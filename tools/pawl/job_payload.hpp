// job_payload.hpp -- the payload of a job: a head of 16 bytes, then the bytes of its line.
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

struct payload_head {
  std::uint64_t sequence = 0;     // of the line in the input, from 0
  std::int64_t submitted_ns = 0;  // steady clock
};
static_assert(sizeof(payload_head) + line_bytes_max == std::size_t{1} << 20);

inline std::int64_t steady_now_ns() noexcept {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline void append_payload(std::vector<std::byte>& to, const payload_head& head,
                           std::string_view line) {
  const auto* head_bytes = reinterpret_cast<const std::byte*>(&head);
  const auto* line_bytes = reinterpret_cast<const std::byte*>(line.data());
  to.insert(to.end(), head_bytes, head_bytes + sizeof head);
  to.insert(to.end(), line_bytes, line_bytes + line.size());
}

inline payload_head head_of(std::span<const std::byte> payload) noexcept {
  payload_head head;
  std::memcpy(&head, payload.data(), sizeof head);
  return head;
}

inline std::string_view line_of(std::span<const std::byte> payload) noexcept {
  return {reinterpret_cast<const char*>(payload.data()) + sizeof(payload_head),
          payload.size() - sizeof(payload_head)};
}

}  // namespace pawl_tool
