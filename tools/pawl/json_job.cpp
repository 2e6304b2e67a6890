#include "json_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "duration_text.hpp"
#include "kind.hpp"
#include "printable.hpp"
#include "priority_text.hpp"
#include "queue_name.hpp"

namespace pawl_tool {

namespace {

using nlohmann::json;

enum class member { kind, payload, queue, priority, delay, timeout, attempts, lane };
constexpr std::string_view member_names[] = {
    "kind", "payload", "queue", "priority", "delay", "timeout", "attempts"};  // lane's is a setting

// Goes over the line and keeps account of how far the parser has read.
class counting_iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  counting_iterator(const char* at, const char*& read_up_to) : at_(at), read_up_to_(&read_up_to) {}
  reference operator*() const { return *at_; }
  counting_iterator& operator++() {
    *read_up_to_ = ++at_;
    return *this;
  }
  counting_iterator operator++(int) {
    const counting_iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const counting_iterator& other) const { return at_ == other.at_; }
  bool operator!=(const counting_iterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** read_up_to_;
};

// The library's text without its number, its own position, and the bytes it has read last, which are
// a stranger's.
std::string plain_text(const std::string& what) {
  std::string_view text = what;
  const auto drop_through = [&](std::string_view front, std::string_view end) {
    if (!text.starts_with(front)) return;
    const std::size_t at = text.find(end);
    if (at != text.npos) text.remove_prefix(at + end.size());
  };
  drop_through("[json.exception.", "] ");
  drop_through("parse error", ": ");
  drop_through("syntax error while parsing ", "parsing ");
  return "not JSON: " + std::string(text.substr(0, text.find("; last read: ")));
}

// Takes what the parser finds. Every function returns false once there is a mistake, which ends the
// parsing.
class line_taker final : public nlohmann::json_sax<json> {
 public:
  line_taker(std::string_view line, std::string_view lane_member, job_order& order,
             std::string& payload)
      : line_(line),
        lane_member_(lane_member),
        read_up_to_(line.data()),
        order_(order),
        payload_(payload) {}

  const char*& read_up_to() { return read_up_to_; }
  [[nodiscard]] bool has_kind() const { return given(member::kind); }
  [[nodiscard]] bool has_payload() const { return given(member::payload); }
  [[nodiscard]] std::uint64_t payload_column() const { return payload_column_; }
  [[nodiscard]] std::uint64_t kind_column() const { return kind_column_; }
  [[nodiscard]] std::optional<line_mistake> take_mistake() { return std::move(mistake_); }

  bool null() override { return is_wrong("null"); }
  bool boolean(bool) override { return is_wrong("true or false"); }
  bool number_integer(number_integer_t value) override {
    if (is_lane()) return take_lane(std::to_string(value));
    return take_number(static_cast<double>(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (is_lane()) return take_lane(std::to_string(value));
    return take_number(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return take_number(value); }
  bool binary(binary_t&) override { return is_wrong("binary"); }

  bool string(string_t& text) override {
    if (!open_) return is_wrong("a string");
    if (text.find('\0') != text.npos) return complain("a string holds \\u0000");
    if (in_array_) {
      payload_.append(text).push_back('\0');
      return go_on();
    }
    switch (now_) {
      case member::kind:
        kind_column_ = column();
        return take_kind(text);
      case member::payload:
        payload_column_ = column();
        payload_ = text;
        return go_on();
      case member::queue:
        if (!is_queue_name(text)) return complain("queue: " + std::string(queue_name_rule));
        order_.queue = text;
        return go_on();
      case member::priority:
        return take_priority(text);
      case member::delay:
      case member::timeout:
        return take_time(parse_duration(text), printable(text));
      case member::lane:
        return take_lane(text);
      case member::attempts:
        break;
    }
    return is_wrong("a string");
  }

  bool start_object(std::size_t) override {
    if (open_) return is_wrong("an object");
    open_ = true;
    return go_on();
  }
  bool end_object() override { return go_on(); }

  bool key(string_t& name) override {
    const auto known = std::find(std::begin(member_names), std::end(member_names), name);
    const bool is_lane = !lane_member_.empty() && name == lane_member_;
    if (known == std::end(member_names) && !is_lane) {
      return complain("unknown key " + printable(name));
    }
    now_ = is_lane ? member::lane : static_cast<member>(known - std::begin(member_names));
    if (given(now_)) return complain(printable(name) + " is there twice");
    given_ |= 1U << static_cast<unsigned>(now_);
    return go_on();
  }

  bool start_array(std::size_t) override {
    if (!open_ || in_array_ || now_ != member::payload) return is_wrong("an array");
    in_array_ = true;
    payload_column_ = column();
    payload_.clear();
    order_.is_words = true;
    return go_on();
  }
  bool end_array() override {
    in_array_ = false;
    return go_on();
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception& why) override {
    mistake_ = {position == 0 ? 1 : position, "malformed", plain_text(why.what())};
    return false;
  }

 private:
  [[nodiscard]] bool given(member which) const {
    return (given_ >> static_cast<unsigned>(which) & 1U) != 0;
  }

  // Of the token that is being taken: the first byte after the last one that is more than space or
  // punctuation.
  [[nodiscard]] std::uint64_t column() const {
    const std::size_t at = line_.find_first_not_of(" \t\r\n,:", taken_up_to_);
    return (at == line_.npos ? line_.size() : at) + 1;
  }

  bool go_on() {
    taken_up_to_ = static_cast<std::size_t>(read_up_to_ - line_.data());
    return true;
  }
  bool complain(std::string error) {
    mistake_ = {column(), "malformed", std::move(error)};
    return false;
  }

  bool is_wrong(std::string_view what) {
    if (!open_) return complain(fmt::format("a job is an object, not {}", what));
    if (in_array_) return complain(fmt::format("payload: an array of strings, not {}", what));
    constexpr std::string_view wanted[] = {
        "a string", "a string or an array of strings", "a string",
        "a string", "a string or a number of seconds", "a string or a number of seconds",
        "a number", "a string or a whole number"};
    const auto i = static_cast<std::size_t>(now_);
    const std::string name =
        now_ == member::lane ? printable(lane_member_) : std::string(member_names[i]);
    return complain(fmt::format("{}: {}, not {}", name, wanted[i], what));
  }

  [[nodiscard]] bool is_lane() const { return open_ && !in_array_ && now_ == member::lane; }
  bool take_lane(std::string key) {
    order_.lane = std::move(key);
    return go_on();
  }

  bool take_kind(std::string_view text) {
    for (const kind_name known : all_kinds) {
      if (name(known) != text) continue;
      order_.kind = known;
      return go_on();
    }
    return complain(fmt::format("kind: {} is none of digest, exec, noop, sleep", printable(text)));
  }

  bool take_priority(std::string_view text) {
    const auto found = parse_priority(text);
    if (!found) return complain(fmt::format("priority: there is no {}", printable(text)));
    order_.priority = *found;
    return go_on();
  }

  bool take_number(double value) {
    if (!open_ || in_array_) return is_wrong("a number");
    if (now_ == member::delay || now_ == member::timeout) {
      return take_time(duration_of_seconds(value), fmt::format("{}", value));
    }
    if (now_ != member::attempts) return is_wrong("a number");
    const auto whole = value >= 1 && value <= 255 ? static_cast<unsigned>(value) : 0U;
    if (whole == 0 || static_cast<double>(whole) != value) {
      return complain("attempts: a whole number from 1 to 255");
    }
    order_.attempts = whole;
    return go_on();
  }

  bool take_time(std::optional<std::chrono::nanoseconds> time, const std::string& shown) {
    const auto i = static_cast<std::size_t>(now_);
    if (!time) {
      return complain(fmt::format("{}: {} is not a time from 0 to 100 years, such as \"1.5s\"",
                                  member_names[i], shown));
    }
    if (now_ == member::delay) {
      order_.after = *time;
      return go_on();
    }
    if (time->count() == 0) return complain("timeout: it must be more than 0");
    order_.timeout = *time;
    return go_on();
  }

  const std::string_view line_;
  const std::string_view lane_member_;
  const char* read_up_to_;
  std::size_t taken_up_to_ = 0;
  job_order& order_;
  std::string& payload_;
  bool open_ = false;  // inside the object
  bool in_array_ = false;
  member now_ = member::kind;
  unsigned given_ = 0;
  std::uint64_t payload_column_ = 1;
  std::uint64_t kind_column_ = 1;
  std::optional<line_mistake> mistake_;
};

bool has_place(const std::vector<std::string>& command) {
  for (const std::string& word : command) {
    if (word.find("{}") != word.npos) return true;
  }
  return false;
}

// What the members mean together. Empty: they fit.
std::string misfit(const run_settings& settings, const job_order& order, bool has_payload) {
  if (order.kind != kind_name::exec) {
    if (order.is_words) return "payload: an array is for kind exec";
    const bool needs_payload =
        order.kind == kind_name::digest || (order.kind == kind_name::sleep && !settings.sleep_for);
    if (needs_payload && !has_payload) {
      return fmt::format("kind {} needs a payload", name(order.kind));
    }
    return {};
  }
  if (!order.is_words) {
    return settings.command.empty() ? "exec without -- COMMAND needs an array as its payload" : "";
  }
  if (settings.command.empty() && order.text.empty()) return "payload: the command is empty";
  if (has_place(settings.command)) return "payload: an array does not go into the {} of COMMAND";
  return {};
}

}  // namespace

bool is_json_job_member(std::string_view name) {
  return std::find(std::begin(member_names), std::end(member_names), name) !=
         std::end(member_names);
}

std::optional<line_mistake> json_job_reader::read(std::string_view line, job_order& order) {
  order = plain_order(settings_, {});
  payload_.clear();
  // The library would take it for the end.
  if (const std::size_t nul = line.find('\0'); nul != line.npos) {
    return line_mistake{nul + 1, "malformed", "not JSON: a NUL byte"};
  }
  line_taker taker(line, settings_.lane_member, order, payload_);
  const char*& read_up_to = taker.read_up_to();
  const char* const end = line.data() + line.size();
  json::sax_parse(counting_iterator(line.data(), read_up_to), counting_iterator(end, read_up_to),
                  &taker);
  if (auto mistake = taker.take_mistake()) return mistake;
  order.text = payload_;
  if (!taker.has_kind() && !settings_.kind) {
    return line_mistake{1, "malformed", "it says no kind, nor does the command line"};
  }
  std::string error = misfit(settings_, order, taker.has_payload());
  if (error.empty()) return std::nullopt;
  return line_mistake{taker.has_payload() ? taker.payload_column() : taker.kind_column(),
                      "malformed", std::move(error)};
}

}  // namespace pawl_tool
