// wal_commands.hpp -- `pawl wal`: the log of a store as it lies there.
#pragma once

#include "row_writer.hpp"
#include "store_session.hpp"

namespace pawl_tool {

// Each prints what it found and returns the exit code.
int list_segments(const store_session& with);
int dump_records(const store_session& with);
int verify_log(const store_session& with);
int count_records(const store_session& with);
// Until SIGINT or SIGTERM, which are blocked for it, unless it is not to follow.
int tail_log(const store_session& with);

// Rows of records.
[[nodiscard]] const table_shape& record_shape();

}  // namespace pawl_tool
