// record_rows.hpp -- a log's records as rows: one for each record, or for each job of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "field_list.hpp"
#include "name_book.hpp"
#include "persistence/record_any.hpp"
#include "persistence/segment_header.hpp"

namespace pawl_tool {

struct record_place {
  std::uint64_t lsn = 0;
  std::uint64_t epoch = 0;
  std::uint32_t ring = 0;
  pawl::boot_moment written;  // its cut
};

struct record_row {
  pawl::job_id id;    // 0: it is about no job
  std::string queue;  // that the record names; empty: none
  field_list fields;
};

// With the payloads of jobs, or only their lengths.
[[nodiscard]] std::vector<record_row> rows_of(const pawl::any_record& record,
                                              const record_place& place, const name_book& names,
                                              bool with_payload);

}  // namespace pawl_tool
