#include "queue_depths.hpp"

#include <algorithm>

#include "job_fields.hpp"
#include "submit_fields.hpp"

namespace pawl_tool {

queue_depths depths_of(const state_reading& all) {
  queue_depths depths;
  for (const pawl::durable_job* job : all.state->live()) {
    queue_depth& d = depths[job->queue];
    ++(state_of(*job, all.now) == name(pawl::job_state::ready) ? d.ready : d.scheduled);
    const std::uint64_t submitted = wall_of_boot(job->submitted_ns, all.now);
    d.oldest_ns = d.oldest_ns == 0 ? submitted : std::min(d.oldest_ns, submitted);
  }
  for (const pawl::durable_job* job : all.state->dead()) ++depths[job->queue].dead;
  return depths;
}

std::vector<field_list> queue_rows(const state_reading& all, const queue_depths& depths) {
  std::vector<field_list> rows;
  for (const auto& [number, text] : all.state->names(pawl::name_space::queue)) {
    const auto found = depths.find(number);
    const queue_depth d = found == depths.end() ? queue_depth{} : found->second;
    field_list& row = rows.emplace_back();
    row.text("queue", text).number("ready", d.ready).number("scheduled", d.scheduled);
    row.number("dead", d.dead);
    if (d.oldest_ns != 0) row.time("oldest", d.oldest_ns);
  }
  return rows;
}

}  // namespace pawl_tool
