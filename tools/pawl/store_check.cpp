#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "persistence/segment_name.hpp"
#include "row_writer.hpp"
#include "state_commands.hpp"
#include "state_reading.hpp"

namespace pawl_tool {

namespace {

const table_shape finding_shape{{{"level", 7}, {"file", 26}, {"offset", 10, true}, {"finding", 20}},
                                false};

field_list finding(std::string_view level, std::string_view file, std::string_view what) {
  field_list row;
  row.word("level", level).text("file", file).nothing("offset");
  return row.word("finding", what);
}

field_list finding(const pawl::log_fault& fault) {
  field_list row;
  row.word("level", "damage");
  if (fault.segment == 0) {
    row.text("file", ".").nothing("offset");
  } else {
    row.text("file", pawl::file_name(pawl::segment_prefix, fault.segment));
    row.number("offset", fault.offset);
  }
  row.word("finding", text_of(fault.cause));
  return fault.frame == 0 ? row : row.number("frame", fault.frame);
}

// Whether a scheduler would open the directory, by its owner and mode.
void check_folder(const std::string& directory, std::vector<field_list>& findings) {
  struct stat is {};
  if (::stat(directory.c_str(), &is) != 0) return;
  if (is.st_uid != ::geteuid())
    findings.push_back(finding("warning", ".", "the directory belongs to somebody else"));
  if ((is.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    findings.push_back(finding("warning", ".", "others may write into the directory"));
  else if ((is.st_mode & 0077) != 0)
    findings.push_back(finding("note", ".", "others may read the directory"));
}

std::optional<field_list> check_name(const std::string& file, const pawl::log_summary& log) {
  if (file == "lock" || file == "board") return std::nullopt;
  if (pawl::number_in(file, pawl::spare_prefix)) return std::nullopt;
  const auto number = pawl::number_in(file, pawl::segment_prefix);
  if (!number) return finding("note", file, "no file of a store, left alone");
  // Of a log that could not be read to its end it is not known which segments count.
  if (!log.fault && *number < log.first_segment) {
    return finding("note", file, "left over, which the next opening uses anew or removes");
  }
  return std::nullopt;
}

}  // namespace

int check_store(const store_session& with) {
  const auto all = read_state(with.store);
  auto files = with.store.device().list();
  if (!all || !files) {
    const pawl::failure why = all ? files.error() : all.error();
    with.messages.message(text_of(why));
    return exit_code_of(why);
  }
  if (!is_store(all->seen)) return conclude(with, all->seen);
  std::vector<field_list> findings;
  check_folder(with.store.directory(), findings);
  std::sort(files->begin(), files->end());
  for (const std::string& file : *files) {
    if (auto found = check_name(file, all->seen.summary)) findings.push_back(std::move(*found));
  }
  if (all->seen.summary.end.dropped_bytes != 0 && !all->seen.summary.fault)
    findings.push_back(finding("note", ".", "a torn tail, which the next opening leaves out"));
  if (all->seen.summary.fault) findings.push_back(finding(*all->seen.summary.fault));
  row_writer rows(with.asked.form, finding_shape, with.out);
  for (const field_list& row : findings) rows.write(row);
  const int exit_code = conclude(with, all->seen);
  if (!with.asked.quiet) {
    with.messages.message(fmt::format("{}, {} finding{}", all->is_whole ? "sound" : "damaged",
                                      findings.size(), findings.size() == 1 ? "" : "s"));
  }
  return exit_code;
}

}  // namespace pawl_tool
