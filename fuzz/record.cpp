// The bytes of a ring, which may be anything. What is read as a record is written again as the same bytes: as
// it was read, and from arrays of its items.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "persistence/record_any.hpp"

namespace pawl {
namespace {

void expect_the_same(const any_record& x, const record_view& record) {
  std::vector<std::byte> again(encoded_bytes(x));
  PAWL_CHECK(again.size() == record.bytes.size());
  byte_writer w(again);
  encode(x, record.more, w);
  PAWL_CHECK(w.size() == again.size());
  PAWL_CHECK(std::memcmp(again.data(), record.bytes.data(), again.size()) == 0);
}

template <class Item>
std::vector<Item> array_of(const item_list<Item>& list) {
  std::vector<Item> items;
  for (const Item& item : list) items.push_back(item);
  PAWL_CHECK(items.size() == list.size());
  return items;
}

template <class Record>
void expect_the_same_from_arrays(Record x, const record_view& record) {
  if constexpr (requires { array_of(x.jobs); }) {
    const auto jobs = array_of(x.jobs);
    x.jobs = jobs;
    expect_the_same(x, record);
  } else if constexpr (requires { array_of(x.facts.errors); }) {
    const auto errors = array_of(x.facts.errors);
    x.facts.errors = errors;
    expect_the_same(x, record);
  }
}

void walk_all(byte_span bytes) {
  record_walk walk(bytes);
  std::size_t walked = 0;
  while (const auto record = walk.next()) {
    PAWL_CHECK(record->bytes.size() >= record_head_bytes);
    PAWL_CHECK(walk.offset() >= walked + record->bytes.size());
    walked = walk.offset();
    const auto x = decode(*record);
    if (x) {
      PAWL_CHECK(kind_of(*x) == record->kind);
      expect_the_same(*x, *record);
      std::visit([&](const auto& known) { expect_the_same_from_arrays(known, *record); }, *x);
    } else {
      PAWL_CHECK(!x.error().where.empty());
    }
  }
  const status end = walk.end();
  PAWL_CHECK(!end || (walk.offset() == bytes.size() && walk.is_between_groups()));
}

}  // namespace
}  // namespace pawl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl::walk_all(std::as_bytes(std::span(data, size)));
  return 0;
}
