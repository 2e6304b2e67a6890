#include "record_rows.hpp"

#include <fmt/format.h>

#include <array>
#include <variant>

#include "setting_fields.hpp"
#include "submit_fields.hpp"

namespace pawl_tool {

namespace {

using of = name_book::of;

constexpr std::array<std::string_view, 3> ended_ways{"completed", "cancelled", "expired"};
constexpr std::array<std::string_view, 6> again_causes{"retry", "snooze",      "rate_limited",
                                                       "yield", "interrupted", "as_it_was"};
constexpr std::array<std::string_view, 3> key_states{"free", "by_job", "until_time"};
constexpr std::array<std::string_view, 3> before_words{"nothing", "closed", "not_closed"};
constexpr std::array<std::string_view, 5> spaces{"queue", "kind", "tenant", "source", "tag"};
constexpr std::array<std::string_view, 5> part_names{"scheduler", "queue", "kind", "tenant",
                                                     "lane"};
template <std::size_t Count>
std::string_view word(const std::array<std::string_view, Count>& words, auto value) {
  const auto index = static_cast<std::size_t>(value);
  return index < Count ? words[index] : "unknown";
}

// Makes the rows of one record, whatever its kind.
class row_maker {
 public:
  row_maker(const record_place& place, const name_book& names, bool with_payload)
      : place_(place), names_(names), with_payload_(with_payload) {}

  std::vector<record_row> take(const pawl::any_record& record) {
    kind_ = name(kind_of(record));
    std::visit([this](const auto& r) { add(r); }, record);
    return std::move(rows_);
  }

 private:
  field_list& row(pawl::job_id id = {}) {
    record_row& made = rows_.emplace_back();
    made.id = id;
    made.fields.number("lsn", place_.lsn)
        .time("time", place_.written.wall_ns)
        .number("epoch", place_.epoch)
        .number("ring", place_.ring)
        .word("record", kind_);
    return id.value == 0 ? made.fields.nothing("id") : made.fields.id("id", id.value);
  }
  field_list& row(pawl::job_id id, std::uint64_t version) {
    return row(id).number("version", version);
  }
  void set_queue(std::uint32_t number) {
    rows_.back().queue = names_.text_of(of::queue, number);
    rows_.back().fields.text("queue", rows_.back().queue);
  }
  void add_time(field_list& to, std::string_view field_name, pawl::clock_time t) const {
    to.time(field_name, wall_of(t, place_.written));
  }
  void add_value(field_list& to, std::string_view field_name, pawl::byte_span value) const {
    to.number(std::string(field_name) + "_bytes", value.size());
    if (with_payload_) to.bytes(field_name, pawl::as_text(value));
  }
  void add_facts(field_list& to, const pawl::attempt_state& facts) const {
    to.number("attempt", facts.attempt).number("pushbacks", facts.pushbacks);
    to.number("crashes", facts.crashes).time("at", facts.wall_ns);
  }
  static void add_errors(field_list& to, const pawl::attempt_state& facts) {
    std::vector<field_list> errors;
    for (const pawl::attempt_error e : facts.errors) {
      field_list& error = errors.emplace_back();
      error.time("time", e.wall_ns).number("attempt", e.attempt).number("kind", e.kind);
      error.text("text", e.text);
    }
    if (!errors.empty()) to.text("error", (errors.back().find("text"))->text);
    to.list("errors", std::move(errors));
  }

  void add(const pawl::name_record& r) {
    row()
        .word("space", spaces[static_cast<std::size_t>(r.space) - 1])
        .number("number", r.number)
        .text("name", r.text);
  }
  void add(const pawl::submit_record& r) {
    for (const pawl::submitted_job job : r.jobs) {
      field_list& to = row(job.id, job.version);
      set_queue(r.common.queue);
      add_submit(to, r.common, r.extras, place_.written, names_);
      add_value(to, "payload", job.payload);
    }
  }
  void add(const pawl::ended_record& r) {
    for (const pawl::ended_job job : r.jobs)
      row(job.id, job.version).word("how", word(ended_ways, r.how));
  }
  void add(const pawl::again_record& r) {
    field_list& to = row(r.facts.id, r.facts.version).word("cause", word(again_causes, r.cause));
    add_facts(to, r.facts);
    if (r.due.ns != 0) add_time(to, "due", r.due);
    add_errors(to, r.facts);
  }
  void add(const pawl::died_record& r) {
    field_list& to = row(r.facts.id, r.facts.version).word("cause", name(r.cause));
    add_facts(to, r.facts);
    add_errors(to, r.facts);
  }
  void add(const pawl::change_record& r) {
    field_list& to = row(r.id, r.version);
    if (r.due) add_time(to, "due", *r.due);
    if (r.priority) to.word("priority", name(*r.priority));
    if (r.queue) set_queue(*r.queue);
  }
  void add(const pawl::requeued_record& r) {
    row(r.id, r.version).word("priority", name(r.priority));
  }
  void add(const pawl::purged_record& r) {
    for (const pawl::purged_job job : r.jobs) row(job.id, job.version);
  }
  void add(const pawl::result_record& r) {
    field_list& to = row(r.id, r.version);
    add_value(to, "value", r.value);
  }
  void add(const pawl::crashed_record& r) {
    for (const pawl::crashed_job job : r.jobs) row(job.id, job.version).flag("alone", job.alone);
  }
  void add(const pawl::key_record& r) {
    field_list& to = row(r.holder).word("key", text_of(r.hash)).number("order", r.order);
    to.word("state", word(key_states, r.state));
    if (r.until_wall_ns != 0) to.time("until", r.until_wall_ns);
  }
  void add(const pawl::cursor_record& r) {
    field_list& to = row().text("source", names_.text_of(of::source, r.source));
    to.number("order", r.order);
    add_value(to, "position", r.position);
  }
  void add(const pawl::setting_record& r) {
    field_list& to = row().word("part", word(part_names, r.part));
    if (r.number != 0) to.text("name", names_.text_of(space_of(r.part), r.number));
    if (!r.lane.empty()) to.text("lane", r.lane);
    to.number("order", r.order).word("setting", name_of(r.value));
    add_setting(to, r.value);
  }
  void add(const pawl::floor_record& r) { row().number("generation", r.generation); }
  void add(const pawl::opened_record& r) {
    row()
        .number("opened_epoch", r.epoch)
        .number("recovered_lsn", r.recovered_lsn)
        .number("jobs", r.jobs)
        .number("dead", r.dead)
        .word("before", word(before_words, r.how));
  }
  void add(const pawl::closed_record& r) { row().number("closed_epoch", r.epoch); }
  void add(const pawl::note_record& r) { row().text("note", r.text); }

  static of space_of(pawl::scope::part part) {
    if (part == pawl::scope::part::kind) return of::kind;
    return part == pawl::scope::part::tenant ? of::tenant : of::queue;
  }

  const record_place& place_;
  const name_book& names_;
  const bool with_payload_;
  std::string_view kind_;
  std::vector<record_row> rows_;
};

}  // namespace

std::vector<record_row> rows_of(const pawl::any_record& record, const record_place& place,
                                const name_book& names, bool with_payload) {
  return row_maker(place, names, with_payload).take(record);
}

}  // namespace pawl_tool
