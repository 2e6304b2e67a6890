#include "engine/messages.hpp"

#include <cstdio>

namespace pawl {

namespace {
constexpr std::size_t message_bytes_max = 512;
constexpr unsigned lines_per_second_max = 10;

const char* name_of(log_level level) {
  switch (level) {
    case log_level::info:
      return "info";
    case log_level::warning:
      return "warning";
    case log_level::error:
      return "error";
  }
  return "?";
}
}  // namespace

void messages::say(log_level level, std::string_view event, std::string_view message,
                   job_id job) noexcept {
  const log_record record{level, event, message.substr(0, message_bytes_max), job};
  if (sink_.write != nullptr) {
    sink_.write(sink_.user, record);
  } else if (level != log_level::info) {
    print(record);
  }
}

void messages::print(const log_record& r) noexcept {
  const std::uint64_t second = clock_.boot_ns() / 1'000'000'000u;
  if (second_.exchange(second, relaxed) != second) lines_in_second_.store(0, relaxed);
  const unsigned before = lines_in_second_.fetch_add(1, relaxed);
  if (before >= lines_per_second_max) return;
  const char* more = before + 1 == lines_per_second_max ? " (more of this second is left out)" : "";
  std::fprintf(stderr, "pawl: %s: %.*s: %.*s%s\n", name_of(r.level),
               static_cast<int>(r.event.size()), r.event.data(), static_cast<int>(r.message.size()),
               r.message.data(), more);
}

}  // namespace pawl
