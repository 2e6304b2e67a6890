#include "record_tally.hpp"
#include "row_writer.hpp"
#include "wal_commands.hpp"

namespace pawl_tool {

int count_records(const store_session& with) {
  const store_query& asked = with.asked;
  record_tally tally(asked.lsns.first, asked.lsns.last, asked.since_ns, asked.until_ns);
  const reading r = with.store.read(tally);
  row_writer writer(asked.form,
                    {{{"record", 10},
                      {"count", 12, true},
                      {"items", 12, true},
                      {"bytes", 14, true},
                      {"bytes_each", 10, true}},
                     false},
                    with.out);
  for (const field_list& row : tally.rows()) writer.write(row);
  return conclude(with, r);
}

}  // namespace pawl_tool
