// persistence/record_any.hpp -- a record of whatever kind.
#pragma once

#include <cstddef>
#include <variant>

#include "persistence/record.hpp"
#include "persistence/record_epoch.hpp"
#include "persistence/record_name.hpp"
#include "persistence/record_outcome.hpp"
#include "persistence/record_setting.hpp"
#include "persistence/record_submit.hpp"
#include "persistence/record_verb.hpp"

namespace pawl {

// In the order of their kinds.
using any_record = std::variant<name_record, submit_record, ended_record, again_record, died_record,
                                change_record, requeued_record, purged_record, result_record,
                                crashed_record, key_record, cursor_record, setting_record,
                                floor_record, opened_record, closed_record, note_record>;

[[nodiscard]] record_kind kind_of(const any_record& x) noexcept;

[[nodiscard]] std::size_t encoded_bytes(const any_record& x) noexcept;
void encode(const any_record& x, more m, byte_writer& w) noexcept;

// What is decoded are views into the bytes of the record.
//   errc::corrupt  it breaks a rule; failure::where says which, such as "record.submit.priority"
//   errc::version  it is a setting that is needed and that this release does not know
[[nodiscard]] result<any_record> decode(const record_view& r) noexcept;

}  // namespace pawl
