#include "record_tally.hpp"

#include <algorithm>

#include "store_reader.hpp"

namespace pawl_tool {

pawl::status record_tally::take(const pawl::log_cut& cut) {
  if (cut.lsn > last_lsn_) return seen_enough;
  const bool is_wanted =
      cut.lsn >= first_lsn_ && cut.written.wall_ns >= since_ns_ && cut.written.wall_ns <= until_ns_;
  if (!is_wanted) return std::monostate{};
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;
  for (const pawl::cut_part& part : cut.parts) {
    bytes += part.bytes.size();
    pawl::record_walk walk(part.bytes);
    while (const auto record = walk.next()) {
      const std::uint64_t n = std::max<std::uint64_t>(record->count, 1);
      kinds_[static_cast<std::size_t>(record->kind)].add(n, record->bytes.size());
      items += n;
    }
    if (pawl::status s = walk.end(); !s) return s.error();
  }
  cuts_.add(items, bytes);
  return std::monostate{};
}

field_list record_tally::row_of(std::string_view name, const sum& s) {
  field_list row;
  row.word("record", name).number("count", s.records).number("items", s.items);
  return row.number("bytes", s.bytes)
      .number("bytes_each", s.bytes / std::max<std::uint64_t>(s.records, 1));
}

std::vector<field_list> record_tally::rows() const {
  std::vector<field_list> rows;
  for (std::size_t kind = 1; kind < kinds_.size(); ++kind) {
    if (kinds_[kind].records == 0) continue;
    rows.push_back(row_of(name(static_cast<pawl::record_kind>(kind)), kinds_[kind]));
  }
  rows.push_back(row_of("cut", cuts_));
  return rows;
}

}  // namespace pawl_tool
