#include "engine/log_opening.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "persistence/boot_now.hpp"
#include "persistence/segment_name.hpp"

namespace pawl {

namespace {

// What does not fit into a failure.
void say_why(messages& say, const std::string& directory, const failure& f, const log_fault& why) {
  std::string text = directory + ": " + std::string(f.where);
  if (why.segment != 0) {
    text += ", " + file_name(segment_prefix, why.segment) + " at " + std::to_string(why.offset);
  }
  if (why.frame != 0) text += ", frame " + std::to_string(why.frame);
  if (f.sys_errno != 0) text += ", errno " + std::to_string(f.sys_errno);
  const auto holder = f.code == errc::busy ? directory_lock::holder(directory) : std::nullopt;
  if (holder) text += ", process " + std::to_string(*holder) + " has it";
  say.say(log_level::error, "log.refused", text);
}

// No handler: its jobs are blocked until an opening brings one.
registry::entry without_handler(const std::string& name) {
  registry::entry e;
  e.name = name;
  return e;
}

}  // namespace

result<std::unique_ptr<recovered_log>> open_log_of(const options& wanted, const registry& kinds,
                                                   std::uint32_t lines, const clock_source& clock,
                                                   messages& say) {
  const result<id_bytes> boot_id = read_boot_id();
  if (!boot_id) return boot_id.error();
  log_request request{.directory = wanted.directory,
                      .device = wanted.io_uring ? device_choice::best : device_choice::posix,
                      .segment_bytes = wanted.segment_bytes,
                      .now = moment_of(clock, *boot_id),
                      .kinds = {},
                      .board_lines = lines};
  for (const registry::entry& e : kinds.entries()) {
    request.kinds.push_back({e.name, e.options.max_crashes});
  }
  log_fault why;
  auto opened = open_log(request, &why);
  if (!opened) {
    say_why(say, wanted.directory, opened.error(), why);
    return opened.error();
  }
  auto log = std::make_unique<recovered_log>();
  log->disk = std::move(*opened);
  log->boot_id = *boot_id;
  log->kinds.assign(kinds.entries().begin(), kinds.entries().end());
  const auto& names = log->disk.state->names(name_record::of::kind);
  for (const registry::entry& e : log->kinds) {
    log->kind_numbers.push_back(log->disk.state->number_of(name_record::of::kind, e.name));
  }
  for (const auto& [number, text] : names) {
    const auto known = std::find(log->kind_numbers.begin(), log->kind_numbers.end(), number);
    if (known != log->kind_numbers.end()) continue;
    log->kinds.push_back(without_handler(text));
    log->kind_numbers.push_back(number);
  }
  for (std::size_t i = 0; i < log->kind_numbers.size(); ++i) {
    log->kinds_by_number.emplace(log->kind_numbers[i], static_cast<std::uint16_t>(i));
  }
  return log;
}

}  // namespace pawl
