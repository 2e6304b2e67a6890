#include "time_text.hpp"

#include <fmt/format.h>

#include <chrono>

#include "duration_text.hpp"
#include "whole_number.hpp"

namespace pawl_tool {

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t day_seconds = 86'400;

std::string seconds_text(std::uint64_t wall_ns) {
  const std::uint64_t seconds = wall_ns / second_ns;
  const std::chrono::year_month_day day{
      std::chrono::sys_days(std::chrono::days(static_cast<int>(seconds / day_seconds)))};
  const std::uint64_t of_day = seconds % day_seconds;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                     of_day / 3'600, of_day / 60 % 60, of_day % 60);
}

// Takes numbers of a fixed width off the front. After the first that is not there, none is.
class digits {
 public:
  explicit digits(std::string_view text) : rest_(text) {}

  std::uint32_t number(std::size_t width, std::uint32_t least, std::uint32_t most) {
    const auto value = rest_.size() < width
                           ? std::nullopt
                           : parse_whole_number(rest_.substr(0, width), least, most);
    ok_ = ok_ && value;
    if (!ok_) return least;
    rest_.remove_prefix(width);
    return *value;
  }
  bool skip(std::string_view any_of) {
    if (!ok_ || rest_.empty() || any_of.find(rest_.front()) == any_of.npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void need(std::string_view any_of) { ok_ = skip(any_of) && ok_; }
  // Digits behind a point, up to nine of them, as nanoseconds.
  std::uint64_t fraction_ns() {
    std::uint64_t ns = 0;
    std::uint64_t unit = second_ns;
    while (ok_ && !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9' && unit > 1) {
      unit /= 10;
      ns += unit * static_cast<unsigned>(rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    ok_ = ok_ && unit < second_ns;
    return ns;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<std::uint64_t> parse_date(std::string_view text) {
  digits d(text);
  const std::uint32_t year = d.number(4, 1970, 2200);
  d.need("-");
  const std::uint32_t month = d.number(2, 1, 12);
  d.need("-");
  const std::uint32_t day = d.number(2, 1, 31);
  std::uint64_t ns = 0;
  if (d.ok() && !d.at_end()) {
    d.need("T ");
    ns = d.number(2, 0, 23) * std::uint64_t{3'600};
    d.need(":");
    ns += d.number(2, 0, 59) * std::uint64_t{60};
    if (d.skip(":")) ns += d.number(2, 0, 60);
    ns *= second_ns;
    if (d.skip(".")) ns += d.fraction_ns();
    d.skip("Z");
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!d.ok() || !d.at_end() || !date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<std::uint64_t>(days) * day_seconds * second_ns + ns;
}

}  // namespace

std::string time_text_ms(std::uint64_t wall_ns) {
  return fmt::format("{}.{:03}Z", seconds_text(wall_ns), wall_ns % second_ns / 1'000'000);
}

std::string time_text_ns(std::uint64_t wall_ns) {
  return fmt::format("{}.{:09}Z", seconds_text(wall_ns), wall_ns % second_ns);
}

std::optional<std::uint64_t> parse_time(std::string_view text, std::uint64_t now_ns) {
  if (const auto date = parse_date(text)) return date;
  const auto ago = parse_duration(text);
  if (!ago) return std::nullopt;
  const auto ns = static_cast<std::uint64_t>(ago->count());
  return ns > now_ns ? 0 : now_ns - ns;
}

}  // namespace pawl_tool
