#include "engine/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "job/payload_arena.hpp"

namespace pawl {

namespace {

constexpr std::uint64_t jobs_max_limit = 100'000'000;
constexpr std::uint32_t dead_limit = 10'000'000;
constexpr unsigned blocking_limit = 4096;
constexpr duration longest = std::chrono::hours(24 * 365);

failure out_of_range(std::string_view option) {
  return {errc::invalid, 0, option};
}

bool is_duration(duration d) {
  return d >= duration(0) && d <= longest;
}

}  // namespace

machine this_machine() noexcept {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  machine m;
  m.processors = std::max(1u, std::thread::hardware_concurrency());
  if (pages > 0 && page_bytes > 0) {
    m.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  }
  return m;
}

result<core_settings> settle(const options& wanted, const machine& m) noexcept {
  if (wanted.drains > eventcount::sleepers_max) return out_of_range("options.drains");
  if (wanted.jobs_max == 0 || wanted.jobs_max > jobs_max_limit) {
    return out_of_range("options.jobs_max");
  }
  if (wanted.payload_bytes_max > payload_arena::payload_bytes_max) {
    return out_of_range("options.payload_bytes_max");
  }
  if (wanted.dead_in_memory > dead_limit) return out_of_range("options.dead_in_memory");
  if (wanted.blocking_threads_max == 0 || wanted.blocking_threads_max > blocking_limit) {
    return out_of_range("options.blocking_threads_max");
  }
  if (!is_duration(wanted.blocking_idle)) return out_of_range("options.blocking_idle");
  if (!is_duration(wanted.spin)) return out_of_range("options.spin");
  if (!is_duration(wanted.ageing)) return out_of_range("options.ageing");
  if (!is_duration(wanted.stop_deadline)) return out_of_range("options.stop_deadline");

  core_settings s;
  s.given = wanted;
  s.drains = wanted.drains != 0 ? wanted.drains : std::min(m.processors, eventcount::sleepers_max);
  const std::uint64_t quarter = m.memory_bytes != 0 ? m.memory_bytes / 4 : std::uint64_t{1} << 30;
  s.given.jobs_max = std::clamp<std::uint64_t>(wanted.jobs_max, 1,
                                               std::max<std::uint64_t>(quarter / slot_bytes, 1));
  if (wanted.payload_memory_bytes_max == 0) s.given.payload_memory_bytes_max = quarter;
  // Beside the jobs alive: the dead that are kept, and free slots lying in two magazines of each
  // context there may be.
  const std::uint32_t contexts =
      context_office::application_contexts_max + 2 + s.drains + wanted.blocking_threads_max;
  s.magazines = 2 * contexts;
  s.slots = static_cast<std::uint32_t>(s.given.jobs_max + wanted.dead_in_memory +
                                       contexts * (std::uint64_t{2} * magazine_slots + 1));
  return s;
}

status check_options(const queue_options& wanted) noexcept {
  if (wanted.jobs_max == 0 || wanted.jobs_max > jobs_max_limit) {
    return out_of_range("queue_options.jobs_max");
  }
  if (wanted.weight == 0 || wanted.weight > 1000) return out_of_range("queue_options.weight");
  if (!is_duration(wanted.block_for)) return out_of_range("queue_options.block_for");
  if (static_cast<unsigned>(wanted.when_full) > static_cast<unsigned>(when_full::shed)) {
    return out_of_range("queue_options.when_full");
  }
  return std::monostate{};
}

status check_queue(std::string_view name, const queue_options& wanted) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (name.empty() || name.size() > 128 || !std::all_of(name.begin(), name.end(), allowed)) {
    return out_of_range("queue.name");
  }
  return check_options(wanted);
}

}  // namespace pawl
