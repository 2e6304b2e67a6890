#include "persistence/record_outcome.hpp"

namespace pawl {

namespace {

// These numbers are on disk.
static_assert(
    static_cast<int>(dead_cause::exhausted) == 1 && static_cast<int>(dead_cause::handler) == 2 &&
    static_cast<int>(dead_cause::crashed) == 3 && static_cast<int>(dead_cause::timeout) == 4 &&
    static_cast<int>(dead_cause::decode) == 5 && static_cast<int>(dead_cause::quarantined) == 6 &&
    static_cast<int>(dead_cause::dependency) == 7 && static_cast<int>(dead_cause::shed) == 8);

// `again` and `died` have the same fields.
std::size_t size(const attempt_state& f) noexcept {
  constexpr std::size_t fixed = 8 + 8 + 4 + 8 + clock_time::encoded_bytes + 1;
  return record_head_bytes + fixed + f.errors.encoded_bytes();
}

void write(const attempt_state& f, record_kind kind, std::uint8_t cause, clock_time due, more m,
           byte_writer& w) noexcept {
  PAWL_CHECK(f.errors.size() <= attempt_error::kept_max);
  write_record_head(kind, true, m, 0, size(f), w);
  w.numbers(f.id.value, f.version, cause, f.attempt, f.pushbacks, f.crashes, f.wall_ns,
            static_cast<std::uint8_t>(due.clock), due.ns,
            static_cast<std::uint8_t>(f.errors.size()));
  f.errors.write(w);
}

struct attempt_fields {
  attempt_state facts;
  std::uint8_t cause = 0;
  clock_time due;
};

attempt_fields read_attempt(field_reader& r) noexcept {
  attempt_fields x;
  attempt_state& f = x.facts;
  f.id = r.id("record.attempt.id");
  f.version = r.version("record.attempt.version");
  x.cause = r.u8();
  f.attempt = r.u8();
  f.pushbacks = r.u8();
  f.crashes = r.u8();
  f.wall_ns = r.u64();
  x.due = r.time("record.attempt.due");
  const std::uint8_t errors = r.u8();
  r.require(errors <= attempt_error::kept_max, "record.attempt.errors");
  f.errors = item_list<attempt_error>::read(r, errors);
  // In the order in which they happened, none later than this.
  std::uint64_t least = 0;
  if (!r.ok()) return x;
  for (const attempt_error& e : f.errors) {
    r.require(e.version >= least && e.version <= f.version, "record.attempt.error.version");
    least = e.version + 1;
  }
  return x;
}

}  // namespace

attempt_error attempt_error::read(field_reader& r) noexcept {
  attempt_error e;
  e.version = r.version("record.attempt.error.version");
  e.wall_ns = r.u64();
  e.attempt = r.u8();
  e.kind = r.u16();
  e.text = r.text();
  r.require(e.text.size() <= text_bytes_max, "record.attempt.error.text");
  return e;
}

void attempt_error::write(byte_writer& w) const noexcept {
  PAWL_CHECK(text.size() <= text_bytes_max);
  w.numbers(version, wall_ns, attempt, kind);
  write_text(text, w);
}

std::size_t encoded_bytes(const ended_record& x) noexcept {
  return record_head_bytes + 1 + x.jobs.encoded_bytes();
}

void encode(const ended_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::ended, true, m, x.jobs.size(), encoded_bytes(x), w);
  w.u8(static_cast<std::uint8_t>(x.how));
  x.jobs.write(w);
}

result<ended_record> decode_ended(const record_view& record) noexcept {
  field_reader r(record);
  ended_record x;
  x.how = r.one_of(ended_record::way::expired, "record.ended.how");
  x.jobs = item_list<ended_job>::read(r, record.count);
  return r.finish(x, "record.ended.bytes");
}

std::size_t encoded_bytes(const again_record& x) noexcept {
  return size(x.facts);
}

void encode(const again_record& x, more m, byte_writer& w) noexcept {
  write(x.facts, record_kind::again, static_cast<std::uint8_t>(x.cause), x.due, m, w);
}

result<again_record> decode_again(const record_view& record) noexcept {
  field_reader r(record);
  const attempt_fields x = read_attempt(r);
  const auto cause = static_cast<again_record::why>(x.cause);
  r.require(cause <= again_record::why::as_it_was, "record.again.cause");
  return r.finish(again_record{x.facts, cause, x.due}, "record.again.bytes");
}

std::size_t encoded_bytes(const died_record& x) noexcept {
  return size(x.facts);
}

void encode(const died_record& x, more m, byte_writer& w) noexcept {
  write(x.facts, record_kind::died, static_cast<std::uint8_t>(x.cause), {}, m, w);
}

result<died_record> decode_died(const record_view& record) noexcept {
  field_reader r(record);
  const attempt_fields x = read_attempt(r);
  const auto cause = static_cast<dead_cause>(x.cause);
  r.require(cause != dead_cause::none && cause <= dead_cause::shed, "record.died.cause");
  r.require(x.due.clock == clock_name::boot && x.due.ns == 0, "record.died.due");
  return r.finish(died_record{x.facts, cause}, "record.died.bytes");
}

std::size_t encoded_bytes(const result_record& x) noexcept {
  return record_head_bytes + 20 + x.value.size();
}

void encode(const result_record& x, more m, byte_writer& w) noexcept {
  PAWL_CHECK(x.value.size() <= result_record::value_bytes_max);
  write_record_head(record_kind::result, true, m, 0, encoded_bytes(x), w);
  w.numbers(x.id.value, x.version, static_cast<std::uint32_t>(x.value.size()));
  w.bytes(x.value);
}

result<result_record> decode_result(const record_view& record) noexcept {
  field_reader r(record);
  result_record x;
  x.id = r.id("record.result.id");
  x.version = r.version("record.result.version");
  x.value = r.blob();
  r.require(x.value.size() <= result_record::value_bytes_max, "record.result.value");
  return r.finish(x, "record.result.bytes");
}

std::size_t encoded_bytes(const crashed_record& x) noexcept {
  return record_head_bytes + x.jobs.encoded_bytes();
}

void encode(const crashed_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::crashed, true, m, x.jobs.size(), encoded_bytes(x), w);
  x.jobs.write(w);
}

result<crashed_record> decode_crashed(const record_view& record) noexcept {
  field_reader r(record);
  crashed_record x;
  x.jobs = item_list<crashed_job>::read(r, record.count);
  return r.finish(x, "record.crashed.bytes");
}

}  // namespace pawl
