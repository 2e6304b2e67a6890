#include "record_stream.hpp"

#include "store_reader.hpp"

namespace pawl_tool {

// Names come first: a cut's own records may need them.
pawl::status record_stream::take(const pawl::log_cut& cut) {
  if (cut.lsn > asked_.lsns.last) return seen_enough;
  for (const pawl::cut_part& part : cut.parts) {
    pawl::record_walk walk(part.bytes);
    while (const auto record = walk.next()) {
      if (record->kind != pawl::record_kind::name) continue;
      if (const auto named = pawl::decode_name(*record)) names_.add(*named);
    }
  }
  const record_place place{cut.lsn, cut.epoch, 0, cut.written};
  for (const pawl::cut_part& part : cut.parts) {
    if (pawl::status s = take(part, place); !s) return s.error();
  }
  return std::monostate{};
}

pawl::status record_stream::take(const pawl::cut_part& part, const record_place& cut) {
  record_place place = cut;
  place.ring = part.ring;
  pawl::record_walk walk(part.bytes);
  while (const auto view = walk.next()) {
    const auto record = pawl::decode(*view);
    if (!record) return record.error();
    for (const record_row& row : rows_of(*record, place, names_, asked_.payload)) {
      if (is_wanted(row, name(view->kind)) && !to_(row.fields)) return seen_enough;
    }
  }
  return walk.end();
}

bool record_stream::is_wanted(const record_row& row, std::string_view kind) {
  const bool in_queue = !asked_.queue || is_of_queue(row);
  const std::uint64_t lsn = row.fields.find("lsn")->number;
  const std::uint64_t at = row.fields.find("time")->number;
  return in_queue && lsn >= asked_.lsns.first && lsn <= asked_.lsns.last && at >= asked_.since_ns &&
         at <= asked_.until_ns && (!asked_.id || row.id.value == *asked_.id) &&
         (!asked_.record || *asked_.record == kind);
}

// Most records do not say the queue: it is that of the last record of the job that did.
bool record_stream::is_of_queue(const record_row& row) {
  if (row.id.value == 0) return false;
  if (!row.queue.empty()) in_queue_[row.id.value] = row.queue == *asked_.queue;
  const auto found = in_queue_.find(row.id.value);
  return found != in_queue_.end() && found->second;
}

}  // namespace pawl_tool
