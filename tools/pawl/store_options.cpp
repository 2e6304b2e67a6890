#include "store_options.hpp"

#include <CLI/CLI.hpp>

#include "persistence/record.hpp"
#include "printable.hpp"
#include "store_help.hpp"
#include "time_text.hpp"

namespace pawl_tool {

namespace {

struct verb_name {
  const char* command;
  const char* verb;
  store_verb is;
  const char* help;
};

constexpr verb_name verbs[] = {
    {"wal", "ls", store_verb::wal_ls, "the segments of the log, by their headers"},
    {"wal", "dump", store_verb::wal_dump, "the records of the log, one line each"},
    {"wal", "verify", store_verb::wal_verify, "reads all of the log and says whether it is sound"},
    {"wal", "stat", store_verb::wal_stat, "how many records of each kind, and their bytes"},
    {"wal", "tail", store_verb::wal_tail, "the last records, and then those that are written"},
    {"store", "info", store_verb::store_info, "what the store is and how much it holds"},
    {"store", "check", store_verb::store_check, "the log and the directory, with all findings"},
    {"jobs", "ls", store_verb::jobs_ls, "the jobs that go on"},
    {"jobs", "show", store_verb::jobs_show, "all that is known of one job, dead or not"},
    {"jobs", "results", store_verb::jobs_results, "what completed jobs have left behind"},
    {"dead", "ls", store_verb::dead_ls, "the dead jobs"},
    {"dead", "show", store_verb::dead_show, "all that is known of one dead job, with its errors"},
};

bool shows_records(store_verb v) {
  return v == store_verb::wal_dump || v == store_verb::wal_tail;
}
bool lists_jobs(store_verb v) {
  return v == store_verb::jobs_ls || v == store_verb::dead_ls;
}
bool shows_one(store_verb v) {
  return v == store_verb::jobs_show || v == store_verb::dead_show;
}

void add_filters(CLI::App& to, store_verb verb, store_options& typed) {
  store_query& asked = typed.asked;
  const bool in_time = shows_records(verb) || lists_jobs(verb) || verb == store_verb::wal_stat;
  if (in_time) {
    to.add_option("--since", typed.since, "not before TIME, or so long ago")->option_text("TIME");
    to.add_option("--until", typed.until, "not after TIME, or so long ago")->option_text("TIME");
  }
  if (shows_records(verb) || verb == store_verb::wal_stat)
    to.add_option("--lsn", typed.lsns, "of these log sequence numbers")->option_text("A..B");
  const bool lists_results = verb == store_verb::jobs_results;
  if (shows_records(verb) || lists_jobs(verb) || lists_results)
    to.add_option("--id", typed.id, "of this job")->option_text("ID");
  if (shows_records(verb) || lists_jobs(verb)) {
    to.add_option("--queue", asked.queue, "of jobs in this queue")->option_text("NAME");
  }
  if (shows_records(verb))
    to.add_option("--record", asked.record, "records of this kind, such as submit")
        ->option_text("KIND");
  if (lists_jobs(verb))
    to.add_option("--kind", asked.kind, "jobs of this kind")->option_text("NAME");
  if (verb == store_verb::jobs_ls)
    to.add_option("--state", asked.state, "ready, scheduled or dead")->option_text("STATE");
  if ((in_time && verb != store_verb::wal_stat) || lists_results)
    to.add_option(
          "--limit", asked.limit,
          verb == store_verb::wal_tail ? "the last N of what is there; default: 10" : "at most N")
        ->option_text("N");
}

void add_verb(CLI::App& command, const verb_name& v, store_options& typed) {
  CLI::App& verb = *command.add_subcommand(v.verb, v.help);
  verb.add_option("DIR", typed.asked.directory, "the store's directory")
      ->required()
      ->option_text(" ");
  if (shows_one(v.is))
    verb.add_option("ID", typed.id, "the job's id")->required()->option_text(" ");
  add_filters(verb, v.is, typed);
  if (shows_records(v.is) || lists_jobs(v.is) || shows_one(v.is))
    verb.add_flag("--payload", typed.asked.payload, "payloads too");
  if (v.is == store_verb::wal_tail)
    verb.add_flag("--no-follow", typed.no_follow, "end after what is there");
  verb.add_option("-o,--output", typed.form,
                  v.is == store_verb::jobs_results ? "text, or jsonl: one object per line"
                                                   : "table, or jsonl: one object per line")
      ->option_text("FORM");
  verb.add_flag("-q,--quiet", typed.asked.quiet, "no line that says as of when");
}

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

void add_store_commands(CLI::App& app, store_options& typed) {
  CLI::App* command = nullptr;
  for (const verb_name& v : verbs) {
    if (command == nullptr || command->get_name() != v.command) {
      command = app.add_subcommand(v.command, help_of(v.command));
      command->require_subcommand(1);
    }
    add_verb(*command, v, typed);
  }
}

std::optional<store_verb> chosen_verb(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  if (commands.empty() || commands.front()->get_subcommands().empty()) return std::nullopt;
  const std::string command = commands.front()->get_name();
  const std::string verb = commands.front()->get_subcommands().front()->get_name();
  for (const verb_name& v : verbs) {
    if (command == v.command && verb == v.verb) return v.is;
  }
  return std::nullopt;
}

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
