#include "persistence/record_verb.hpp"

namespace pawl {

namespace {

// Bits of a change's `with`, in the order of their fields.
constexpr unsigned change_with_due = 1u << 0;
constexpr unsigned change_with_priority = 1u << 1;
constexpr unsigned change_with_queue = 1u << 2;
constexpr unsigned change_with_known = (1u << 3) - 1;

}  // namespace

std::size_t encoded_bytes(const change_record& x) noexcept {
  return record_head_bytes + 17 + (x.due ? clock_time::encoded_bytes : 0) + (x.priority ? 1 : 0) +
         (x.queue ? 4 : 0);
}

void encode(const change_record& x, more m, byte_writer& w) noexcept {
  const unsigned with = (x.due ? change_with_due : 0u) | (x.priority ? change_with_priority : 0u) |
                        (x.queue ? change_with_queue : 0u);
  write_record_head(record_kind::change, true, m, 0, encoded_bytes(x), w);
  w.numbers(x.id.value, x.version, static_cast<std::uint8_t>(with));
  if (x.due) write(*x.due, w);
  if (x.priority) w.u8(static_cast<std::uint8_t>(*x.priority));
  if (x.queue) w.u32(*x.queue);
}

result<change_record> decode_change(const record_view& record) noexcept {
  field_reader r(record);
  change_record x;
  x.id = r.id("record.change.id");
  x.version = r.version("record.change.version");
  const std::uint8_t with = r.u8();
  r.require(with != 0 && (with & ~change_with_known) == 0, "record.change.with");
  if ((with & change_with_due) != 0) x.due = r.time("record.change.due");
  if ((with & change_with_priority) != 0)
    x.priority = r.one_of(priority::idle, "record.change.priority");
  if ((with & change_with_queue) != 0) x.queue = r.number("record.change.queue");
  return r.finish(x, "record.change.bytes");
}

std::size_t encoded_bytes(const requeued_record&) noexcept {
  return record_head_bytes + 17;
}

void encode(const requeued_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::requeued, true, m, 0, encoded_bytes(x), w);
  w.numbers(x.id.value, x.version, static_cast<std::uint8_t>(x.priority));
}

result<requeued_record> decode_requeued(const record_view& record) noexcept {
  field_reader r(record);
  requeued_record x;
  x.id = r.id("record.requeued.id");
  x.version = r.version("record.requeued.version");
  x.priority = r.one_of(priority::idle, "record.requeued.priority");
  return r.finish(x, "record.requeued.bytes");
}

std::size_t encoded_bytes(const purged_record& x) noexcept {
  return record_head_bytes + x.jobs.encoded_bytes();
}

void encode(const purged_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::purged, true, m, x.jobs.size(), encoded_bytes(x), w);
  x.jobs.write(w);
}

result<purged_record> decode_purged(const record_view& record) noexcept {
  field_reader r(record);
  purged_record x;
  x.jobs = item_list<purged_job>::read(r, record.count);
  return r.finish(x, "record.purged.bytes");
}

}  // namespace pawl
