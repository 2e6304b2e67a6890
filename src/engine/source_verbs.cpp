// engine/source_verbs.cpp -- what can be asked of sources, and how they come back from the log: members of engine.
#include <new>

#include "engine/engine.hpp"
#include "engine/intake_doors.hpp"
#include "engine/job_log.hpp"
#include "engine/queue_log.hpp"
#include "engine/settings.hpp"

namespace pawl {

result<source_ref> engine::source(thread_context& context, std::string_view name) {
  if (const status ok = check_name(name, "source.name"); !ok) return ok.error();
  if (core_.stopping.load(seq_cst)) return failure{errc::stopping, 0, "source"};
  wait_for_settings_room(context);
  const std::lock_guard lock(changing_);
  unsigned index = 0;
  try {
    index = core_.sources.find_or_add(name);
  } catch (const std::bad_alloc&) {
    return failure{errc::memory, 0, "source"};
  }
  if (index == source_table::sources_max) return failure{errc::full, 0, "source"};
  const std::uint32_t number = number_of_source(index);
  if (wal_ != nullptr && number > sources_named_) {
    log_name(context, name_record::of::source, number, name);
    sources_named_ = number;
  }
  return source_ref{static_cast<std::uint16_t>(index), core_.tag};
}

result<source_position> engine::cursor(source_ref source) const noexcept {
  source_table::source* const of =
      source.scheduler == core_.tag ? core_.sources.find(source.index) : nullptr;
  if (of == nullptr) return failure{errc::not_found, 0, "source"};
  try {
    const std::lock_guard lock(of->mutex);
    const std::span<const std::byte> position = of->position();
    return source_position{.position = {position.begin(), position.end()},
                           .ticket = {.id = {}, .lsn = of->lsn}};
  } catch (const std::bad_alloc&) {
    return failure{errc::memory, 0, "source"};
  }
}

result<ticket> engine::set_cursor(thread_context& context, const source_cursor& at) noexcept {
  if (at.position.size() > position_bytes_max) return failure{errc::invalid, 0, "position"};
  if (check_cursor(core_, &at) != reject::none) return failure{errc::not_found, 0, "source"};
  if (core_.stopping.load(seq_cst)) return failure{errc::stopping, 0, "source"};
  if (wal_ == nullptr) {
    move_cursor(core_, at);
    return ticket{};
  }
  wait_for_settings_room(context);
  return ticket{.id = {}, .lsn = log_cursor(core_, context, at)};
}

// Sources have the numbers that the log gives them. Before anyone else knows of them.
status engine::restore_sources(const durable_state& state) {
  for (const auto& [number, text] : state.names(name_record::of::source)) {
    if (number_of_source(core_.sources.find_or_add(text)) != number) {
      return failure{errc::corrupt, 0, "recovery: numbers of sources"};
    }
    sources_named_ = number;
  }
  for (const auto& [number, cursor] : state.cursors()) {
    source_table::source& of = *core_.sources.find(number - 1);
    of.order = cursor.order;
    of.move_to(cursor.position);
  }
  return std::monostate{};
}

}  // namespace pawl
