#include "run_store.hpp"

#include "fresh_store.hpp"
#include "program_exit.hpp"
#include "store_holder.hpp"

namespace pawl_tool {

std::optional<refusal> take_up(const run_settings& settings, line_reader& reader, taken_run& to) {
  if (settings.begin_anew) return empty_store(settings.store);
  if (holder_of(settings.store)) return refusal{exit_refused, held_text(settings.store)};
  if (auto refused = read_run(settings.store, to.known)) return refused;
  if (!to.known.position) return std::nullopt;
  if (to.known.position->command != hash_of_command(settings)) {
    return refusal{exit_refused, "the store is that of another command; --new begins anew"};
  }
  const std::string mistake = read_prefix(reader, to.known, to.input);
  if (mistake.empty()) return std::nullopt;
  return refusal{exit_refused, mistake + "; --new begins anew"};
}

std::optional<refusal> check_taken(const run_settings& settings, const stored_run& known) {
  if (last_epoch(settings.store) == known.epoch + 1) return std::nullopt;
  return refusal{exit_refused, "another process has changed it meanwhile"};
}

}  // namespace pawl_tool
