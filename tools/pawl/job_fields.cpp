#include "job_fields.hpp"

#include "persistence/record.hpp"
#include "submit_fields.hpp"

namespace pawl_tool {

std::string_view state_of(const pawl::durable_job& job, const pawl::boot_moment& now) noexcept {
  if (job.is_dead) return name(pawl::job_state::dead);
  const bool is_later = job.due && wall_of(*job.due, now) > now.wall_ns;
  return name(is_later ? pawl::job_state::scheduled : pawl::job_state::ready);
}

field_list fields_of(const pawl::durable_job& job, const pawl::boot_moment& now,
                     const name_book& names, bool with_payload) {
  field_list fields;
  fields.id("id", job.id.value).word("state", state_of(job, now));
  if (job.is_dead) fields.word("cause", name(job.cause));
  if (job.state_wall_ns != 0) fields.time(job.is_dead ? "died" : "went_on", job.state_wall_ns);
  fields.text("queue", names.text_of(name_book::of::queue, job.queue));
  add_submit(fields, job, job, now, names);
  fields.number("attempt", job.attempt).number("version", job.version);
  if (job.pushbacks != 0) fields.number("pushbacks", job.pushbacks);
  if (job.crashes != 0) fields.number("crashes", job.crashes);
  fields.number("payload_bytes", job.payload.size());
  if (with_payload) fields.bytes("payload", pawl::as_text(job.payload));
  if (job.errors.empty()) return fields;
  std::vector<field_list> errors;
  for (const pawl::durable_error& e : job.errors) {
    errors.emplace_back()
        .time("time", e.wall_ns)
        .number("attempt", e.attempt)
        .number("kind", e.kind)
        .text("text", e.text);
  }
  return fields.text("error", job.errors.back().text).list("errors", std::move(errors));
}

}  // namespace pawl_tool
