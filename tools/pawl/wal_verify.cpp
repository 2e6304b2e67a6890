#include "verify_fields.hpp"
#include "wal_commands.hpp"

namespace pawl_tool {

int verify_log(const store_session& with) {
  const auto all = read_state(with.store);
  if (!all) {
    with.messages.message(text_of(all.error()));
    return exit_code_of(all.error());
  }
  if (!is_store(all->seen)) return conclude(with, all->seen);
  const field_list fields = fields_of_verify(*all);
  with.out.append(with.asked.form == list_form::jsonl ? json_of(fields) + '\n' : sheet_of(fields));
  return conclude(with, all->seen);
}

}  // namespace pawl_tool
