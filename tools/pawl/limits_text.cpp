#include "limits_text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "duration_text.hpp"
#include "printable.hpp"
#include "queue_name.hpp"
#include "whole_number.hpp"

namespace pawl_tool {

namespace {

constexpr pawl::duration per_max = std::chrono::hours(24);
constexpr std::uint32_t weight_max = 1'000;

// "250ms", or a unit alone.
std::optional<pawl::duration> parse_period(std::string_view text) {
  const bool is_unit = !text.empty() && text.front() >= 'a' && text.front() <= 'z';
  return parse_duration(is_unit ? '1' + std::string(text) : std::string(text));
}

class limits_reader {
 public:
  // The parts after the name of a queue. The first mistake, or empty.
  std::string read_parts(std::string_view text) {
    for (bool last = false; !last;) {
      const std::size_t comma = text.find(',');
      last = comma == text.npos;
      if (std::string mistake = take_part(text.substr(0, comma)); !mistake.empty()) return mistake;
      if (!last) text.remove_prefix(comma + 1);
    }
    if (burst_ && !rate_) return "a burst is for a rate";
    return {};
  }
  // A rate and its burst, the same.
  std::string read_rate(std::string_view text) {
    const std::size_t comma = text.find(',');
    if (std::string mistake = take_rate(text.substr(0, comma)); !mistake.empty()) return mistake;
    if (comma == text.npos) return {};
    const std::string_view rest = text.substr(comma + 1);
    constexpr std::string_view burst = "burst=";
    if (!rest.starts_with(burst)) return fmt::format("{} is not burst=N", printable(rest));
    return take_count("burst", rest.substr(burst.size()), UINT32_MAX, burst_);
  }

  [[nodiscard]] pawl::rate_limit rate() const {
    pawl::rate_limit r = rate_.value_or(pawl::rate_limit{});
    r.burst = burst_.value_or(1);
    return r;
  }
  [[nodiscard]] pawl::queue_options options() const {
    pawl::queue_options o;
    o.limits.concurrency = concurrency_.value_or(0);
    o.limits.rate = rate();
    o.weight = weight_.value_or(o.weight);
    return o;
  }

 private:
  std::string take_part(std::string_view part) {
    const std::size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const std::string_view value = equals == part.npos ? "" : part.substr(equals + 1);
    if (name == "rate") return take_rate(value);
    if (name == "concurrency") return take_count(name, value, UINT32_MAX, concurrency_);
    if (name == "burst") return take_count(name, value, UINT32_MAX, burst_);
    if (name == "weight") return take_count(name, value, weight_max, weight_);
    return fmt::format("{} is none of concurrency=N, rate=COUNT/TIME, burst=N, weight=N",
                       printable(part));
  }

  static std::string take_count(std::string_view name, std::string_view value, std::uint32_t most,
                                std::optional<std::uint32_t>& into) {
    if (into) return fmt::format("{} is there twice", name);
    into = parse_whole_number(value, 1, most);
    if (into) return {};
    return fmt::format("{} {} is not a number from 1 to {}", name, printable(value), most);
  }

  std::string take_rate(std::string_view value) {
    if (rate_) return "rate is there twice";
    const std::size_t slash = value.find('/');
    const auto starts = parse_whole_number(value.substr(0, slash), 1, UINT32_MAX);
    const auto per = slash == value.npos ? std::nullopt : parse_period(value.substr(slash + 1));
    if (!starts || !per) {
      return fmt::format("{} is not COUNT/TIME, such as 50/s", printable(value));
    }
    if (*per > per_max) return fmt::format("{} is above 24 hours", printable(value));
    if (static_cast<std::uint64_t>(per->count()) < *starts) {
      return fmt::format("{} is more than one start in a nanosecond", printable(value));
    }
    rate_ = pawl::rate_limit{*starts, *per, 1};
    return {};
  }

  std::optional<std::uint32_t> concurrency_;
  std::optional<pawl::rate_limit> rate_;
  std::optional<std::uint32_t> burst_;
  std::optional<std::uint32_t> weight_;
};

}  // namespace

parsed<pawl::rate_limit> parse_rate(std::string_view text) {
  limits_reader reader;
  std::string mistake = reader.read_rate(text);
  if (!mistake.empty()) return {std::nullopt, std::move(mistake)};
  return {reader.rate(), {}};
}

parsed<named_queue> parse_queue(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (!is_queue_name(name)) {
    return {std::nullopt, fmt::format("{} is no name: {}", printable(name), queue_name_rule)};
  }
  limits_reader reader;
  std::string mistake =
      colon == text.npos ? std::string() : reader.read_parts(text.substr(colon + 1));
  if (!mistake.empty()) return {std::nullopt, std::move(mistake)};
  return {named_queue{std::string(name), reader.options()}, {}};
}

}  // namespace pawl_tool
