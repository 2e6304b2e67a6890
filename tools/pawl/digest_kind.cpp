// digest_kind.cpp -- the line names a file; the output is what sha256sum would print for it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "descriptor.hpp"
#include "kind.hpp"
#include "printable.hpp"
#include "sha256.hpp"

namespace pawl_tool {

namespace {

constexpr std::size_t piece_bytes = std::size_t{128} << 10;

// sha256sum's line. A name with a backslash, newline or carriage return has those escaped, and the
// line then begins with a backslash.
std::string digest_line(std::string_view digest, std::string_view file) {
  std::string line(digest);
  line.reserve(digest.size() + file.size() + 8);
  line += "  ";
  if (file.find_first_of("\\\n\r") == file.npos) {
    line += file;
  } else {
    line.insert(0, 1, '\\');
    for (const char c : file) {
      if (c == '\\')
        line += "\\\\";
      else if (c == '\n')
        line += "\\n";
      else if (c == '\r')
        line += "\\r";
      else
        line += c;
    }
  }
  return line += '\n';
}

class digest_kind final : public kind {
 public:
  explicit digest_kind(const stop_request& stop) : stop_(stop) {}

  void run(const job_input& input, job_result& result) override {
    const std::string_view name = input.text;
    result.hopeless = true;  // unless there is a name
    if (name.empty()) {
      result.error = "an empty line names no file";
    } else if (name.find('\0') != name.npos) {
      result.error = "the name holds a NUL byte";
    } else {
      result.hopeless = false;
      digest_file(std::string(name), input.deadline, result);
    }
  }

  std::string describe(const job_input& input) const override {
    return "sha256sum " + shell_word(input.text);
  }

 private:
  using clock = job_input::clock;

  void digest_file(const std::string& name, clock::time_point deadline, job_result& result) const {
    // Not to wait where opening a pipe without a writer would.
    const descriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat about {};
    if (!file || ::fstat(file.get(), &about) != 0) {
      result.error = std::strerror(errno);
    } else if (S_ISDIR(about.st_mode)) {
      result.error = "it is a directory";
    } else if (!S_ISREG(about.st_mode)) {
      result.error = "it is not a regular file";
    } else {
      digest_content(file.get(), name, deadline, result);
    }
  }

  void digest_content(int file, const std::string& name, clock::time_point deadline,
                      job_result& result) const {
    thread_local sha256 hash;
    thread_local const std::unique_ptr<char[]> piece(new char[piece_bytes]);
    bool good = hash.begin();
    while (good) {
      if (stop_.now()) {
        result.error = "stopped";
        return;
      }
      if (deadline != clock::time_point::max() && clock::now() >= deadline) {
        result.timed_out = true;
        return;
      }
      const ssize_t got = ::read(file, piece.get(), piece_bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        result.error = std::strerror(errno);
        return;
      }
      if (got == 0) break;
      good = hash.add(piece.get(), static_cast<std::size_t>(got));
    }
    const std::string digest = good ? hash.end() : std::string();
    if (digest.empty()) {
      result.error = "OpenSSL does not compute SHA-256";
    } else {
      result.output.assign(digest_line(digest, name));
    }
  }

  const stop_request& stop_;
};

}  // namespace

std::unique_ptr<kind> make_digest_kind(const stop_request& stop) {
  return std::make_unique<digest_kind>(stop);
}

}  // namespace pawl_tool
