#include "persistence/record_submit.hpp"

namespace pawl {

namespace {

// Bits of `with`, in the order of their fields.
constexpr unsigned with_due = 1u << 0;
constexpr unsigned with_expires = 1u << 1;
constexpr unsigned with_run_timeout = 1u << 2;
constexpr unsigned with_backoff = 1u << 3;
constexpr unsigned with_unique = 1u << 4;
constexpr unsigned with_tenant = 1u << 5;
constexpr unsigned with_lane = 1u << 6;
constexpr unsigned with_deadline = 1u << 7;
constexpr unsigned with_exact_priority = 1u << 8;
constexpr unsigned with_parent = 1u << 9;
constexpr unsigned with_tag = 1u << 10;
constexpr unsigned with_trace = 1u << 11;
constexpr unsigned with_known = (1u << 12) - 1;

// These numbers are on disk.
static_assert(static_cast<int>(priority::critical) == 0 && static_cast<int>(priority::idle) == 7);
static_assert(static_cast<int>(backoff::shape::fixed) == 0 &&
              static_cast<int>(backoff::shape::linear) == 1 &&
              static_cast<int>(backoff::shape::exponential) == 2 &&
              static_cast<int>(backoff::shape::table) == 3);
static_assert(static_cast<int>(jitter::none) == 0 && static_cast<int>(jitter::full) == 1 &&
              static_cast<int>(jitter::equal) == 2 && static_cast<int>(jitter::decorrelated) == 3);
static_assert(static_cast<int>(unique_scope::queue) == 0 &&
              static_cast<int>(unique_scope::kind) == 1 &&
              static_cast<int>(unique_scope::scheduler) == 2);
static_assert(static_cast<int>(unique_until::finished) == 0 &&
              static_cast<int>(unique_until::started) == 1);

constexpr std::size_t common_bytes = 24;

std::uint16_t with(const submit_extras& x) noexcept {
  unsigned bits = 0;
  const auto add = [&bits](bool has, unsigned bit) { bits |= has ? bit : 0u; };
  add(x.due.has_value(), with_due);
  add(x.expires_ns.has_value(), with_expires);
  add(x.run_timeout_ns.has_value(), with_run_timeout);
  add(x.backoff.has_value(), with_backoff);
  add(x.unique.has_value(), with_unique);
  add(x.tenant.has_value(), with_tenant);
  add(x.lane.has_value(), with_lane);
  add(x.deadline_ns.has_value(), with_deadline);
  add(x.exact_priority.has_value(), with_exact_priority);
  add(x.parent.has_value(), with_parent);
  add(x.tag.has_value(), with_tag);
  add(x.trace.has_value(), with_trace);
  return static_cast<std::uint16_t>(bits);
}

std::size_t size(const submit_extras& x) noexcept {
  std::size_t bytes = 0;
  if (x.due) bytes += clock_time::encoded_bytes;
  if (x.expires_ns) bytes += 8;
  if (x.run_timeout_ns) bytes += 8;
  if (x.backoff) bytes += 21 + std::size_t{8} * x.backoff->table_count;
  if (x.unique) bytes += 26;
  if (x.tenant) bytes += 4;
  if (x.lane) bytes += text_bytes(x.lane->key) + 8;
  if (x.deadline_ns) bytes += 8;
  if (x.exact_priority) bytes += 8;
  if (x.parent) bytes += 12;
  if (x.tag) bytes += 4;
  if (x.trace) bytes += 25;
  return bytes;
}

std::uint64_t ns(duration d) noexcept {
  return static_cast<std::uint64_t>(d.count());
}

void write(const backoff& b, byte_writer& w) noexcept {
  PAWL_CHECK(b.table_count <= backoff::table_max);
  w.numbers(static_cast<std::uint8_t>(b.form), static_cast<std::uint8_t>(b.jitter), b.table_count,
            b.factor, ns(b.base), ns(b.cap));
  for (std::size_t i = 0; i < b.table_count; ++i) w.u64(ns(b.delays[i]));
}

void write(const submit_extras& x, byte_writer& w) noexcept {
  if (x.due) pawl::write(*x.due, w);
  if (x.expires_ns) w.u64(*x.expires_ns);
  if (x.run_timeout_ns) w.u64(*x.run_timeout_ns);
  if (x.backoff) write(*x.backoff, w);
  if (x.unique) {
    w.numbers(x.unique->hash.high, x.unique->hash.low, static_cast<std::uint8_t>(x.unique->scope),
              static_cast<std::uint8_t>(x.unique->until), x.unique->ttl_wall_ns);
  }
  if (x.tenant) w.u32(*x.tenant);
  if (x.lane) {
    write_text(x.lane->key, w);
    w.u64(x.lane->order);
  }
  if (x.deadline_ns) w.u64(*x.deadline_ns);
  if (x.exact_priority) w.u64(static_cast<std::uint64_t>(*x.exact_priority));
  if (x.parent) w.numbers(x.parent->id.value, x.parent->ordinal);
  if (x.tag) w.u32(*x.tag);
  if (x.trace) {
    w.bytes(x.trace->trace);
    w.bytes(x.trace->span);
    w.u8(x.trace->flags);
  }
}

void write(const submit_common& c, std::uint16_t with_bits, byte_writer& w) noexcept {
  w.numbers(c.queue, c.kind, static_cast<std::uint8_t>(c.priority), c.attempts_max, c.codec,
            c.payload_version, with_bits, c.submitted_ns);
}

duration read_duration(field_reader& r) noexcept {
  const std::uint64_t value = r.u64();
  r.require(value <= static_cast<std::uint64_t>(duration::max().count()),
            "record.submit.backoff.delay");
  return duration(static_cast<std::int64_t>(value));
}

backoff read_backoff(field_reader& r) noexcept {
  backoff b;
  b.form = r.one_of(backoff::shape::table, "record.submit.backoff.form");
  b.jitter = r.one_of(jitter::decorrelated, "record.submit.backoff.jitter");
  b.table_count = r.u8();
  r.require(b.table_count <= backoff::table_max, "record.submit.backoff.table");
  r.require(b.table_count != 0 || b.form != backoff::shape::table, "record.submit.backoff.table");
  b.factor = r.u16();
  b.base = read_duration(r);
  b.cap = read_duration(r);
  for (std::size_t i = 0; i < b.table_count && r.ok(); ++i) b.delays[i] = read_duration(r);
  return b;
}

submit_unique read_unique(field_reader& r) noexcept {
  submit_unique u;
  u.hash.high = r.u64();
  u.hash.low = r.u64();
  u.scope = r.one_of(unique_scope::scheduler, "record.submit.unique.scope");
  u.until = r.one_of(unique_until::started, "record.submit.unique.until");
  u.ttl_wall_ns = r.u64();
  return u;
}

submit_lane read_lane(field_reader& r) noexcept {
  submit_lane lane;
  lane.key = r.text();
  r.require(!lane.key.empty(), "record.submit.lane");
  lane.order = r.u64();
  return lane;
}

submit_parent read_parent(field_reader& r) noexcept {
  const job_id id = r.id("record.submit.parent");
  return {id, r.u32()};
}

submit_trace read_trace(field_reader& r) noexcept {
  submit_trace trace;
  trace.trace = r.array<16>();
  trace.span = r.array<8>();
  trace.flags = r.u8();
  return trace;
}

void read_extras(submit_extras& x, std::uint16_t with, field_reader& r) noexcept {
  if ((with & with_due) != 0) x.due = r.time("record.submit.due");
  if ((with & with_expires) != 0) x.expires_ns = r.u64();
  if ((with & with_run_timeout) != 0) x.run_timeout_ns = r.u64();
  if ((with & with_backoff) != 0) x.backoff = read_backoff(r);
  if ((with & with_unique) != 0) x.unique = read_unique(r);
  if ((with & with_tenant) != 0) x.tenant = r.number("record.submit.tenant");
  if ((with & with_lane) != 0) x.lane = read_lane(r);
  if ((with & with_deadline) != 0) x.deadline_ns = r.u64();
  if ((with & with_exact_priority) != 0) x.exact_priority = static_cast<std::int64_t>(r.u64());
  if ((with & with_parent) != 0) x.parent = read_parent(r);
  if ((with & with_tag) != 0) x.tag = r.number("record.submit.tag");
  if ((with & with_trace) != 0) x.trace = read_trace(r);
}

}  // namespace

std::size_t encoded_bytes(const submit_common&, const item_list<submitted_job>& jobs) noexcept {
  return record_head_bytes + common_bytes + jobs.encoded_bytes();
}

std::size_t encoded_bytes(const submit_record& x) noexcept {
  return encoded_bytes(x.common, x.jobs) + size(x.extras);
}

void encode(const submit_common& common, const item_list<submitted_job>& jobs, more m,
            byte_writer& w) noexcept {
  write_record_head(record_kind::submit, true, m, jobs.size(), encoded_bytes(common, jobs), w);
  write(common, 0, w);
  jobs.write(w);
}

void encode(const submit_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::submit, true, m, x.jobs.size(), encoded_bytes(x), w);
  write(x.common, with(x.extras), w);
  write(x.extras, w);
  x.jobs.write(w);
}

result<submit_record> decode_submit(const record_view& record) noexcept {
  field_reader r(record);
  result<submit_record> decoded{submit_record{}};  // in its place: it is large
  submit_record& x = *decoded;
  x.common.queue = r.number("record.submit.queue");
  x.common.kind = r.number("record.submit.kind");
  x.common.priority = r.one_of(priority::idle, "record.submit.priority");
  x.common.attempts_max = r.u8();
  r.require(x.common.attempts_max != 0, "record.submit.attempts_max");
  x.common.codec = r.u16();
  x.common.payload_version = r.u16();
  const std::uint16_t with = r.u16();
  r.require((with & ~with_known) == 0, "record.submit.with");
  x.common.submitted_ns = r.u64();
  if (with != 0) read_extras(x.extras, with, r);
  x.jobs = item_list<submitted_job>::read(r, record.count);
  if (const auto why = r.failed("record.submit.bytes")) decoded = *why;
  return decoded;
}

}  // namespace pawl
