#include "command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <thread>

#include "duration_text.hpp"
#include "kind.hpp"

namespace pawl_tool {

namespace {

constexpr unsigned drains_max = 64;  // of the library
constexpr unsigned processes_max = 1'024;

const char* const program_help = R"(Examples:
  find /usr/include -type f | pawl run digest | sha256sum -c --quiet
  ls *.png | pawl run --concurrency 4 -- convert {} -resize 50% small/{}
  pawl run --help)";

const char* const run_help = R"(Examples:
  find /usr/include -type f | pawl run digest > digests
  find . -name '*.log' -print0 | pawl run -0 -- gzip -9 {}
  cat hosts | pawl run --concurrency 20 --keep-order -- ping -c 1
  seq 10 | pawl run -o jsonl -- sh -c 'echo $(($1 * $1))' sh {} | jq .output
  yes | head -n 10000000 | pawl run noop

Runs one job for each line of standard input.

Kinds:
  digest        SHA-256 of the file the line names, as sha256sum prints it
  -- COMMAND    runs COMMAND; {} in it stands for the line, else the line is its last word.
                No shell, standard input empty, a process group of its own. The job is over when
                COMMAND has exited and its output is closed, or one second after the exit; what is
                left of the group is then killed. Exit code 0 means completed, else the job is dead.
  sleep         waits as long as the line, or --for, says
  noop          nothing

What a job writes is held until its end and comes out in one piece: 64 MB of all of them in memory,
the rest in unnamed files in $TMPDIR. A line may have 1,048,560 bytes. Ctrl-C stops the intake
and waits for the jobs that run; a second one ends them.

Exit codes: 0 all jobs completed, 8 some died, 1 none completed or output failed, 2 wrong usage,
130 interrupted.)";

unsigned processors() {
  return std::max(1U, std::thread::hardware_concurrency());
}

std::map<std::string, pawl::priority> priorities() {
  std::map<std::string, pawl::priority> all;
  for (std::size_t i = 0; i < pawl::priority_count; ++i) {
    const auto p = static_cast<pawl::priority>(i);
    all.emplace(name(p), p);
  }
  return all;
}

// The words after "--" are the command's, whatever they look like.
std::vector<std::string> take_command(std::vector<std::string>& words, bool& has_command) {
  const auto separator = std::find(words.begin(), words.end(), "--");
  has_command = separator != words.end();
  if (!has_command) return {};
  std::vector<std::string> command(separator + 1, words.end());
  words.erase(separator, words.end());
  return command;
}

// What can only be judged when all of it is known. Empty: it is good.
std::string complete(run_settings& settings, const std::string& kind, bool has_command,
                     const std::string& sleep_for) {
  const std::map<std::string, kind_name> kinds = {{"digest", kind_name::digest},
                                                  {"exec", kind_name::exec},
                                                  {"noop", kind_name::noop},
                                                  {"sleep", kind_name::sleep}};
  const auto found = kinds.find(kind.empty() && has_command ? "exec" : kind);
  if (kind.empty() && !has_command) {
    return "say what to run: a kind (digest, noop, sleep), or -- COMMAND";
  }
  if (found == kinds.end()) {
    return fmt::format("there is no kind '{}'; kinds are digest, noop, sleep, or -- COMMAND", kind);
  }
  settings.kind = found->second;
  if (settings.kind == kind_name::exec && settings.command.empty()) {
    return "-- is to be followed by a command";
  }
  if (settings.kind != kind_name::exec && has_command) {
    return fmt::format("kind {} takes no command", kind);
  }
  if (!sleep_for.empty()) {
    settings.sleep_for = parse_duration(sleep_for);
    if (settings.kind != kind_name::sleep) return "--for is for kind sleep";
    if (!settings.sleep_for) {
      return fmt::format("--for: '{}' is not a duration, such as 1.5, 200ms or 2m", sleep_for);
    }
  }
  const unsigned most = is_blocking(settings.kind) ? processes_max : drains_max;
  if (settings.concurrency == 0) settings.concurrency = std::min(processors(), most);
  if (settings.concurrency > most) {
    return fmt::format("--concurrency: {} is more than {}, the most for {}", settings.concurrency,
                       most, name(settings.kind));
  }
  return {};
}

}  // namespace

command_line parse_command_line(int count, char** words_given) {
  std::vector<std::string> words(words_given + 1, words_given + count);
  run_settings settings;
  bool has_command = false;
  settings.command = take_command(words, has_command);
  settings.concurrency = 0;

  CLI::App app(program_help, "pawl");
  app.set_version_flag("--version", "pawl " PAWL_TOOL_VERSION);
  app.require_subcommand(1);
  CLI::App& run = *app.add_subcommand("run", run_help);
  std::string kind;
  std::string sleep_for;
  bool nul_separated = false;
  std::map<std::string, output_form> forms = {{"text", output_form::text},
                                              {"jsonl", output_form::jsonl}};
  run.add_option("KIND", kind, "digest, noop, sleep; or -- COMMAND")->option_text(" ");
  run.add_flag("-0,--null", nul_separated, "lines end with a NUL byte, not with a newline");
  run.add_option("-j,--concurrency", settings.concurrency,
                 "jobs at once; default: one per processor")
      ->check(CLI::Range(1U, processes_max))
      ->option_text("N");
  run.add_option("--priority", settings.priority,
                 "critical, high, above, normal, below, low, bulk or idle")
      ->transform(CLI::CheckedTransformer(priorities()).description(""))
      ->option_text("NAME");
  run.add_option("--tag", settings.tag, "shown in the summary and in jsonl")->option_text("TEXT");
  run.add_flag("--keep-order", settings.keep_order, "output in the order of the input");
  run.add_option("-o,--output", settings.form, "text, or jsonl: one object per job")
      ->transform(CLI::CheckedTransformer(forms).description(""))
      ->option_text("FORM");
  run.add_option("--window", settings.window, "most jobs in memory at once; default: 65536")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
      ->option_text("N");
  run.add_option("--for", sleep_for, "kind sleep: how long, such as 200ms")->option_text("TIME");
  run.add_flag("--dry-run", settings.dry_run, "say what would be run, one line per job");
  run.add_flag("-q,--quiet", settings.quiet, "no progress and no summary");

  std::string mistake;
  try {
    std::reverse(words.begin(), words.end());  // CLI11 takes words from the back
    app.parse(words);
    if (nul_separated) settings.delimiter = '\0';
    mistake = complete(settings, kind, has_command, sleep_for);
  } catch (const CLI::Success& wish) {
    return {std::nullopt, app.exit(wish)};
  } catch (const CLI::ParseError& error) {
    mistake = error.what();
  }
  if (mistake.empty()) return {settings, 0};
  fmt::print(stderr, "pawl: {}\nTry: pawl run --help\n", mistake);
  return {std::nullopt, exit_usage};
}

}  // namespace pawl_tool
