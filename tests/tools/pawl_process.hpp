// pawl_process.hpp -- the command `pawl`, started as a user would, with its ends in our hands.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/scale.hpp"

namespace pawl_tests {

inline constexpr bool sanitized =
    pawl::test::sanitized;  // memory and time are not the program's own

using words = std::vector<std::string>;

struct process_end {
  int exit_code = -1;  // -1: a signal ended it
  int signal = 0;
  std::string output;
  std::string errors;
  long rss_kib_max = 0;
};

struct process_options {
  std::vector<std::pair<std::string, std::string>> environment;  // added
  std::string folder;                                            // to run in; empty: ours
  int output = -1;  // given in place of a pipe to us; closed here once it is started
  int errors = -1;
};

class pawl_process {
 public:
  explicit pawl_process(const words& arguments, const process_options& options = {});
  // Kills it if it still runs.
  ~pawl_process();
  pawl_process(const pawl_process&) = delete;
  pawl_process& operator=(const pawl_process&) = delete;

  // False: it has closed its input.
  bool write(std::string_view bytes);
  void close_input();
  void send(int signal) const;
  [[nodiscard]] pid_t id() const { return id_; }
  // What it has written to standard output so far.
  [[nodiscard]] std::string output_so_far();

  process_end wait();

 private:
  struct capture;

  pid_t id_ = -1;
  int input_ = -1;
  std::unique_ptr<capture> output_;
  std::unique_ptr<capture> errors_;
};

// Runs it to its end with this input.
process_end run_pawl(const words& arguments, std::string_view input,
                     const process_options& options = {});

// Any program, found in PATH.
process_end run_program(const words& command, std::string_view input,
                        const std::string& folder = {});

// The processes, zombies aside, whose command line holds this text.
std::string processes_with(const std::string& text);

// A folder of its own for a test, removed with what is in it.
class temporary_folder {
 public:
  temporary_folder();
  ~temporary_folder();
  [[nodiscard]] const std::string& path() const { return path_; }
  // Writes a file there and returns its whole name.
  std::string add(const std::string& name, std::string_view content) const;

 private:
  std::string path_;
};

// Looks every few milliseconds, for at most ten seconds.
bool becomes_true(const std::function<bool()>& condition);

[[nodiscard]] bool contains(std::string_view text, std::string_view part);
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

}  // namespace pawl_tests
