#include "setting_fields.hpp"

#include <array>
#include <variant>

namespace pawl_tool {

namespace {

template <std::size_t Count>
std::string_view setting_word(const std::array<std::string_view, Count>& words, auto value) {
  const auto index = static_cast<std::size_t>(value);
  return index < Count ? words[index] : "unknown";
}

void add(field_list& to, const pawl::paused_setting& s) {
  to.flag("paused", s.paused);
  if (s.until_wall_ns != 0) to.time("until", s.until_wall_ns);
}
void add(field_list& to, const pawl::intake_setting& s) {
  to.flag("closed", s.closed);
}
void add(field_list& to, const pawl::limits_setting& s) {
  to.number("concurrency", s.concurrency).number("starts", s.starts);
  to.number("per_ns", s.per_ns).number("burst", s.burst);
}
void add(field_list& to, const pawl::bounds_setting& s) {
  constexpr std::array<std::string_view, 3> rules{"reject", "block", "shed"};
  to.number("jobs_max", s.jobs).number("bytes_max", s.bytes);
  to.word("when_full", setting_word(rules, s.when_full)).number("block_for_ns", s.block_for_ns);
}
void add(field_list& to, const pawl::share_setting& s) {
  to.number("weight", s.weight);
}
void add(field_list& to, const pawl::durability_setting& s) {
  constexpr std::array<std::string_view, 3> levels{"none", "relaxed", "durable"};
  to.word("durability", setting_word(levels, s.durability)).flag("strict_start", s.strict_start);
}
void add(field_list& to, const pawl::order_setting& s) {
  constexpr std::array<std::string_view, 4> orders{"fifo", "deadline", "exact_priority", "tenants"};
  to.word("by", setting_word(orders, s.order));
}
void add(field_list& to, const pawl::lanes_setting& s) {
  constexpr std::array<std::string_view, 3> rules{"dead_then_continue", "block", "skip"};
  add(to, s.limits);
  to.word("on_failure", setting_word(rules, s.on_failure));
}
void add(field_list& to, const pawl::retry_budget_setting& s) {
  to.number("retries_per_s", s.retries_per_s);
}
void add(field_list& to, const pawl::kept_setting& s) {
  to.number("completed", s.completed).number("dead", s.dead);
}
void add(field_list& to, const pawl::unknown_setting& s) {
  to.number("what", s.what).bytes("value", pawl::as_text(s.value));
}

}  // namespace

std::string_view name_of(const pawl::setting_value& value) noexcept {
  constexpr std::array<std::string_view, std::variant_size_v<pawl::setting_value>> names{
      "paused", "intake", "limits",       "bounds", "share",  "durability",
      "order",  "lanes",  "retry_budget", "kept",   "unknown"};
  return names[value.index()];
}

void add_setting(field_list& to, const pawl::setting_value& value) {
  std::visit([&](const auto& s) { add(to, s); }, value);
}

}  // namespace pawl_tool
