#include <fmt/format.h>

#include "job_fields.hpp"
#include "row_writer.hpp"
#include "state_commands.hpp"
#include "state_reading.hpp"
#include "submit_fields.hpp"

namespace pawl_tool {

namespace {

const table_shape live_shape{{{"id", 14, true},
                              {"state", 9},
                              {"queue", 12},
                              {"kind", 16},
                              {"priority", 8},
                              {"attempt", 7, true},
                              {"submitted", 24},
                              {"due", 24},
                              {"payload_bytes", 13, true}},
                             false};
const table_shape dead_shape{{{"id", 14, true},
                              {"died", 24},
                              {"cause", 11},
                              {"queue", 12},
                              {"kind", 16},
                              {"attempt", 7, true},
                              {"error", 20}},
                             false};

bool asks_for_dead(const store_query& asked) {
  return asked.verb == store_verb::dead_ls || asked.state == "dead";
}

// The payload stands in a column of its own, under the name that it has.
table_shape shape_for(const store_query& asked) {
  table_shape shape = asks_for_dead(asked) ? dead_shape : live_shape;
  if (asked.payload) shape.columns.push_back({"payload", 20});
  return shape;
}

bool is_wanted(const store_query& asked, const state_reading& all, const name_book& names,
               const pawl::durable_job& job) {
  using of = name_book::of;
  const std::uint64_t at =
      job.is_dead ? job.state_wall_ns : wall_of_boot(job.submitted_ns, all.now);
  return at >= asked.since_ns && at <= asked.until_ns && (!asked.id || *asked.id == job.id.value) &&
         (!asked.queue || *asked.queue == names.text_of(of::queue, job.queue)) &&
         (!asked.kind || *asked.kind == names.text_of(of::kind, job.kind)) &&
         (!asked.state || *asked.state == state_of(job, all.now));
}

const pawl::durable_job* find(const store_query& asked, const pawl::durable_state& state) {
  const auto in = [&](const std::vector<const pawl::durable_job*>& jobs) {
    for (const pawl::durable_job* job : jobs) {
      if (job->id.value == *asked.id) return job;
    }
    return static_cast<const pawl::durable_job*>(nullptr);
  };
  const pawl::durable_job* const dead = in(state.dead());
  return dead != nullptr || asked.verb == store_verb::dead_show ? dead : in(state.live());
}

int fail(const store_session& with, const pawl::failure& why) {
  with.messages.message(text_of(why));
  return exit_code_of(why);
}

}  // namespace

int list_jobs(const store_session& with) {
  const auto all = read_state(with.store);
  if (!all) return fail(with, all.error());
  const name_book names = all->names();
  row_writer rows(with.asked.form, shape_for(with.asked), with.out);
  const auto& jobs = asks_for_dead(with.asked) ? all->state->dead() : all->state->live();
  std::uint64_t left = all->has_jobs ? with.asked.limit : 0;
  for (const pawl::durable_job* job : jobs) {
    if (left == 0 || rows.failed()) break;
    if (!is_wanted(with.asked, *all, names, *job)) continue;
    rows.write(fields_of(*job, all->now, names, with.asked.payload));
    --left;
  }
  return conclude(with, all->seen);
}

int show_job(const store_session& with) {
  const auto all = read_state(with.store);
  if (!all) return fail(with, all.error());
  const pawl::durable_job* const job = all->has_jobs ? find(with.asked, *all->state) : nullptr;
  if (job != nullptr) {
    const field_list fields = fields_of(*job, all->now, all->names(), with.asked.payload);
    with.out.append(with.asked.form == list_form::jsonl ? json_of(fields) + '\n'
                                                        : sheet_of(fields));
  }
  const int exit_code = conclude(with, all->seen);
  if (job != nullptr || exit_code != 0) return exit_code;
  with.messages.message(fmt::format("there is no {}job {}: it was never here, or it has ended",
                                    with.asked.verb == store_verb::dead_show ? "dead " : "",
                                    *with.asked.id));
  return exit_not_found;
}

}  // namespace pawl_tool
