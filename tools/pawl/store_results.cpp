#include <utility>

#include "field_list.hpp"
#include "result_format.hpp"
#include "state_commands.hpp"
#include "state_reading.hpp"
#include "stored_result.hpp"

namespace pawl_tool {

namespace {

class result_printer {
 public:
  explicit result_printer(const store_session& with)
      : with_(with), errors_(output_buffer::stream::errors, with.messages) {}
  ~result_printer() { errors_.flush(); }

  void print(pawl::job_id id, std::span<const std::byte> bytes) {
    auto ours = decode_result(bytes);
    const bool as_json = with_.asked.form == list_form::jsonl;
    if (!ours && as_json) {
      field_list fields;
      fields.id("id", id.value).bytes("result", pawl::as_text(bytes));
      with_.out.append(json_of(fields) + '\n');
    } else if (!ours) {
      with_.out.append(pawl::as_text(bytes));
    } else if (as_json) {
      write_jsonl(shown(std::move(*ours), id), {}, with_.out);
    } else {
      write_text(shown(std::move(*ours), id), with_.out, errors_);
    }
  }

 private:
  const store_session& with_;
  output_buffer errors_;
};

}  // namespace

int list_results(const store_session& with) {
  const auto all = read_state(with.store);
  if (!all) {
    with.messages.message(text_of(all.error()));
    return exit_code_of(all.error());
  }
  std::uint64_t left = all->has_jobs ? with.asked.limit : 0;
  bool found = false;
  {
    result_printer printer(with);
    for (const pawl::job_id id : all->state->results_by_order()) {
      if (left == 0 || with.out.failed_errno() != 0) break;
      if (with.asked.id && *with.asked.id != id.value) continue;
      printer.print(id, all->state->results().at(id.value).value);
      found = true;
      --left;
    }
  }
  const int exit_code = conclude(with, all->seen);
  if (exit_code != 0 || found || !with.asked.id) return exit_code;
  with.messages.message("nothing is kept of job " + std::to_string(*with.asked.id));
  return exit_not_found;
}

}  // namespace pawl_tool
