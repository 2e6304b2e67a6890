// engine/result_verbs.cpp -- what can be asked of kept results: the members of engine that list, show and purge
// them.
#include <new>

#include "engine/ending.hpp"
#include "engine/engine.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

constexpr failure no_memory_for_result{errc::memory, 0, "result"};

// Under the lock of the results, which own the block.
job_result result_of(const core& c, const kept_results::entry& kept) {
  const std::span<const std::byte> bytes = c.payloads.bytes(kept.block);
  return {.id = kept.id,
          .bytes = {bytes.begin(), bytes.end()},
          .ticket = {.id = kept.id, .lsn = kept.lsn}};
}

// The end of a job is visible a moment before its result is kept.
bool is_ending(const core& c, job_id id) noexcept {
  if (id_is_away(id) || !c.jobs.holds(id_slot(id))) return false;
  const slot& job = c.jobs[id_slot(id)];
  const job_word word{job.word.load(acquire)};
  return word.state() == job_state::completed && job.generation == id_generation(id);
}

}  // namespace

result<job_result> engine::show_result(job_id id) const noexcept {
  try {
    job_result found;
    bool may_come = true;
    while (may_come) {
      may_come =
          is_ending(core_, id);  // before the look: what has ended then is found, if it is kept
      const auto take = [&](const auto& kept) { found = result_of(core_, kept); };
      if (core_.results.look_at(id, take)) return found;
      if (may_come) cpu_pause();
    }
    return failure{errc::not_found, 0, "result"};
  } catch (const std::bad_alloc&) {
    return no_memory_for_result;
  }
}

result<result_page> engine::list_results(std::uint64_t cursor,
                                         std::size_t results_max) const noexcept {
  if (results_max == 0) return failure{errc::invalid, 0, "results_max"};
  try {
    result_page page;
    core_.results.for_each_from(cursor, [&](std::uint64_t number, const auto& kept) {
      if (page.results.size() == results_max) {
        page.cursor = number;
        return false;
      }
      page.results.push_back(result_of(core_, kept));
      return true;
    });
    return page;
  } catch (const std::bad_alloc&) {
    return no_memory_for_result;
  }
}

std::uint64_t engine::purge_results(thread_context& context,
                                    std::span<const job_id> jobs) noexcept {
  std::uint64_t purged = 0;
  for (const job_id id : jobs) {
    const std::optional<kept_results::entry> kept = core_.results.take(id);
    if (!kept) continue;
    forget_result(core_, context, *kept);
    ++purged;
  }
  return purged;
}

}  // namespace pawl
