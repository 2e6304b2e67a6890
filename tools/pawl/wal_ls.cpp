#include "persistence/log_files.hpp"
#include "persistence/segment_name.hpp"
#include "row_writer.hpp"
#include "wal_commands.hpp"

namespace pawl_tool {

namespace {

const table_shape segment_shape{{{"file", 24},
                                 {"epoch", 6, true},
                                 {"bytes", 10, true},
                                 {"made", 24},
                                 {"base_frame", 10, true},
                                 {"base_lsn", 8, true}},
                                true};

field_list row_of(const pawl::segment_header& h) {
  field_list row;
  row.word("file", pawl::file_name(pawl::segment_prefix, h.number))
      .number("number", h.number)
      .number("epoch", h.epoch)
      .number("bytes", h.segment_bytes)
      .time("made", h.made.wall_ns)
      .number("base_frame", h.base.frame)
      .number("base_lsn", h.base.lsn);
  if (h.base.dropped_bytes != 0) row.number("dropped_bytes", h.base.dropped_bytes);
  return row;
}

}  // namespace

// Headers only. A running scheduler may remove a file that was listed: then it is listed again.
int list_segments(const store_session& with) {
  constexpr int looks_max = 10;
  std::vector<field_list> rows;
  std::optional<pawl::log_fault> fault;
  for (int look = 0; look == 0 || (fault && look < looks_max); ++look) {
    rows.clear();
    pawl::log_files files(with.store.device());
    fault = files.open();
    for (const pawl::log_segment& s : files.segments()) {
      if (s.header.number != 0) rows.push_back(row_of(s.header));  // 0: it could not be read
    }
  }
  row_writer writer(with.asked.form, segment_shape, with.out);
  std::uint64_t left = with.asked.limit;
  for (const field_list& row : rows) {
    if (left-- == 0) break;
    writer.write(row);
  }
  with.out.flush();
  if (!fault && rows.empty()) {
    with.messages.message("there is no store: the directory holds no log");
    return exit_not_found;
  }
  if (!fault) return 0;
  with.messages.message(text_of(*fault));
  return exit_code_of(fault->cause);
}

}  // namespace pawl_tool
