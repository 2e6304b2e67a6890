// job_input.hpp -- what an attempt is given: a text or words, and how long it may take.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace pawl_tool {

struct job_input {
  using clock = std::chrono::steady_clock;

  std::string_view text;  // the line; with --jsonl the payload
  bool is_words = false;  // `text` is an array of words, each ended by a NUL byte
  clock::time_point deadline = clock::time_point::max();
};

[[nodiscard]] inline std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    words.emplace_back(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

}  // namespace pawl_tool
