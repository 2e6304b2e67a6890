#include "engine/queue_log.hpp"

#include <array>
#include <optional>
#include <variant>

#include "engine/log_appender.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

duration span_of(std::uint64_t ns) noexcept {
  return duration(static_cast<std::int64_t>(ns));
}

template <class Setting>
std::optional<Setting> find(const durable_state& state, scope::part part, std::uint32_t number) {
  const auto found = state.settings().find({part, number, {}, what_is_set(Setting{})});
  if (found == state.settings().end()) return std::nullopt;
  const Setting* const known = std::get_if<Setting>(&found->second.value);
  return known == nullptr ? std::nullopt : std::optional<Setting>(*known);
}

}  // namespace

limits_setting setting_of(const limits& l) noexcept {
  return {.concurrency = l.concurrency,
          .starts = l.rate.starts,
          .per_ns = detail::nanoseconds(l.rate.per),
          .burst = l.rate.burst};
}

limits limits_of(const limits_setting& s) noexcept {
  return {.concurrency = s.concurrency,
          .rate = {.starts = s.starts, .per = span_of(s.per_ns), .burst = s.burst}};
}

std::uint64_t log_name(thread_context& context, name_record::of space, std::uint32_t number,
                       std::string_view name) noexcept {
  const name_record x{space, number, name};
  byte_writer w(context.log->room(encoded_bytes(x)));
  encode(x, more::no, w);
  return context.log->publish(w.size(), durability::durable);
}

std::uint64_t log_setting(thread_context& context, scope::part part, std::uint32_t number,
                          std::string_view lane, std::uint64_t order,
                          const setting_value& value) noexcept {
  const setting_record x{part, number, lane, order, value};
  byte_writer w(context.log->room(encoded_bytes(x)));
  encode(x, more::no, w);
  return context.log->publish(w.size(), durability::durable);
}

std::uint64_t log_queue_options(thread_context& context, std::uint32_t number,
                                const queue_options& o, std::uint64_t order) noexcept {
  const std::array<setting_value, 8> values{
      setting_of(o.limits),
      bounds_setting{o.jobs_max, o.bytes_max, o.when_full, detail::nanoseconds(o.block_for)},
      share_setting{o.weight},
      durability_setting{static_cast<durability_setting::level>(o.durability), o.strict_start},
      order_setting{static_cast<order_setting::by>(o.order)},
      lanes_setting{setting_of({o.lanes.concurrency, o.lanes.rate}), o.lanes.on_failure},
      retry_budget_setting{o.retries_per_s_max},
      kept_setting{o.keep_results ? UINT64_MAX : 0, UINT64_MAX}};
  std::size_t bytes = 0;
  for (const setting_value& v : values) {
    bytes += encoded_bytes(setting_record{scope::part::queue, number, {}, order, v});
  }
  byte_writer w(context.log->room(bytes));
  for (const setting_value& v : values) {
    const more m = &v == &values.back() ? more::no : more::yes;
    encode(setting_record{scope::part::queue, number, {}, order, v}, m, w);
  }
  return context.log->publish(bytes, durability::durable);
}

queue_options queue_options_in(const durable_state& state, std::uint32_t number) {
  constexpr auto part = scope::part::queue;
  queue_options o;
  if (const auto s = find<limits_setting>(state, part, number)) o.limits = limits_of(*s);
  if (const auto s = find<bounds_setting>(state, part, number)) {
    o.jobs_max = s->jobs;
    o.bytes_max = s->bytes;
    o.when_full = s->when_full;
    o.block_for = span_of(s->block_for_ns);
  }
  if (const auto s = find<share_setting>(state, part, number)) o.weight = s->weight;
  if (const auto s = find<durability_setting>(state, part, number)) {
    o.durability = static_cast<durability>(s->durability);
    o.strict_start = s->strict_start;
  }
  if (const auto s = find<order_setting>(state, part, number)) {
    o.order = static_cast<queue_order>(s->order);
  }
  if (const auto s = find<lanes_setting>(state, part, number)) {
    const limits l = limits_of(s->limits);
    o.lanes.concurrency = l.concurrency;
    o.lanes.rate = l.rate;
    o.lanes.on_failure = s->on_failure;
  }
  if (const auto s = find<retry_budget_setting>(state, part, number)) {
    o.retries_per_s_max = s->retries_per_s;
  }
  if (const auto s = find<kept_setting>(state, part, number)) o.keep_results = s->completed != 0;
  return o;
}

tenant_options tenant_options_in(const durable_state& state, std::uint32_t number) {
  constexpr auto part = scope::part::tenant;
  tenant_options o;
  if (const auto s = find<limits_setting>(state, part, number)) o.limits = limits_of(*s);
  if (const auto s = find<share_setting>(state, part, number)) o.weight = s->weight;
  return o;
}

}  // namespace pawl
