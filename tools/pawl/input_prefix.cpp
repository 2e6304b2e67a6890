#include "input_prefix.hpp"

#include <fmt/format.h>

#include <utility>

#include "printable.hpp"

namespace pawl_tool {

std::string input_prefix::take(const input_line& line) {
  const std::uint64_t sequence = at_.lines;
  at_.pass(line);
  const auto& lines = known_.lines;
  if (next_ < lines.size() && lines[next_].sequence == sequence) {
    if (line.too_long || hash_of_line(line.text) != lines[next_].hash) {
      return fmt::format("line {} differs from the one that the store has", sequence + 1);
    }
    ++next_;
  } else {
    refused_.push_back({sequence, std::string(line.text), line.bytes, line.too_long});
  }
  if (!is_whole() || (at_.hash == to_.hash && at_.bytes == to_.bytes)) return {};
  if (refused_.empty()) return "the input differs from the one that the store has";
  return fmt::format("line {}{} differs from the one that the store has refused",
                     refused_.front().sequence + 1,
                     refused_.size() > 1 ? ", or a later one that was no job," : "");
}

std::string input_prefix::is_too_short() const {
  return fmt::format("the input ends after {} of the {} lines that the store has read",
                     with_commas(at_.lines), with_commas(to_.lines));
}

std::string read_prefix(line_reader& reader, const stored_run& known, input_beginning& to) {
  input_prefix prefix(known);
  std::size_t taken = 0;
  while (!prefix.is_whole()) {
    if (taken == to.rest.size()) {
      taken = 0;
      if (reader.next(to.rest)) continue;
      return reader.is_at_end() ? prefix.is_too_short() : std::string();
    }
    if (std::string mistake = prefix.take(to.rest[taken]); !mistake.empty()) return mistake;
    ++taken;
  }
  to.rest.erase(to.rest.begin(), to.rest.begin() + static_cast<std::ptrdiff_t>(taken));
  to.refused = std::move(prefix.refused());
  if (known.position) to.at = *known.position;
  return {};
}

}  // namespace pawl_tool
