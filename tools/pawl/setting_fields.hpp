// setting_fields.hpp -- what a setting in a log says, as fields. Zero of a limit or bound: there is none.
#pragma once

#include <string_view>

#include "field_list.hpp"
#include "persistence/record_setting.hpp"

namespace pawl_tool {

// "limits", "bounds" and so on; "unknown" of one that a later release has made.
[[nodiscard]] std::string_view name_of(const pawl::setting_value& value) noexcept;
void add_setting(field_list& to, const pawl::setting_value& value);

}  // namespace pawl_tool
