#include "persistence/record_epoch.hpp"

namespace pawl {

namespace {

std::uint64_t read_epoch(field_reader& r, const char* where) noexcept {
  const std::uint64_t epoch = r.u64();
  r.require(epoch != 0, where);
  return epoch;
}

}  // namespace

std::size_t encoded_bytes(const floor_record&) noexcept {
  return record_head_bytes + 8;
}

void encode(const floor_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::floor, true, m, 0, encoded_bytes(x), w);
  w.u64(x.generation);
}

result<floor_record> decode_floor(const record_view& record) noexcept {
  field_reader r(record);
  const floor_record x{r.u64()};
  return r.finish(x, "record.floor.bytes");
}

std::size_t encoded_bytes(const opened_record&) noexcept {
  return record_head_bytes + 33;
}

void encode(const opened_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::opened, false, m, 0, encoded_bytes(x), w);
  w.numbers(x.epoch, x.recovered_lsn, x.jobs, x.dead, static_cast<std::uint8_t>(x.how));
}

result<opened_record> decode_opened(const record_view& record) noexcept {
  field_reader r(record);
  opened_record x;
  x.epoch = read_epoch(r, "record.opened.epoch");
  x.recovered_lsn = r.u64();
  x.jobs = r.u64();
  x.dead = r.u64();
  x.how = r.one_of(opened_record::before::not_closed, "record.opened.how");
  return r.finish(x, "record.opened.bytes");
}

std::size_t encoded_bytes(const closed_record&) noexcept {
  return record_head_bytes + 8;
}

void encode(const closed_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::closed, true, m, 0, encoded_bytes(x), w);
  w.u64(x.epoch);
}

result<closed_record> decode_closed(const record_view& record) noexcept {
  field_reader r(record);
  const closed_record x{read_epoch(r, "record.closed.epoch")};
  return r.finish(x, "record.closed.bytes");
}

std::size_t encoded_bytes(const note_record& x) noexcept {
  return record_head_bytes + text_bytes(x.text);
}

void encode(const note_record& x, more m, byte_writer& w) noexcept {
  write_record_head(record_kind::note, false, m, 0, encoded_bytes(x), w);
  write_text(x.text, w);
}

result<note_record> decode_note(const record_view& record) noexcept {
  field_reader r(record);
  const note_record x{r.text()};
  return r.finish(x, "record.note.bytes");
}

}  // namespace pawl
