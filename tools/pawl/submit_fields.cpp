#include "submit_fields.hpp"

#include <limits>
#include <utility>

namespace pawl_tool {

namespace {

// In the largest unit that has no remainder.
std::string exact_time(pawl::duration d) {
  const auto ns = static_cast<std::uint64_t>(d.count());
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 6> units{{
      {3'600'000'000'000, "h"},
      {60'000'000'000, "m"},
      {1'000'000'000, "s"},
      {1'000'000, "ms"},
      {1'000, "us"},
      {1, "ns"},
  }};
  for (const auto& [size, unit] : units) {
    if (ns != 0 && ns % size == 0) return fmt::format("{}{}", ns / size, unit);
  }
  return "0s";
}

}  // namespace

std::uint64_t wall_of_boot(std::uint64_t boot_ns, const pawl::boot_moment& written) noexcept {
  if (boot_ns < written.boot_ns) {
    const std::uint64_t before = written.boot_ns - boot_ns;
    return written.wall_ns > before ? written.wall_ns - before : 0;
  }
  const std::uint64_t after = boot_ns - written.boot_ns;
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  return after > most - written.wall_ns ? most : written.wall_ns + after;
}

std::uint64_t wall_of(pawl::clock_time t, const pawl::boot_moment& written) noexcept {
  return t.clock == pawl::clock_name::wall ? t.ns : wall_of_boot(t.ns, written);
}

std::string text_of(const pawl::backoff& b) {
  using shape = pawl::backoff::shape;
  constexpr std::array<std::string_view, 4> jitters{"none", "full", "equal", "decorrelated"};
  std::string text;
  if (b.form == shape::table) {
    text = "table:";
    for (std::size_t i = 0; i < b.table_count; ++i)
      text += (i == 0 ? "" : ",") + exact_time(b.delays[i]);
  } else if (b.form == shape::fixed) {
    text = "fixed:" + exact_time(b.base);
  } else {
    text = (b.form == shape::linear ? "linear:" : "exp:") + exact_time(b.base);
    if (b.form == shape::exponential) text += fmt::format(",x{}", b.factor);
    text += ",cap=" + exact_time(b.cap);
  }
  return text + ",jitter=" + std::string(jitters[static_cast<std::size_t>(b.jitter)]);
}

std::string text_of(const pawl::key_hash& hash) {
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

std::string_view name_of(pawl::unique_scope scope) noexcept {
  constexpr std::array<std::string_view, 3> names{"queue", "kind", "scheduler"};
  return names[static_cast<std::size_t>(scope)];
}

}  // namespace pawl_tool
