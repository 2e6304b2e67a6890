#include "persistence/record_name.hpp"

namespace pawl {

std::size_t encoded_bytes(const name_record& x) noexcept {
  return record_head_bytes + 5 + text_bytes(x.text);
}

void encode(const name_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::name, true, m, 0, encoded_bytes(x), w);
  w.numbers(static_cast<std::uint8_t>(x.space), x.number);
  write_text(x.text, w);
}

result<name_record> decode_name(const record_view& record) noexcept {
  field_reader r(record);
  name_record x;
  x.space = r.one_of(name_record::of::tag, "record.name.space");
  r.require(x.space >= name_record::of::queue, "record.name.space");
  x.number = r.number("record.name.number");
  x.text = r.text();
  r.require(!x.text.empty(), "record.name.text");
  return r.finish(x, "record.name.bytes");
}

std::size_t encoded_bytes(const key_record&) noexcept {
  return record_head_bytes + 41;
}

void encode(const key_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::key, true, m, 0, encoded_bytes(x), w);
  w.numbers(x.hash.high, x.hash.low, x.order, static_cast<std::uint8_t>(x.state), x.holder.value,
            x.until_wall_ns);
}

result<key_record> decode_key(const record_view& record) noexcept {
  using held = key_record::held;
  field_reader r(record);
  key_record x;
  x.hash.high = r.u64();
  x.hash.low = r.u64();
  x.order = r.u64();
  x.state = r.one_of(held::until_time, "record.key.state");
  x.holder = {r.u64()};
  r.require((x.state == held::free) == !x.holder, "record.key.holder");
  x.until_wall_ns = r.u64();
  r.require(x.state != held::free || x.until_wall_ns == 0, "record.key.until");
  r.require(x.state != held::until_time || x.until_wall_ns != 0, "record.key.until");
  return r.finish(x, "record.key.bytes");
}

std::size_t encoded_bytes(const cursor_record& x) noexcept {
  return record_head_bytes + 14 + x.position.size();
}

void encode(const cursor_record& x, more m, byte_writer& w) noexcept {
  PAWL_CHECK(x.position.size() <= cursor_record::position_bytes_max);
  write_record_head(record_kind::cursor, true, m, 0, encoded_bytes(x), w);
  w.numbers(x.source, x.order);
  write_text(as_text(x.position), w);
}

result<cursor_record> decode_cursor(const record_view& record) noexcept {
  field_reader r(record);
  cursor_record x;
  x.source = r.number("record.cursor.source");
  x.order = r.u64();
  x.position = as_bytes(r.text());
  r.require(x.position.size() <= cursor_record::position_bytes_max, "record.cursor.position");
  return r.finish(x, "record.cursor.bytes");
}

}  // namespace pawl
