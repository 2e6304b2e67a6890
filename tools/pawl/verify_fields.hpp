// verify_fields.hpp -- what `pawl wal verify` says of a log that was read whole, or up to its damage.
#pragma once

#include <string>

#include "field_list.hpp"
#include "state_reading.hpp"

namespace pawl_tool {

// What the table of FORMAT.md, section 5, has said of the end.
[[nodiscard]] std::string tail_text(const pawl::log_summary& summary);
[[nodiscard]] field_list fields_of_verify(const state_reading& all);

}  // namespace pawl_tool
