#include "command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "pawl/version.hpp"
#include "printable.hpp"
#include "run_help.hpp"
#include "store_help.hpp"
#include "store_options.hpp"
#include "typed_options.hpp"
#include "whole_number.hpp"

namespace pawl_tool {

namespace {

const char* const program_help = R"(Examples:
  find /usr/include -type f | pawl run digest | sha256sum -c --quiet
  ls *.png | pawl run --concurrency 4 -- convert {} -resize 50% small/{}
  pawl run --help
  pawl store info jobs
  pawl wal verify jobs
  pawl jobs ls jobs --state scheduled
  find /usr/include -type f | pawl run --store jobs digest; pawl jobs results jobs
  pawl dead ls jobs)";

// In the list of commands each has one line: that behind the examples, with which its help begins.
class short_list final : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* command) const override {
    std::string text = command->get_description();
    if (const std::size_t gap = text.find("\n\n"); gap != text.npos) text.erase(0, gap + 2);
    text = text.substr(0, text.find('\n'));
    return fmt::format("  {:<10}{}\n", command->get_name(), text);
  }
};

// The words after "--" are the command's, whatever they look like.
std::vector<std::string> take_command(std::vector<std::string>& words, bool& has_command) {
  const auto separator = std::find(words.begin(), words.end(), "--");
  has_command = separator != words.end();
  if (!has_command) return {};
  std::vector<std::string> command(separator + 1, words.end());
  words.erase(separator, words.end());
  return command;
}

// `pawl help wal` is `pawl wal --help`.
void turn_help_around(std::vector<std::string>& words) {
  if (words.empty() || words.front() != "help") return;
  words.erase(words.begin());
  words.push_back("--help");
}

// CLI11 reads -1 as the greatest number there is, and as that whatever is greater.
CLI::Validator whole_number() {
  return {[](const std::string& text) {
            return parse_u64(text) ? std::string() : printable(text) + " is no whole number";
          },
          ""};
}
// The same before a unit.
CLI::Validator number_and_unit() {
  return {[](const std::string& text) {
            const auto digits =
                std::string_view(text).substr(0, text.find_first_not_of("0123456789"));
            return parse_u64(digits) ? std::string() : printable(text) + " is no size such as 64MB";
          },
          ""};
}

// Which fills `typed` and `settings`.
void add_run_command(CLI::App& app, typed_options& typed, run_settings& settings) {
  CLI::App& run = *app.add_subcommand("run", run_help);
  run.add_option("KIND", typed.kind, "digest, noop, sleep; or -- COMMAND")->option_text(" ");
  run.add_flag("-0,--null", typed.nul_separated, "lines end with a NUL byte, not with a newline");
  run.add_flag("--jsonl", settings.jsonl, "lines are JSON objects, one job each");
  run.add_option("-j,--concurrency", settings.concurrency,
                 "jobs at once; default: one per processor")
      ->check(whole_number())
      ->check(CLI::Range(1U, processes_max))
      ->option_text("N");
  run.add_option("--rate", typed.rate, "starts at most, such as 50/s, or 50/s,burst=10")
      ->option_text("RATE");
  run.add_option("--queue", typed.queues, "a queue and its limits; several with --jsonl")
      ->allow_extra_args(false)
      ->option_text("QUEUE");
  run.add_option("--lane", typed.lane,
                 "which word of a line, or with --jsonl which member, is its lane")
      ->option_text("FIELD");
  run.add_option("--priority", typed.priority,
                 "critical, high, above, normal, below, low, bulk or idle")
      ->option_text("NAME");
  run.add_option("--after", typed.after, "each job is due so long after it was read")
      ->option_text("TIME");
  run.add_option("--timeout", typed.timeout, "the longest an attempt may run; default: no limit")
      ->option_text("TIME");
  run.add_option("--attempts", settings.attempts, "starts of a job that fails; default: 1")
      ->check(whole_number())
      ->check(CLI::Range(1U, 255U))
      ->option_text("N");
  run.add_option("--backoff", typed.backoff, "how long to wait before a retry")
      ->option_text("SPEC");
  run.add_option("--dead-on", typed.dead_on,
                 "exit codes of COMMAND that are not tried again, such as 2,64-78")
      ->option_text("CODES");
  run.add_option("--halt", settings.halt, "stop after N failures; running jobs may finish")
      ->check(whole_number())
      ->check(CLI::Range(std::uint64_t{1}, ~std::uint64_t{0}))
      ->option_text("N");
  run.add_option("--tag", settings.tag, "shown in the summary and in jsonl")->option_text("TEXT");
  run.add_flag("--keep-order", settings.keep_order, "output in the order of the input");
  run.add_option("-o,--output", typed.form, "text, or jsonl: one object per job")
      ->option_text("FORM");
  run.add_option("--window", settings.window, "most jobs in memory at once; default: 65536")
      ->check(whole_number())
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
      ->option_text("N");
  run.add_option("--memory", settings.memory_bytes,
                 "most memory of the scheduler, such as 64MB; default: what --window takes")
      ->transform(CLI::AsSizeValue(false))
      ->transform(number_and_unit())  // looks first
      ->option_text("SIZE");
  run.add_option("--store", typed.store, "keeps jobs and results in DIR, to go on after a crash")
      ->option_text("DIR");
  run.add_flag("--new", settings.begin_anew, "throws away what DIR holds");
  run.add_option("--for", typed.sleep_for, "kind sleep: how long, such as 200ms")
      ->option_text("TIME");
  run.add_flag("--dry-run", settings.dry_run, "say what would be run and how, one line per job");
  run.add_flag("-q,--quiet", settings.quiet, "no progress and no summary");
}

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
        ->check(whole_number())
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

// Which fill `typed`.
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

// Which verb of which command was read; nothing: none of these.
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

std::uint64_t wall_now_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

// The one whose help there is to read, and a blank; empty: none was named.
std::string command_of(const CLI::App& app) {
  const auto named = app.get_subcommands();
  return named.empty() ? std::string() : named.front()->get_name() + ' ';
}

command_line say_mistake(const std::string& mistake, const std::string& command) {
  fmt::print(stderr, "pawl: {}\nTry: pawl {}--help\n", mistake, command);
  return {std::nullopt, std::nullopt, exit_usage};
}

}  // namespace

command_line parse_command_line(int count, char** words_given) {
  std::vector<std::string> words(words_given + 1, words_given + count);
  turn_help_around(words);
  const bool is_run = !words.empty() && words.front() == "run";
  run_settings settings;
  typed_options typed;
  store_options store;
  if (is_run) settings.command = take_command(words, typed.has_command);
  settings.concurrency = 0;

  CLI::App app(program_help, "pawl");
  app.formatter(std::make_shared<short_list>());
  app.set_version_flag("--version", fmt::format("pawl {}", pawl::library_version));
  app.require_subcommand(1);
  add_run_command(app, typed, settings);
  add_store_commands(app, store);

  std::string mistake;
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes words from the back
    app.parse(words);
    const auto verb = chosen_verb(app);
    if (verb) store.asked.verb = *verb;
    mistake = verb ? settle(store, wall_now_ns()) : settle(typed, settings);
    if (verb && mistake.empty()) return {std::nullopt, store.asked, 0};
  } catch (const CLI::Success& wish) {
    return {std::nullopt, std::nullopt, app.exit(wish)};
  } catch (const CLI::ParseError& error) {
    mistake = error.what();
  }
  if (mistake.empty()) return {settings, std::nullopt, 0};
  return say_mistake(mistake, command_of(app));
}

}  // namespace pawl_tool
