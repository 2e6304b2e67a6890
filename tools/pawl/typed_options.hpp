// typed_options.hpp -- the options of `pawl run` as words, and what they mean together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "settings.hpp"

namespace pawl_tool {

struct typed_options {
  std::string kind;
  bool has_command = false;
  bool nul_separated = false;
  std::optional<std::string> priority;
  std::optional<std::string> form;  // of the output
  std::optional<std::string> sleep_for;
  std::optional<std::string> backoff;
  std::optional<std::string> timeout;
  std::optional<std::string> after;
  std::optional<std::string> dead_on;
  std::optional<std::string> rate;
  std::vector<std::string> queues;
  std::optional<std::string> lane;
  std::optional<std::string> store;
};

// Completes `settings`, where the options that are a number or a name are already. Returns what is
// wrong, for a person; empty: nothing is.
[[nodiscard]] std::string settle(const typed_options& typed, run_settings& settings);

}  // namespace pawl_tool
