#include "backoff_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "duration_text.hpp"
#include "printable.hpp"
#include "whole_number.hpp"

namespace pawl_tool {

namespace {

using shape = pawl::backoff::shape;

constexpr pawl::duration time_max = std::chrono::hours(24 * 365);
constexpr unsigned factor_max = 1'000;

constexpr std::pair<std::string_view, shape> shapes[] = {{"fixed", shape::fixed},
                                                         {"linear", shape::linear},
                                                         {"exp", shape::exponential},
                                                         {"table", shape::table}};
constexpr std::pair<std::string_view, pawl::jitter> jitters[] = {
    {"none", pawl::jitter::none},
    {"full", pawl::jitter::full},
    {"equal", pawl::jitter::equal},
    {"decorrelated", pawl::jitter::decorrelated}};

class backoff_reader {
 public:
  // The first mistake, or empty.
  std::string read(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon != text.npos && !take_shape(text.substr(0, colon))) {
      return fmt::format("{} is none of fixed, linear, exp, table",
                         printable(text.substr(0, colon)));
    }
    std::string_view rest = colon == text.npos ? text : text.substr(colon + 1);
    for (bool last = false; !last;) {
      const std::size_t comma = rest.find(',');
      last = comma == rest.npos;
      if (std::string mistake = take_part(rest.substr(0, comma)); !mistake.empty()) return mistake;
      if (!last) rest.remove_prefix(comma + 1);
    }
    return judge();
  }

  [[nodiscard]] pawl::backoff value() const {
    pawl::backoff b;
    b.form = form_;
    b.jitter =
        jitter_.value_or(form_ == shape::exponential ? pawl::jitter::equal : pawl::jitter::none);
    b.factor = static_cast<std::uint16_t>(factor_.value_or(2));
    b.base = times_[0];
    b.cap = cap_.value_or(std::max(pawl::duration(std::chrono::minutes(5)), b.base));
    if (form_ == shape::fixed) b.cap = b.base;
    if (form_ == shape::table) {
      b.base = pawl::duration(0);
      b.cap = *std::max_element(times_.begin(), times_.begin() + count_);
      b.delays = times_;
      b.table_count = static_cast<std::uint8_t>(count_);
    }
    return b;
  }

 private:
  bool take_shape(std::string_view name) {
    for (const auto& [known, form] : shapes) {
      if (known == name) return form_ = form, true;
    }
    return false;
  }

  std::string take_part(std::string_view part) {
    if (part.empty()) return "a part of it is empty";
    if (part.starts_with("cap=")) return take_cap(part);
    if (part.starts_with("jitter=")) return take_jitter(part);
    if (part.front() == 'x') return take_factor(part);
    const auto time = parse_duration(part);
    if (!time || *time > time_max) {
      return fmt::format("{} is no TIME of at most a year, no xN, cap=TIME or jitter=NAME",
                         printable(part));
    }
    if (count_ == (form_ == shape::table ? times_.size() : 1)) {
      return form_ == shape::table ? "a table has at most 8 times" : "it has one time too many";
    }
    times_[count_++] = *time;
    return {};
  }

  std::string take_cap(std::string_view part) {
    if (cap_) return "cap is there twice";
    cap_ = parse_duration(part.substr(4));
    if (cap_ && *cap_ <= time_max) return {};
    return fmt::format("{} is not a time of at most a year", printable(part.substr(4)));
  }

  std::string take_jitter(std::string_view part) {
    if (jitter_) return "jitter is there twice";
    for (const auto& [known, value] : jitters) {
      if (known == part.substr(7)) jitter_ = value;
    }
    if (jitter_) return {};
    return fmt::format("jitter {} is none of none, full, equal, decorrelated",
                       printable(part.substr(7)));
  }

  std::string take_factor(std::string_view part) {
    if (factor_) return "the factor is there twice";
    factor_ = parse_whole_number(part.substr(1), 1, factor_max);
    if (factor_) return {};
    return fmt::format("{} is not a factor from x1 to x1000", printable(part));
  }

  // What can be judged only when all of it is known.
  [[nodiscard]] std::string judge() const {
    const bool grows = form_ == shape::linear || form_ == shape::exponential;
    if (count_ == 0) return "it has no time";
    if (factor_ && form_ != shape::exponential) return "a factor is for exp";
    if (cap_ && !grows) return "a cap is for linear and exp";
    if (cap_ && *cap_ < times_[0]) return "the cap is shorter than the first delay";
    if (jitter_ == pawl::jitter::decorrelated && !grows) {
      return "jitter decorrelated is for linear and exp";
    }
    return {};
  }

  shape form_ = shape::fixed;
  std::array<pawl::duration, pawl::backoff::table_max> times_{};
  std::size_t count_ = 0;
  std::optional<unsigned> factor_;
  std::optional<pawl::duration> cap_;
  std::optional<pawl::jitter> jitter_;
};

}  // namespace

parsed<pawl::backoff> parse_backoff(std::string_view text) {
  backoff_reader reader;
  std::string mistake = reader.read(text);
  if (!mistake.empty()) return {std::nullopt, std::move(mistake)};
  return {reader.value(), {}};
}

}  // namespace pawl_tool
