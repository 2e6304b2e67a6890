#include "pawl_process.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

namespace pawl_tests {

namespace {

struct pipe_ends {
  int read = -1;
  int write = -1;
};

pipe_ends make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
  return {ends[0], ends[1]};
}

words environment_with(const process_options& options) {
  words all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    bool replaced = text.starts_with("NO_COLOR=");
    for (const auto& [name, value] : options.environment) {
      if (text.starts_with(name + "=")) replaced = true;
    }
    if (!replaced) all.emplace_back(text);
  }
  for (const auto& [name, value] : options.environment) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(words& list) {
  std::vector<char*> pointers;
  for (std::string& word : list) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The kernel counts what a process had before it became another program as that program's, too: our
// own peak is set back to what we use now.
void forget_own_peak() {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << '5';
}

pid_t spawn(const words& command, const process_options& options, int input, int output,
            int errors) {
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, input, 0);
  ::posix_spawn_file_actions_adddup2(&files, output, 1);
  ::posix_spawn_file_actions_adddup2(&files, errors, 2);
  if (!options.folder.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&files, options.folder.c_str());
  }
  forget_own_peak();
  words all = command;
  words variables = environment_with(options);
  pid_t id = -1;
  const int error = ::posix_spawnp(&id, command.front().c_str(), &files, nullptr,
                                   pointers_to(all).data(), pointers_to(variables).data());
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) std::abort();
  return id;
}

bool write_to(int input, std::string_view bytes) {
  // The reader may be gone; that is for the test to see, not to die of.
  ::signal(SIGPIPE, SIG_IGN);
  while (!bytes.empty()) {
    const ssize_t written = ::write(input, bytes.data(), bytes.size());
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

// Reads a pipe to its end on a thread of its own.
struct pawl_process::capture {
  explicit capture(int from_pipe) : from(from_pipe), thread([this] { read_all(); }) {}
  ~capture() { thread.join(); }

  void read_all() {
    char piece[65'536];
    for (ssize_t got = 0; (got = ::read(from, piece, sizeof piece)) > 0;) {
      const std::lock_guard lock(mutex);
      text.append(piece, static_cast<std::size_t>(got));
    }
    ::close(from);
  }
  std::string copy() {
    const std::lock_guard lock(mutex);
    return text;
  }

  const int from;
  std::mutex mutex;
  std::string text;
  std::thread thread;
};

pawl_process::pawl_process(const words& arguments, const process_options& options) {
  words command = {PAWL_COMMAND};
  // For run_program(): a command that is given whole.
  if (!arguments.empty() && arguments.front() == "\n") command.clear();
  command.insert(command.end(), arguments.begin() + (command.empty() ? 1 : 0), arguments.end());
  const pipe_ends input = make_pipe();
  const pipe_ends output = options.output < 0 ? make_pipe() : pipe_ends{-1, options.output};
  const pipe_ends errors = options.errors < 0 ? make_pipe() : pipe_ends{-1, options.errors};
  id_ = spawn(command, options, input.read, output.write, errors.write);
  ::close(input.read);
  ::close(output.write);
  if (errors.write != output.write) ::close(errors.write);
  input_ = input.write;
  if (output.read >= 0) output_ = std::make_unique<capture>(output.read);
  if (errors.read >= 0) errors_ = std::make_unique<capture>(errors.read);
}

pawl_process::~pawl_process() {
  if (id_ < 0) return;
  ::kill(id_, SIGKILL);
  wait();
}

bool pawl_process::write(std::string_view bytes) {
  return write_to(input_, bytes);
}

void pawl_process::close_input() {
  if (input_ >= 0) ::close(std::exchange(input_, -1));
}

void pawl_process::send(int signal) const {
  ::kill(id_, signal);
}

std::string pawl_process::output_so_far() {
  return output_ ? output_->copy() : std::string();
}

process_end pawl_process::wait() {
  close_input();
  process_end end;
  int status = 0;
  rusage used{};
  while (::wait4(id_, &status, 0, &used) < 0 && errno == EINTR) {
  }
  id_ = -1;
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  end.rss_kib_max = used.ru_maxrss;
  const auto finish = [](std::unique_ptr<capture>& from) {
    if (!from) return std::string();
    from->thread.join();
    std::string text = std::move(from->text);
    from->thread = std::thread([] {});
    from.reset();
    return text;
  };
  end.output = finish(output_);
  end.errors = finish(errors_);
  return end;
}

process_end run_pawl(const words& arguments, std::string_view input,
                     const process_options& options) {
  pawl_process process(arguments, options);
  process.write(input);
  return process.wait();
}

process_end run_program(const words& command, std::string_view input, const std::string& folder) {
  words whole = {"\n"};
  whole.insert(whole.end(), command.begin(), command.end());
  process_options options;
  options.folder = folder;
  return run_pawl(whole, input, options);
}

std::string processes_with(const std::string& text) {
  std::string found;
  for (const auto& line : lines_of(run_program({"ps", "-eo", "pid=,stat=,args="}, "").output)) {
    if (contains(line, text) && !contains(line, " Z")) found += line + '\n';
  }
  return found;
}

temporary_folder::temporary_folder() {
  std::string name = std::filesystem::temp_directory_path() / "pawl-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string temporary_folder::add(const std::string& name, std::string_view content) const {
  const std::string whole = path_ + '/' + name;
  std::ofstream(whole, std::ios::binary) << content;
  return whole;
}

bool becomes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 2'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != text.npos;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace pawl_tests
