// exec_kind.cpp -- runs a command with the line as an argument; no shell sees it.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "child_process.hpp"
#include "kind.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

constexpr std::string_view place = "{}";

bool is_program(const std::string& path) {
  struct stat about {};
  return ::access(path.c_str(), X_OK) == 0 && ::stat(path.c_str(), &about) == 0 &&
         S_ISREG(about.st_mode);
}

// What a shell would run for this name; empty: it is not to be found. A name with a slash is a path.
std::string find_program(const std::string& name) {
  if (name.find('/') != name.npos) return name;
  const char* folders = std::getenv("PATH");
  std::string_view rest = folders == nullptr ? "/usr/local/bin:/usr/bin:/bin" : folders;
  while (!name.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    std::string path = (folder.empty() ? "." : std::string(folder)) + '/' + name;
    if (is_program(path)) return path;
    if (colon == rest.npos) break;
    rest.remove_prefix(colon + 1);
  }
  return {};
}

std::string replace_place(std::string_view word, std::string_view line) {
  std::string text;
  for (;;) {
    const std::size_t at = word.find(place);
    text += word.substr(0, at);
    if (at == word.npos) return text;
    text += line;
    word.remove_prefix(at + place.size());
  }
}

class exec_kind final : public kind {
 public:
  exec_kind(const run_settings& settings, const stop_request& stop, capture_budget& captures)
      : command_(settings.command), dead_on_(settings.dead_on) {
    for (const std::string& word : command_) {
      if (word.find(place) != word.npos) has_place_ = true;
    }
    if (settings.dry_run) return;
    runner_ = std::make_unique<child_runner>(stop, captures);
    if (!command_.empty() && command_.front().find(place) == std::string::npos) {
      program_ = find_program(command_.front());
    }
  }

  void run(const job_input& input, job_result& result) override {
    if (!input.is_words && input.text.find('\0') != input.text.npos) {
      result.hopeless = true;
      result.error = "an argument cannot hold a NUL byte";
      return;
    }
    const std::vector<std::string> words = words_for(input);
    const std::string found = program_.empty() ? find_program(words.front()) : std::string();
    const std::string& program = program_.empty() ? found : program_;
    if (program.empty()) {
      result.error = "there is no program " + printable(words.front());
      return;
    }
    take_end(runner_->run(program, words, input.deadline, result.output, result.errors), result);
  }

  std::string describe(const job_input& input) const override {
    std::string text;
    for (const std::string& word : words_for(input)) {
      if (!text.empty()) text += ' ';
      text += shell_word(word);
    }
    return text;
  }

 private:
  // An array comes only for a command without a place: the reader of --jsonl sees to that.
  std::vector<std::string> words_for(const job_input& input) const {
    std::vector<std::string> words;
    words.reserve(command_.size() + 1);
    for (const std::string& word : command_) words.push_back(replace_place(word, input.text));
    if (input.is_words) {
      for (std::string& word : words_in(input.text)) words.push_back(std::move(word));
    } else if (!has_place_) {
      words.emplace_back(input.text);
    }
    return words;
  }

  void take_end(const child_end& end, job_result& result) const {
    result.error = end.error;
    result.timed_out = end.timed_out && !end.killed;
    if (!end.error.empty() && !end.killed) return;
    if (WIFEXITED(end.status)) {
      result.exit_code = WEXITSTATUS(end.status);
      result.hopeless = dead_on_.test(static_cast<std::size_t>(*result.exit_code));
      if (result.error.empty() && end.killed) result.error = "stopped";
      if (result.completed() && *result.exit_code != 0) {
        result.error = "it exited with " + std::to_string(*result.exit_code);
      }
    } else if (WIFSIGNALED(end.status)) {
      result.signal = WTERMSIG(end.status);
      if (result.completed()) {
        result.error = end.killed ? "stopped"
                                  : "it was ended by signal " + std::to_string(*result.signal) +
                                        " (" + ::sigdescr_np(*result.signal) + ")";
      }
    }
  }

  const std::vector<std::string> command_;
  const exit_codes dead_on_;
  bool has_place_ = false;
  std::string program_;  // found once, unless its name depends on the line
  std::unique_ptr<child_runner> runner_;
};

}  // namespace

std::unique_ptr<kind> make_exec_kind(const run_settings& settings, const stop_request& stop,
                                     capture_budget& captures) {
  return std::make_unique<exec_kind>(settings, stop, captures);
}

}  // namespace pawl_tool
