// store_query.hpp -- what the readers of a store were asked: `pawl wal`, `store`, `jobs`, `dead`.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "lsn_range.hpp"
#include "program_exit.hpp"
#include "row_writer.hpp"

namespace pawl_tool {

enum class store_verb : std::uint8_t {
  wal_ls,
  wal_dump,
  wal_verify,
  wal_stat,
  wal_tail,
  store_info,
  store_check,
  jobs_ls,
  jobs_show,
  jobs_results,
  dead_ls,
  dead_show,
};

struct store_query {
  static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

  store_verb verb = store_verb::wal_ls;
  std::string directory;
  list_form form = list_form::table;
  std::uint64_t since_ns = 0;  // wall clock
  std::uint64_t until_ns = std::numeric_limits<std::uint64_t>::max();
  lsn_range lsns;
  std::optional<std::uint64_t> id;
  std::optional<std::string> queue;
  std::optional<std::string> kind;    // of a job
  std::optional<std::string> state;   // of a job
  std::optional<std::string> record;  // a kind of record
  std::uint64_t limit = no_limit;
  bool payload = false;
  bool follow = true;
  bool quiet = false;
};

}  // namespace pawl_tool
