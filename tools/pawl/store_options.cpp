#include "store_options.hpp"

#include "persistence/record.hpp"
#include "printable.hpp"
#include "time_text.hpp"

namespace pawl_tool {

namespace {

bool is_record_kind(std::string_view text) {
  for (auto kind = 1; kind <= static_cast<int>(pawl::record_kind_last); ++kind) {
    if (name(static_cast<pawl::record_kind>(kind)) == text) return true;
  }
  return false;
}

// Leaves `to` alone if nothing was typed. False: it is no time.
bool settle_time(const std::optional<std::string>& typed, std::uint64_t now, std::uint64_t& to) {
  if (!typed) return true;
  const auto time = parse_time(*typed, now);
  if (time) to = *time;
  return time.has_value();
}

std::string settle_filters(store_options& typed, std::uint64_t now) {
  store_query& asked = typed.asked;
  constexpr std::string_view times =
      " is no time, such as 2026-11-26T15:39:29Z, 2026-11-26 or 15m (so long ago)";
  if (!settle_time(typed.since, now, asked.since_ns))
    return "--since: " + printable(*typed.since) + std::string(times);
  if (!settle_time(typed.until, now, asked.until_ns))
    return "--until: " + printable(*typed.until) + std::string(times);
  if (typed.lsns) {
    const auto range = parse_lsn_range(*typed.lsns);
    if (!range) return "--lsn: " + printable(*typed.lsns) + " is no range, such as 7..9, 7.. or 7";
    asked.lsns = *range;
  }
  if (typed.id) {
    asked.id = parse_u64(*typed.id);
    if (!asked.id || *asked.id == 0) return "ID: " + printable(*typed.id) + " is no id of a job";
  }
  return {};
}

}  // namespace

std::string settle(store_options& typed, std::uint64_t now_wall_ns) {
  store_query& asked = typed.asked;
  const std::string plain = asked.verb == store_verb::jobs_results ? "text" : "table";
  const std::string form = typed.form.value_or(plain);
  if (form != plain && form != "jsonl")
    return "--output: " + printable(form) + " is neither " + plain + " nor jsonl";
  asked.form = form == "jsonl" ? list_form::jsonl : list_form::table;
  asked.follow = !typed.no_follow;
  if (asked.directory.empty()) return "DIR is empty";
  if (asked.record && !is_record_kind(*asked.record))
    return "--record: " + printable(*asked.record) + " is no kind of record, such as submit";
  const bool is_state = !asked.state || *asked.state == "ready" || *asked.state == "scheduled" ||
                        *asked.state == "dead";
  if (!is_state) return "--state: " + printable(*asked.state) + " is not ready, scheduled or dead";
  return settle_filters(typed, now_wall_ns);
}

}  // namespace pawl_tool
