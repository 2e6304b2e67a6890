// store_options.hpp -- what the command line says of `pawl wal`, `store`, `jobs` and `dead`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store_query.hpp"

namespace pawl_tool {

// As typed; all verbs share it, since one is asked for.
struct store_options {
  store_query asked;
  std::optional<std::string> form;  // default: that without JSON
  std::optional<std::string> since;
  std::optional<std::string> until;
  std::optional<std::string> lsns;
  std::optional<std::string> id;
  bool no_follow = false;
};

// Completes typed.asked, whose verb is there. Returns what is wrong, for a person; empty: nothing is.
[[nodiscard]] std::string settle(store_options& typed, std::uint64_t now_wall_ns);

}  // namespace pawl_tool
