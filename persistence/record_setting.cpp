#include "persistence/record_setting.hpp"

#include <array>
#include <optional>
#include <utility>

namespace pawl {

namespace {

// These numbers are on disk.
static_assert(static_cast<int>(scope::part::scheduler) == 0 &&
              static_cast<int>(scope::part::queue) == 1 &&
              static_cast<int>(scope::part::kind) == 2 &&
              static_cast<int>(scope::part::tenant) == 3 &&
              static_cast<int>(scope::part::lane) == 4);
static_assert(static_cast<int>(when_full::reject) == 0 && static_cast<int>(when_full::block) == 1 &&
              static_cast<int>(when_full::shed) == 2);
static_assert(static_cast<int>(on_failure::dead_then_continue) == 0 &&
              static_cast<int>(on_failure::block) == 1 && static_cast<int>(on_failure::skip) == 2);

constexpr std::uint16_t what_last = std::variant_size_v<setting_value> - 1;

// The length of each known value, by its place in the variant.
constexpr std::array<std::size_t, what_last> value_bytes{9, 1, 20, 25, 4, 2, 1, 21, 4, 16};

std::size_t size(const setting_value& value) noexcept {
  if (const auto* unknown = std::get_if<unknown_setting>(&value)) return unknown->value.size();
  return value_bytes[value.index()];
}

struct value_writer {
  byte_writer& w;

  void operator()(const paused_setting& s) const noexcept { w.numbers(s.paused, s.until_wall_ns); }
  void operator()(const intake_setting& s) const noexcept { w.numbers(s.closed); }
  void operator()(const limits_setting& s) const noexcept {
    w.numbers(s.concurrency, s.starts, s.per_ns, s.burst);
  }
  void operator()(const bounds_setting& s) const noexcept {
    w.numbers(s.jobs, s.bytes, static_cast<std::uint8_t>(s.when_full), s.block_for_ns);
  }
  void operator()(const share_setting& s) const noexcept { w.u32(s.weight); }
  void operator()(const durability_setting& s) const noexcept {
    w.numbers(static_cast<std::uint8_t>(s.durability), s.strict_start);
  }
  void operator()(const order_setting& s) const noexcept {
    w.u8(static_cast<std::uint8_t>(s.order));
  }
  void operator()(const lanes_setting& s) const noexcept {
    (*this)(s.limits);
    w.u8(static_cast<std::uint8_t>(s.on_failure));
  }
  void operator()(const retry_budget_setting& s) const noexcept { w.u32(s.retries_per_s); }
  void operator()(const kept_setting& s) const noexcept { w.numbers(s.completed, s.dead); }
  void operator()(const unknown_setting& s) const noexcept { w.bytes(s.value); }
};

paused_setting read(std::in_place_type_t<paused_setting>, field_reader& r) noexcept {
  paused_setting s;
  s.paused = r.flag("record.setting.paused");
  s.until_wall_ns = r.u64();
  r.require(s.paused || s.until_wall_ns == 0, "record.setting.paused.until");
  return s;
}

intake_setting read(std::in_place_type_t<intake_setting>, field_reader& r) noexcept {
  return {r.flag("record.setting.intake")};
}

limits_setting read(std::in_place_type_t<limits_setting>, field_reader& r) noexcept {
  limits_setting s;
  s.concurrency = r.u32();
  s.starts = r.u32();
  s.per_ns = r.u64();
  s.burst = r.u32();
  return s;
}

bounds_setting read(std::in_place_type_t<bounds_setting>, field_reader& r) noexcept {
  bounds_setting s;
  s.jobs = r.u64();
  s.bytes = r.u64();
  s.when_full = r.one_of(when_full::shed, "record.setting.when_full");
  s.block_for_ns = r.u64();
  return s;
}

share_setting read(std::in_place_type_t<share_setting>, field_reader& r) noexcept {
  return {r.u32()};
}

durability_setting read(std::in_place_type_t<durability_setting>, field_reader& r) noexcept {
  durability_setting s;
  s.durability = r.one_of(durability_setting::level::durable, "record.setting.durability");
  s.strict_start = r.flag("record.setting.strict_start");
  return s;
}

order_setting read(std::in_place_type_t<order_setting>, field_reader& r) noexcept {
  return {r.one_of(order_setting::by::tenants, "record.setting.order_by")};
}

lanes_setting read(std::in_place_type_t<lanes_setting>, field_reader& r) noexcept {
  lanes_setting s;
  s.limits = read(std::in_place_type<limits_setting>, r);
  s.on_failure = r.one_of(on_failure::skip, "record.setting.on_failure");
  return s;
}

retry_budget_setting read(std::in_place_type_t<retry_budget_setting>, field_reader& r) noexcept {
  return {r.u32()};
}

kept_setting read(std::in_place_type_t<kept_setting>, field_reader& r) noexcept {
  kept_setting s;
  s.completed = r.u64();
  s.dead = r.u64();
  return s;
}

// The value whose place in the variant is `index`, which is that of a known one.
template <std::size_t I = 0>
setting_value read_value(std::size_t index, field_reader& r) noexcept {
  if constexpr (I + 1 < what_last) {
    if (index != I) return read_value<I + 1>(index, r);
  }
  return read(std::in_place_type<std::variant_alternative_t<I, setting_value>>, r);
}

}  // namespace

std::uint16_t what_is_set(const setting_value& value) noexcept {
  if (const auto* unknown = std::get_if<unknown_setting>(&value)) return unknown->what;
  return static_cast<std::uint16_t>(value.index() + 1);
}

std::size_t encoded_bytes(const setting_record& x) noexcept {
  return record_head_bytes + 5 + text_bytes(x.lane) + 2 + 8 + 4 + size(x.value);
}

void encode(const setting_record& x, more m, byte_writer& w) noexcept {
  const bool known = !std::holds_alternative<unknown_setting>(x.value);
  write_record_head(record_kind::setting, known, m, 0, encoded_bytes(x), w);
  w.numbers(static_cast<std::uint8_t>(x.part), x.number);
  write_text(x.lane, w);
  w.numbers(what_is_set(x.value), x.order, static_cast<std::uint32_t>(size(x.value)));
  std::visit(value_writer{w}, x.value);
}

result<setting_record> decode_setting(const record_view& record) noexcept {
  field_reader r(record);
  setting_record x;
  x.part = r.one_of(scope::part::lane, "record.setting.part");
  x.number = r.u32();
  r.require((x.part == scope::part::scheduler) == (x.number == 0), "record.setting.number");
  x.lane = r.text();
  r.require((x.part == scope::part::lane) != x.lane.empty(), "record.setting.lane");
  const std::uint16_t what = r.u16();
  r.require(what != 0, "record.setting.what");
  x.order = r.u64();
  const byte_span value = r.blob();
  const bool known = what <= what_last;
  r.require(record.needed || !known, "record.needed");
  if (auto read = r.finish(x, "record.setting.bytes"); !read) return read;
  if (!known) {
    if (record.needed) return failure{errc::version, 0, "record.setting.what"};
    x.value = unknown_setting{what, value};
    return x;
  }
  field_reader in_value(value);
  x.value = read_value(what - std::size_t{1}, in_value);
  return in_value.finish(x, "record.setting.value");
}

}  // namespace pawl
