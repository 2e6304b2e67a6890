// persistence/record_coding.hpp -- records to bytes and back, for tests.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "persistence/record_any.hpp"

namespace pawl::test {

using byte_vector = std::vector<std::byte>;

inline byte_vector coded(const any_record& x, more m = more::no) {
  byte_vector bytes(encoded_bytes(x));
  byte_writer w(bytes);
  encode(x, m, w);
  bytes.resize(w.size());
  return bytes;
}

// What comes of bytes that may be anything: how many records were decoded, and the first refusal.
struct judgement {
  std::size_t decoded = 0;
  bool canonical = true;  // each record that was decoded is written again as the same bytes
  std::optional<failure> refused;
};

inline judgement judge(byte_span bytes) {
  judgement j;
  record_walk walk(bytes);
  while (const auto record = walk.next()) {
    const auto x = decode(*record);
    if (!x) {
      j.refused = x.error();
      return j;
    }
    ++j.decoded;
    const byte_vector again = coded(*x, record->more);
    j.canonical = j.canonical && as_text(again) == as_text(record->bytes);
  }
  if (const auto end = walk.end(); !end) j.refused = end.error();
  return j;
}

// The record that `bytes` are, all of them.
inline result<any_record> decoded(byte_span bytes) {
  record_walk walk(bytes);
  const auto record = walk.next();
  if (!record) return walk.end() ? failure{errc::not_found, 0, "nothing"} : walk.end().error();
  return decode(*record);
}

template <class T>
void set_at(byte_vector& bytes, std::size_t offset, T value) {
  byte_writer w(std::span<std::byte>(bytes).subspan(offset));
  w.numbers(value);
}

inline constexpr record_kind all_record_kinds[] = {
    record_kind::name,    record_kind::submit,  record_kind::ended,    record_kind::again,
    record_kind::died,    record_kind::change,  record_kind::requeued, record_kind::purged,
    record_kind::result,  record_kind::crashed, record_kind::key,      record_kind::cursor,
    record_kind::setting, record_kind::floor,   record_kind::opened,   record_kind::closed,
    record_kind::note};

}  // namespace pawl::test
