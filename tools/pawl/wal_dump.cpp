#include "record_stream.hpp"
#include "row_writer.hpp"
#include "wal_commands.hpp"

namespace pawl_tool {

const table_shape& record_shape() {
  static const table_shape shape{{{"lsn", 8, true},
                                  {"time", 24},
                                  {"record", 8},
                                  {"id", 14, true},
                                  {"version", 7, true},
                                  {"queue", 10},
                                  {"kind", 10}},
                                 true};
  return shape;
}

int dump_records(const store_session& with) {
  row_writer rows(with.asked.form, record_shape(), with.out);
  std::uint64_t left = with.asked.limit;
  record_stream records(with.asked, [&](const field_list& row) {
    if (left == 0 || rows.failed()) return false;
    rows.write(row);
    return --left != 0;
  });
  return conclude(with, with.store.read(records));
}

}  // namespace pawl_tool
