#include "verify_fields.hpp"

#include <fmt/format.h>

#include "persistence/segment_name.hpp"
#include "persistence/tail_table.hpp"

namespace pawl_tool {

std::string tail_text(const pawl::log_summary& summary) {
  if (summary.fault) {
    const auto has = [&](pawl::tail_row row) {
      return summary.rows[static_cast<std::size_t>(row)] != 0;
    };
    if (has(pawl::tail_row::C)) return "row C: damage: the next epoch goes on from this frame";
    if (has(pawl::tail_row::E)) return "row E: damage: a later frame says that it was durable";
    return "not reached";
  }
  if (summary.end.dropped_bytes == 0) return "row F: the end of the log, nothing is left out";
  return fmt::format("row F: a torn tail, {} bytes of frames are left out",
                     summary.end.dropped_bytes);
}

field_list fields_of_verify(const state_reading& all) {
  const pawl::log_summary& log = all.seen.summary;
  field_list fields;
  fields.word("result", all.is_whole ? "sound" : "damaged");
  const bool is_known = log.first_segment != 0;  // where the log begins
  fields.number("segments", is_known ? log.last_segment - log.first_segment + 1 : 0);
  fields.number("first_segment", log.first_segment).number("last_segment", log.last_segment);
  fields.number("epochs", all.epochs).number("last_epoch", log.epoch);
  fields.number("frames", log.frames).number("cuts", log.cuts).number("records", all.records);
  fields.number("first_lsn", all.first_lsn).number("last_lsn", all.seen.lsn);
  if (all.seen.wall_ns != 0) fields.time("last_time", all.seen.wall_ns);
  fields.word("tail", tail_text(log)).number("dropped_bytes", log.end.dropped_bytes);
  field_list rows;
  for (std::size_t i = 0; i < log.rows.size(); ++i) {
    rows.number(std::string(1, static_cast<char>('A' + i)), log.rows[i]);
  }
  fields.list("rows", {rows});
  if (all.has_jobs) {
    fields.number("jobs", all.state->live().size()).number("dead", all.state->dead().size());
  }
  if (all.seen.open_by) fields.number("open_by", static_cast<std::uint64_t>(*all.seen.open_by));
  if (!log.fault) return fields;
  const pawl::log_fault& fault = *log.fault;
  fields.word("reason", text_of(fault.cause));
  if (fault.segment == 0) return fields;
  fields.word("file", pawl::file_name(pawl::segment_prefix, fault.segment));
  return fields.number("offset", fault.offset).number("frame", fault.frame);
}

}  // namespace pawl_tool
