#include <fmt/format.h>

#include <string_view>

#include "persistence/log_files.hpp"
#include "queue_depths.hpp"
#include "state_commands.hpp"

namespace pawl_tool {

namespace {

// What the newest segment's header says.
void add_header(field_list& to, store_reader& store) {
  pawl::log_files files(store.device());
  if (files.open() || files.segments().empty()) return;
  std::uint64_t bytes = 0;
  for (const pawl::log_segment& s : files.segments()) bytes += s.header.segment_bytes;
  const pawl::segment_header& h = files.segments().back().header;
  std::string id;
  for (const std::byte b : h.directory_id)
    id += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  std::string_view writer = pawl::as_text(h.writer);
  writer = writer.substr(0, writer.find('\0'));
  to.word("directory_id", id)
      .word("format", fmt::format("{}.{}", pawl::format_major, h.minor))
      .text("writer", writer)
      .number("segment_bytes", h.segment_bytes)
      .number("segments", files.segments().size())
      .number("bytes", bytes);
}

void add_state(field_list& to, const state_reading& all) {
  queue_depth sum;
  const auto depths = depths_of(all);
  for (const auto& [queue, d] : depths) {
    sum.ready += d.ready;
    sum.scheduled += d.scheduled;
    sum.dead += d.dead;
  }
  const pawl::durable_state& state = *all.state;
  to.number("ready", sum.ready).number("scheduled", sum.scheduled).number("dead", sum.dead);
  to.number("kinds", state.names(pawl::name_space::kind).size());
  to.number("tenants", state.names(pawl::name_space::tenant).size());
  to.number("settings", state.settings().size()).number("unique_keys", state.keys().size());
  to.number("results", state.results().size()).number("cursors", state.cursors().size());
  to.list("queues", queue_rows(all, depths));
}

}  // namespace

int show_store(const store_session& with) {
  const auto all = read_state(with.store);
  if (!all) {
    with.messages.message(text_of(all.error()));
    return exit_code_of(all.error());
  }
  if (!is_store(all->seen)) return conclude(with, all->seen);
  const pawl::log_summary& log = all->seen.summary;
  field_list fields;
  fields.text("directory", with.asked.directory);
  add_header(fields, with.store);
  fields.number("epoch", log.epoch).number("lsn", all->seen.lsn);
  if (all->seen.wall_ns != 0) fields.time("last_time", all->seen.wall_ns);
  fields.flag("closed", all->state->closed_epoch() == log.epoch);
  if (all->seen.open_by) {
    fields.number("open_by", static_cast<std::uint64_t>(*all->seen.open_by));
  } else {
    fields.nothing("open_by");
  }
  if (all->has_jobs) add_state(fields, *all);
  with.out.append(with.asked.form == list_form::jsonl ? json_of(fields) + '\n' : sheet_of(fields));
  return conclude(with, all->seen);
}

}  // namespace pawl_tool
