#include "engine/drain.hpp"

#include <algorithm>

#include "engine/ending.hpp"
#include "engine/gating.hpp"
#include "engine/placing.hpp"
#include "engine/runner.hpp"
#include "engine/sharing.hpp"
#include "policy/dispatch.hpp"
#include "policy/ordering.hpp"

namespace pawl {

bool drain::step() noexcept {
  if (core_.stopping.load(relaxed)) return false;  // relaxed: the gates are what stops starts
  thin_ = true;
  const std::uint64_t now = now_ns_ != 0 ? now_ns_ : core_.clock.boot_ns();
  now_ns_ = 0;
  if (core_.due_later.is_due(now)) core_.due_later.step(core_, context_);
  if (core_.suspects.is_on()) [[unlikely]]
    return serve_suspect();
  std::array<std::uint64_t, priority_count> last_ready;
  for (unsigned b = 0; b < priority_count; ++b) {
    last_ready[b] = core_.last_ready_ns[b].at.load(relaxed);
  }
  const auto weight = [this](unsigned q) { return core_.queues.at(q)->weight(); };
  pick p;
  if (picker_.choose(core_.active, weight, now, last_ready,
                     static_cast<std::uint64_t>(core_.settings.given.ageing.count()), p)) {
    return serve(p, now);
  }
  return steal();
}

// True: something was done, even if only that a bit was cleared.
bool drain::serve(pick p, std::uint64_t now_ns) noexcept {
  ready_queue& queue = *core_.queues.at(p.queue);
  if (!queue.gate().is_open()) {
    picker_.found_empty(p);
    queue.gate().retire_closed(p.band, core_.active);
    return true;
  }
  queue_share* const share = context_.share_of(p.queue);
  if (share == nullptr) return pass_for_memory(p);

  std::array<std::uint64_t, batch_max> places;
  const std::uint64_t mean = mean_ns_[p.queue];
  std::uint32_t wanted =
      queue.is_ordered() ? ordered_batch_size(mean) : batch_size(mean, batch_max);
  if (queue.limits().has_rate()) {  // what may not start would only be put back
    wanted = static_cast<std::uint32_t>(
        std::max<std::uint64_t>(queue.limits().starts_ready(now_ns, wanted), 1));
  }
  if (visit_ != nullptr) {
    wanted = static_cast<std::uint32_t>(std::min<std::size_t>(wanted, visit_->jobs_left));
  }
  const std::span<std::uint64_t> room(places.data(), wanted);
  std::size_t count = take(queue, *share, p.band, room);
  if (count == 0 && core_.active.is_alone(p.queue, p.band) && linger(queue, p.band)) {
    now_ns = core_.clock.boot_ns();  // or the wait would count as handler time
    count = take(queue, *share, p.band, room);
  }
  if (count == 0) {
    picker_.found_empty(p);
    queue.note_served(p.band, 0);
    if (queue.gate().retire_empty(p.band, core_.active,
                                  [&] { return queue.band_has_jobs(p.band); })) {
      cpu_pause();  // another consumer may be between claiming a place and taking it
    }
    return true;
  }
  batch_ring& ring = core_.rings[context_.index()];
  ring.publish({places.data(), count});
  // Somebody sleeps while there is more than this drain runs next: wake one, which wakes the next. The
  // queue itself is asked: a short pop does not mean that it is empty.
  if (core_.idle.asleep() != 0 &&
      (count > 1 || queue.band_has_jobs(p.band) || !core_.active.is_alone(p.queue, p.band))) {
    core_.idle.notify();
  }

  const slot& last = core_.jobs[band_entry{places[count - 1]}.slot()];
  const std::uint64_t last_due = last.has(by_wall_clock) ? now_ns : std::uint64_t{last.due_ns};
  const std::uint32_t ran = run_batch(queue, p.band, {places.data(), count});
  ring.clear();

  now_ns_ = core_.clock.boot_ns();
  const std::uint64_t used = now_ns_ - now_ns;
  thin_ = is_thin(count, wanted, used);
  mean_ns_[p.queue] = next_mean(mean_ns_[p.queue], used, ran);
  core_.last_ready_ns[p.band].at.store(last_due, relaxed);
  queue.note_served(p.band, last_due);
  picker_.charge(p, used);
  return true;
}

// There is none for what a thread keeps of a queue. Others may be served; and this one soon.
bool drain::pass_for_memory(pick p) noexcept {
  picker_.found_empty(p);
  if (visit_ != nullptr) {
    visit_->until_ns = 0;  // the host has other things to do
  } else {
    core_.clock.sleep_for(timers::memory_wait_ns);
  }
  return true;
}

std::size_t drain::take(ready_queue& queue, queue_share& share, unsigned band,
                        std::span<std::uint64_t> room) noexcept {
  queue.gate().look_at_work();
  if (queue.order() == queue_order::tenants) [[unlikely]]
    return take_shared(core_, queue, band, room, claims_);
  const std::size_t count = queue.front_of(band).pop(room);
  if (count != 0) return count;
  if (ordered_places* const heap = queue.heap_of(band)) [[unlikely]]
    return heap->pop(room);
  return queue.band_of(band).pop(*context_.consumer_of(share, queue, band), room);
}

// The only active queue has run empty. Its submitter may be about to bring the next job: wait for it
// a moment, or each single submit would find the bits cleared and pay for setting them again, and
// each pop would find one job. True: there is one.
bool drain::linger(const ready_queue& queue, unsigned band) noexcept {
  constexpr int looks = 16;
  constexpr int pauses_per_look = 4;
  if (core_.settings.given.spin.count() == 0) return false;
  if (!core_.idle.begin_search(searchers_max())) return false;
  bool found = false;
  for (int i = 0; i < looks && !found; ++i) {
    for (int j = 0; j < pauses_per_look; ++j) cpu_pause();
    found = queue.band_has_jobs(band);
  }
  core_.idle.end_search();
  return found;
}

// How many were started here.
std::uint32_t drain::run_batch(ready_queue& queue, unsigned band,
                               std::span<const std::uint64_t> places) noexcept {
  constexpr std::size_t ahead = 8;  // jobs whose slots are on their way while one runs
  batch_ring& ring = core_.rings[context_.index()];
  share_lines* const shares = queue.shares_of(band);
  std::uint64_t since = shares == nullptr ? 0 : core_.clock.boot_ns();
  std::uint32_t ran = 0;
  for (const std::uint64_t p : places.first(std::min(ahead, places.size()))) prefetch(p);
  for (std::uint32_t i = 0; i < places.size(); ++i) {
    if (i + ahead < places.size()) prefetch(places[i + ahead]);
    if (visit_ != nullptr && i != 0 && is_over(*visit_)) {
      put_back(core_, queue, band, places.subspan(i));
      break;
    }
    ring.advance(i);
    start s = run_job(core_, context_, band_entry{places[i]}, false);
    if (s == start::needs_thread) s = hand_over(places[i], band);
    if (s == start::ran) ++ran;
    if (shares != nullptr) [[unlikely]]
      since = note_use(core_, claims_[i], since, s == start::ran);
    if (s == start::closed) {
      return_closed(queue, band, places.subspan(i));
      break;
    }
  }
  if (shares != nullptr) [[unlikely]]
    shares->settle(std::span(claims_).first(places.size()), weights_of(core_));
  settle_room(core_, context_);
  leave_gates(core_, context_);
  if (visit_ != nullptr) visit_->jobs_left -= ran;
  return ran;
}

// Who closed the gate may have looked for permits before these came back (engine/gating.hpp).
void drain::return_closed(ready_queue& queue, unsigned band,
                          std::span<const std::uint64_t> places) noexcept {
  put_back(core_, queue, band, places);
  if (queue.has_equipped() && !queue.gate().is_open()) give_up_permits(core_, context_, queue);
}

// A job that must not run here goes to the pool, with the permits it needs.
start drain::hand_over(std::uint64_t place, unsigned band) noexcept {
  const slot& job = core_.jobs[band_entry{place}.slot()];
  if (job.has(in_lane) && !core_.lanes.pass(core_, context_, band_entry{place}, false)) {
    return start::stale;
  }
  if ((core_.gating.load(seq_cst) & core::starts) != 0) {
    const passage p = equip_for_pool(core_, context_, band_entry{place});
    if (p != passage::free) return p == passage::closed ? start::closed : start::stale;
  }
  if (pool_.hand_over(place, band)) return start::needs_thread;
  // There is no thread for it and none to be had: better this one than nobody.
  return run_job(core_, context_, band_entry{place}, true);
}

// While there are suspects they run alone. False: this drain has nothing to do.
bool drain::serve_suspect() noexcept {
  constexpr std::uint64_t nap_ns = 100'000;
  const std::optional<std::uint64_t> place = core_.suspects.next(core_);
  if (place) {
    if (run_copy(*place) != start::needs_thread) core_.suspects.let_go(*place);
    return true;
  }
  if (core_.suspects.is_on()) core_.clock.sleep_for(nap_ns);
  return false;
}

// Takes one job from the end of another drain's batch. The owner will find its place stale.
bool drain::steal() noexcept {
  const auto count = static_cast<unsigned>(core_.rings.size());
  for (unsigned i = 1; i < count; ++i) {
    const unsigned victim = (context_.index() + i) % count;
    std::uint64_t place = 0;
    while (core_.rings[victim].try_peek_last(place)) {
      // This may be a long job, and there may be more of them: pass the word on.
      pass_on();
      if (steal_place(place)) {
        thin_ = false;
        return true;
      }
    }
  }
  return false;
}

// The owner may be inside a long handler, so what cannot run here must not wait for it either. It
// then has two places, of which one will be stale.
bool drain::steal_place(std::uint64_t place) noexcept {
  const start s = run_copy(place);
  if (s == start::ran) context_.tallies.rest().add(tally::stolen);
  return s != start::stale;
}

// A place of which the owner, or a band, has another copy.
start drain::run_copy(std::uint64_t place) noexcept {
  const slot& job = core_.jobs[band_entry{place}.slot()];
  // Its owner has the claim to what was expected of it, and settles that.
  share_lines* const shares = core_.queues.at(job.queue)->shares_of(job.band);
  const share_claim claim = claim_of(core_, place);
  const std::uint64_t since = shares == nullptr ? 0 : core_.clock.boot_ns();
  start s = run_job(core_, context_, band_entry{place}, false);
  if (s == start::needs_thread) s = hand_over(place, job.band);
  if (shares != nullptr && s == start::ran) settle_use(core_, *shares, claim, since, true);
  leave_gates(core_, context_);
  if (s == start::ran) {
    settle_room(core_, context_);
    if (visit_ != nullptr) --visit_->jobs_left;
  } else if (s == start::closed) {
    return_closed(*core_.queues.at(job.queue), job.band, {&place, 1});
  }
  return s;
}

bool drain::sees_work() const noexcept {
  if (core_.active.any()) return true;
  for (unsigned i = 0; i < core_.rings.size(); ++i) {
    if (i != context_.index() && core_.rings[i].looks_stealable()) return true;
  }
  return false;
}

// Looks for work for a while without sleeping: a wake-up costs several microseconds on both sides.
// At most half of the drains do so at a time. True: there is some, or the scheduler stops.
bool drain::search() noexcept {
  const auto limit = static_cast<std::uint64_t>(core_.settings.given.spin.count());
  if (limit == 0 || !core_.idle.begin_search(searchers_max())) return false;
  bool found = false;
  const std::uint64_t begin = core_.clock.boot_ns();
  for (std::uint64_t now = begin; !found && now - begin < limit; now = core_.clock.boot_ns()) {
    if (core_.due_later.is_due(now)) core_.due_later.step(core_, context_);
    for (int i = 0; i < 16 && !found; ++i) {
      cpu_pause();
      found = sees_work() || core_.stopping.load(relaxed);
    }
  }
  core_.idle.end_search();
  return found;
}

unsigned drain::searchers_max() const noexcept {
  return std::max(1u, core_.settings.drains / 2);
}

void drain::prefetch(std::uint64_t place) const noexcept {
  const slot& job = core_.jobs[band_entry{place}.slot()];
  __builtin_prefetch(&job, 1);
  __builtin_prefetch(&job.body, 0);
}

// Where drains outrun their submitters, one of them is enough: the others would wake, find a job or
// none, and take the processor from the submitter. False: no other drain is awake, or enough.
bool drain::nap() noexcept {
  constexpr unsigned idle_naps_max = 8;
  if (naps_ >= idle_naps_max || !core_.idle.begin_nap(core_.drains_alive.load(relaxed))) {
    return false;
  }
  ++naps_;
  nap_ns_ = next_nap(nap_ns_);
  core_.clock.sleep_for(nap_ns_);
  core_.idle.end_nap();
  return true;
}

// A replacement is one too many when fewer handlers overrun than replacements run.
bool drain::is_one_too_many(unsigned alive) const noexcept {
  return context_.index() >= core_.settings.drains &&
         alive > core_.settings.drains + core_.overruns.load(seq_cst);
}

// True: this one leaves.
bool drain::may_leave() noexcept {
  unsigned alive = core_.drains_alive.load(seq_cst);
  while (is_one_too_many(alive)) {
    if (core_.drains_alive.compare_exchange_weak(alive, alive - 1, seq_cst)) return true;
  }
  return false;
}

bool drain::is_over(const visit& v) const noexcept {
  return v.until_ns != UINT64_MAX && core_.clock.boot_ns() >= v.until_ns;
}

// There may be work that this drain will not take at once, and another one that could.
void drain::pass_on() noexcept {
  if (core_.idle.asleep() != 0 && sees_work()) core_.idle.notify();
}

bool drain::run_within(visit& v, loop_sleep& rest) noexcept {
  now_ns_ = 0;  // since the last visit the host has done other things
  rest.wake();
  visit_ = &v;
  const auto has_work = [this] { return sees_work() || core_.stopping.load(seq_cst); };
  bool is_at_rest = false;
  while (v.jobs_left != 0 && !core_.stopping.load(acquire)) {
    const bool worked = step();
    if (!worked) is_at_rest = rest.try_rest(has_work);
    if (is_at_rest || is_over(v)) break;
    if (!worked && core_.suspects.is_on()) break;  // another loop has one
  }
  visit_ = nullptr;
  if (is_at_rest || rest.try_rest(has_work)) return false;
  pass_on();
  rest.come_again();
  return true;
}

void drain::retire() noexcept {
  core_.idle.retract(context_.index());
  pass_on();
}

void drain::run() noexcept {
  const unsigned self = context_.index();
  while (!core_.stopping.load(acquire)) {
    if (may_leave()) break;
    const bool worked = step();
    if (worked) naps_ = 0;
    if (!thin_) nap_ns_ = 0;
    if (thin_ && nap()) continue;
    if (worked || search()) continue;
    core_.idle.announce(self);
    if (sees_work() || is_one_too_many(core_.drains_alive.load(seq_cst)) ||
        core_.stopping.load(seq_cst)) {
      core_.idle.withdraw(self);
    } else {
      core_.idle.sleep(self);
    }
  }
  fire();  // the last: from here on it may be hired again
}

}  // namespace pawl
