// engine/dead_verbs.cpp -- what can be asked of the dead letters: the members of engine that list,
// show, requeue and purge them.
#include <new>
#include <vector>

#include "engine/ending.hpp"
#include "engine/engine.hpp"
#include "engine/handler_call.hpp"
#include "engine/job_log.hpp"
#include "engine/placing.hpp"
#include "engine/unique_jobs.hpp"
#include "engine/weighing.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

constexpr failure no_such_letter{errc::not_found, 0, "dead letter"};
constexpr failure no_memory_for_letter{errc::memory, 0, "dead letter"};

bool lets_through(const dead_filter& f, const job_status& s, std::uint64_t died_ns) noexcept {
  return (!f.queue || *f.queue == s.queue) && (!f.kind || *f.kind == s.kind) &&
         (!f.cause || *f.cause == s.cause) &&
         (!f.died_before || duration(static_cast<std::int64_t>(died_ns)) < *f.died_before);
}

// Under the lock of the dead letters, which own the slot.
job_status status_of_dead(const core& c, std::uint32_t slot_index) noexcept {
  const slot& job = c.jobs[slot_index];
  return status_of(c, job, make_id(slot_index, job.generation), job_word{job.word.load(acquire)});
}

dead_letter letter_of(const core& c, const dead_letters::letter& l) {
  dead_letter d;
  d.status = status_of_dead(c, l.slot);
  d.version = d.status.version;
  d.died = duration(static_cast<std::int64_t>(l.died_ns));
  const std::uint32_t extra = c.jobs[l.slot].extra;
  d.crashes = crashes_of(c, c.jobs[l.slot]);
  const std::uint32_t history = extra == 0 ? 0 : c.payloads.value<job_extra>(extra).history;
  if (history == 0) return d;
  c.payloads.value<error_history>(history).for_each([&d](const error_entry& e) {
    d.errors.push_back({e.attempt, e.kind, duration(static_cast<std::int64_t>(e.at_ns)),
                        std::string(e.text, e.text_bytes)});
  });
  return d;
}

// A death is visible a moment before its letter is in the table: is it still that job that is dead?
bool is_dead(const core& c, job_id id) noexcept {
  const slot& job = c.jobs[id_slot(id)];
  const job_word word{job.word.load(acquire)};
  return word.state() == job_state::dead && !word.has(job_flag::orphan) &&
         job.generation == id_generation(id);
}

// Asks for the letter of that job until it is there or the job is not dead any more.
template <class F>
bool look_at_letter(core& c, job_id id, F f) noexcept {
  if (id_is_away(id) || !c.jobs.holds(id_slot(id))) return false;
  do {
    const bool found = c.dead.look_at(id_slot(id), [&](const dead_letters::letter& l) {
      if (c.jobs[l.slot].generation != id_generation(id)) return false;
      return f(l);
    });
    if (found) return true;
    cpu_pause();
  } while (is_dead(c, id));
  return false;
}

}  // namespace

result<dead_page> engine::list_dead(const dead_filter& which, std::uint64_t cursor,
                                    std::size_t letters_max) const noexcept {
  if (letters_max == 0) return failure{errc::invalid, 0, "letters_max"};
  // The lock is given up now and then, so that deaths are not held up by a long list.
  constexpr unsigned looks_at_once = 256;
  try {
    dead_page page;
    bool more = true;
    while (more) {
      unsigned looks = 0;
      more = false;
      core_.dead.for_each_from(cursor, [&](std::uint64_t number, const dead_letters::letter& l) {
        if (page.letters.size() == letters_max || looks++ == looks_at_once) {
          cursor = number;
          more = true;
          return false;
        }
        if (lets_through(which, status_of_dead(core_, l.slot), l.died_ns)) {
          page.letters.push_back(letter_of(core_, l));
        }
        return true;
      });
      if (more && page.letters.size() == letters_max) {
        page.cursor = cursor;
        return page;
      }
    }
    return page;
  } catch (const std::bad_alloc&) {
    return no_memory_for_letter;
  }
}

result<dead_letter> engine::show_dead(job_id id, std::vector<std::byte>* payload) noexcept {
  try {
    dead_letter d;
    bool is_it = false;
    look_at_letter(core_, id, [&](const dead_letters::letter& l) {
      d = letter_of(core_, l);
      if (payload != nullptr) {
        const std::span<const std::byte> bytes = payload_of(core_, core_.jobs[l.slot]);
        payload->assign(bytes.begin(), bytes.end());
      }
      is_it = true;
      return false;
    });
    if (!is_it) return no_such_letter;
    return d;
  } catch (const std::bad_alloc&) {
    return no_memory_for_letter;
  }
}

result<ticket> engine::requeue(thread_context& context, job_id id, std::uint64_t version) noexcept {
  if (core_.stopping.load(seq_cst)) return failure{errc::stopping, 0, "requeue"};
  const result<job_status> known = find(id);
  if (!known) return known.error();
  constexpr failure is_stale{errc::stale, 0, "version"};
  failure why = known->state == job_state::ended ? no_such_letter : is_stale;
  std::uint64_t place = 0;
  std::uint64_t lsn = 0;
  wait_for_log(context);
  look_at_letter(core_, id, [&](const dead_letters::letter& l) {
    slot& job = core_.jobs[l.slot];
    job_word word{job.word.load(acquire)};
    why = is_stale;
    if (word.version() != version) return false;
    why = failure{errc::busy, 0, "requeue"};
    if (word.has(job_flag::attached)) return false;
    ready_queue& queue = *core_.queues.at(job.queue);
    why = failure{errc::full, 0, "requeue"};
    if (core_.room.take(1) == 0) return false;
    if (queue.room().take(1) == 0) {
      core_.room.give(1);
      return false;
    }
    const std::uint64_t bytes = queue.counts_bytes() ? payload_bytes(core_, job) : 0;
    if (bytes != 0 && take_bytes(core_, queue, bytes) != reject::none) {
      queue.room().give(1);
      core_.room.give(1);
      return false;
    }
    const reject refused = revive_with_key(core_, job, id, [&] {
      job.attempt = 0;
      job.pushbacks = 0;
      if (job.extra != 0) core_.payloads.value<job_extra>(job.extra).crashes = 0;
      job.cause = 0;
      job.expires = 0;
      job.take_off(by_wall_clock);
      job.due_ns = core_.clock.boot_ns();
      if (job.has(in_lane)) core_.lanes.move(core_, context, l.slot, lane_place::in_line);
      // Before anyone can count its next end.
      context.tallies.of(job.queue, job.kind).counts.add(tally::requeued);
      transition_to_requeued(job.word, word, bytes != 0);
      if (job.has(logged)) lsn = log_requeued(context, id, job, word.version());
      place = band_entry::make(l.slot, word).bits;
    });
    if (refused == reject::none) return true;
    why = refused == reject::memory ? no_memory_for_letter : failure{errc::busy, 0, "unique key"};
    give_bytes(core_, queue, bytes);
    queue.room().give(1);
    core_.room.give(1);
    return false;
  });
  if (place == 0) return why;
  // Nobody can start the job before its place is pushed, and nobody else has the place.
  const slot& job = core_.jobs[id_slot(id)];
  ready_queue& queue = *core_.queues.at(known->queue.index);
  push_ready(core_, context, queue, job.band, {&place, 1});
  if (queue.counts_bytes()) weigh(core_, id_slot(id));  // see engine/weighing.hpp
  return ticket{id, lsn};
}

std::uint64_t engine::purge_dead(thread_context& context, const dead_filter& which) noexcept {
  std::uint64_t purged = 0;
  std::uint64_t cursor = 0;
  for (;;) {
    std::uint32_t slot_index = 0;
    bool found = false;
    core_.dead.for_each_from(cursor, [&](std::uint64_t number, const dead_letters::letter& l) {
      cursor = number + 1;
      found = lets_through(which, status_of_dead(core_, l.slot), l.died_ns);
      slot_index = l.slot;
      return !found;
    });
    if (!found) return purged;
    bool taken = false;
    core_.dead.look_at(slot_index, [&](const dead_letters::letter& l) {
      taken = lets_through(which, status_of_dead(core_, l.slot), l.died_ns);
      return taken;
    });
    if (!taken) continue;
    release_dead(core_, context, slot_index);
    ++purged;
  }
}

}  // namespace pawl
