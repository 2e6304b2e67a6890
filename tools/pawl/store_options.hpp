// store_options.hpp -- the command line of `pawl wal`, `store`, `jobs` and `dead`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store_query.hpp"

namespace CLI {
class App;
}

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

// Adds the commands, which fill `typed`. It must live as long as `app`.
void add_store_commands(CLI::App& app, store_options& typed);

// Which verb of which command `app` has read; nothing: none of these.
[[nodiscard]] std::optional<store_verb> chosen_verb(const CLI::App& app);

// Completes typed.asked, whose verb is there. Returns what is wrong, for a person; empty: nothing is.
[[nodiscard]] std::string settle(store_options& typed, std::uint64_t now_wall_ns);

}  // namespace pawl_tool
