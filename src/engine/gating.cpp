#include "engine/gating.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "engine/breaking.hpp"
#include "engine/gate_line.hpp"
#include "engine/gate_timers.hpp"

namespace pawl {

namespace {

constexpr std::size_t admitted_max = 64;  // at a time

bool is_closed_for_limit(const ready_queue& queue) noexcept {
  return queue.gate().is_closed_for(gate_reason::at_limit);
}

void give_of_queue(core& c, ready_queue& queue) noexcept {
  queue.limits().give();
  if (is_closed_for_limit(queue) && queue.gate().open(gate_reason::at_limit, c.active)) {
    c.idle.notify();
  }
}

void give_of_gate(core& c, thread_context& context, start_gate& gate) noexcept {
  gate.of().give();
  if (gate.has_waiting()) admit_parked(c, context, gate);
}

void drop(core& c, thread_context& context, start_gate*& held) noexcept {
  if (held == nullptr) return;
  give_of_gate(c, context, *std::exchange(held, nullptr));
}
void drop(core& c, ready_queue*& held) noexcept {
  if (held == nullptr) return;
  give_of_queue(c, *std::exchange(held, nullptr));
}

start_gate* tenant_gate(const core& c, unsigned tenant) noexcept {
  return tenant == 0 ? nullptr : c.gates.of_tenant(tenant);
}

start_rates rates_of(core& c, start_gate& kind, start_gate* tenant, ready_queue& queue) noexcept {
  permits* const of_tenant = tenant == nullptr ? nullptr : &tenant->of();
  return {kind.of(), of_tenant, queue.limits(), c.all_starts};
}

bool has(std::uint64_t permits, job_flag f) noexcept {
  return (permits & static_cast<std::uint64_t>(f)) != 0;
}

// The gate is closed for that reason, and nothing that could start later keeps a permit meanwhile.
void close_queue(core& c, thread_context& context, ready_queue& queue,
                 gate_reason reason) noexcept {
  queue.gate().close(reason);
  if (queue.has_equipped()) give_up_permits(c, context, queue);
}

// Whether the gate's rate and its breaker let so many start now.
bool may_start(const start_gate& gate, std::uint64_t now_ns, std::uint64_t count) noexcept {
  if (gate.of().starts_ready(now_ns, count) < count) return false;
  return gate.trips() == nullptr || gate.trips()->starts_ready(now_ns, count) == count;
}

// If they do not: when to ask again; 0: when something happens.
std::uint64_t ask_again_at(const start_gate& gate, std::uint64_t now_ns,
                           std::uint64_t count) noexcept {
  const std::uint64_t at = gate.of().starts_ready_at(now_ns, count);
  return gate.trips() == nullptr ? at : std::max(at, gate.trips()->ask_at(now_ns));
}

// One job's way through the gates on the thread that starts it.
class way {
 public:
  // `gating`: see pass_gates(). `only_asks`: nothing is counted as started.
  way(core& c, thread_context& context, band_entry place, slot& job, job_word word, job_scopes of,
      std::uint64_t gating, bool only_asks) noexcept
      : core_(c),
        context_(context),
        held_(context.held),
        place_(place),
        job_(job),
        word_(word),
        queue_(*c.queues.at(of.queue)),
        kind_(&c.gates.of_kind(of.kind)),
        tenant_(tenant_gate(c, of.tenant)),
        scopes_(of.number()),
        gating_(gating),
        only_asks_(only_asks) {}

  passage go() noexcept {
    if (!claim()) return passage::gone;
    for (;;) {
      if (!holds(*kind_, held_.kind)) {
        if (park(*kind_, claimed_kind_)) return passage::gone;
        continue;
      }
      if (tenant_ == nullptr) drop(core_, context_, held_.tenant);
      if (tenant_ != nullptr && !holds(*tenant_, held_.tenant)) {
        if (park(*tenant_, claimed_tenant_)) return passage::gone;
        continue;
      }
      if (!holds_queue()) return passage::closed;
      if (const std::optional<passage> p = start_at_rates()) return *p;
    }
  }

  // Of a free way: the next job of these scopes has nothing to ask.
  void leave_pass() const noexcept {
    if (is_trial_ || (is_counted_ && !context_.starts.has_any())) return;
    context_.pass.give(scopes_, gating_, kind_, tenant_, is_counted_);
  }

 private:
  // What the job brings along is the thread's from here on; give_up_permits() may have been faster, and
  // it asks like one that brings nothing. False: another thread has taken the job.
  bool claim() noexcept {
    if (word_.permits() == 0) return true;
    const std::uint64_t had = claim_permits(job_.word, word_);
    if (had == 0) return place_.names(word_);
    queue_.note_equipped(-1);
    take_over(had, job_flag::permit_of_kind, *kind_, held_.kind, claimed_kind_);
    if (tenant_ != nullptr) {
      take_over(had, job_flag::permit_of_tenant, *tenant_, held_.tenant, claimed_tenant_);
    }
    if (has(had, job_flag::permit_of_queue)) {
      drop(core_, held_.queue);
      held_.queue = &queue_;
    }
    return true;
  }
  void take_over(std::uint64_t had, job_flag flag, start_gate& gate, start_gate*& held,
                 bool& claimed) noexcept {
    if (!has(had, flag)) return;
    gate.note_in_transit(-1);
    drop(core_, context_, held);
    held = &gate;
    claimed = true;
    if (gate.has_waiting()) admit_parked(core_, context_, gate);  // start_gate::may_admit()
  }

  // A permit of the gate, if it wants one. A thread that has one from the job before uses it again, but
  // not past those that wait. Who has waited at one gate does not wait behind others at the next: two
  // lines would send their jobs to each other for ever.
  bool holds(start_gate& gate, start_gate*& held) noexcept {
    const bool has_waited = claimed_kind_ || claimed_tenant_;
    if (held != nullptr && (held != &gate || gate.is_closed() || gate.of().is_exceeded() ||
                            (!has_waited && gate.has_waiting()))) {
      drop(core_, context_, held);
    }
    if (held != nullptr || gate.lets_all_pass()) return true;
    if (!(has_waited ? gate.try_enter_past() : gate.try_enter())) return false;
    held = &gate;
    return true;
  }

  bool holds_queue() noexcept {
    if (held_.queue != nullptr && (held_.queue != &queue_ || queue_.limits().is_exceeded())) {
      drop(core_, held_.queue);
    }
    if (held_.queue != nullptr || !queue_.limits().has_limit()) return true;
    for (;;) {
      if (queue_.limits().try_take()) {
        held_.queue = &queue_;
        return true;
      }
      close_queue(core_, context_, queue_, gate_reason::at_limit);
      if (queue_.limits().is_full()) return false;
      // A permit came back before the gate was closed, so nobody else opens it.
      if (queue_.gate().open(gate_reason::at_limit, core_.active)) core_.idle.notify();
    }
  }

  // Of each scope that has a rate, a start; or of none. And of the breaker. Nothing: ask again.
  std::optional<passage> start_at_rates() noexcept {
    const start_rates rates = rates_of(core_, *kind_, tenant_, queue_);
    breaker* const trips = kind_->trips();
    is_counted_ = rates.has_any();
    const std::uint64_t recent = core_.clock.recent_boot_ns(context_.clock_reading);
    const bool has_one =
        !is_counted_ || (!only_asks_ && context_.starts.use(scopes_, gating_, recent));
    const bool is_timed = !has_one || (trips != nullptr && !trips->is_closed());
    // Where 0 is too early, because something has changed just now, park() looks again.
    const std::uint64_t now = is_timed ? core_.clock.boot_ns() : 0;
    if (!has_one) {
      permits* const by =
          only_asks_ ? rates.refusing(now) : context_.starts.take(rates, scopes_, gating_, now);
      if (by != nullptr) return refused(*by, now);
    }
    if (trips == nullptr) return passage::free;
    if (only_asks_) {
      if (trips->starts_ready(now, 1) != 0) return passage::free;
    } else if (breaker::attempt a; trips->try_start(now, a)) {
      context_.now_running.breaker_mark.store(
          make_breaker_mark(number_of_gate(kind_->id()), a.epoch), relaxed);
      context_.now_running.is_trial = is_trial_ = a.is_trial;
      return passage::free;
    } else if (is_counted_) {
      context_.starts.take_back();
    }
    return refused(*kind_, claimed_kind_);
  }
  std::optional<passage> refused(permits& by, std::uint64_t now_ns) noexcept {
    context_.tallies.of(queue_.index(), job_.kind).counts.add(tally::rate_refused);
    if (&by == &kind_->of()) return refused(*kind_, claimed_kind_);
    if (tenant_ != nullptr && &by == &tenant_->of()) return refused(*tenant_, claimed_tenant_);
    const bool of_all = &by == &core_.all_starts;
    const gate_reason reason = of_all ? gate_reason::all_at_rate : gate_reason::at_rate;
    close_queue(core_, context_, queue_, reason);
    // Who set another rate before the gate was closed does not open it any more.
    const std::uint64_t ask_at = by.starts_ready_at(now_ns, 1);
    if (ask_at == 0) {
      if (queue_.gate().open(reason, core_.active)) core_.idle.notify();
      return {};
    }
    of_all ? set_rate_timer(core_, context_, ask_at)
           : set_queue_timer(core_, context_, queue_.index(), ask_at);
    return passage::closed;
  }

  std::optional<passage> refused(start_gate& by, bool claimed) noexcept {
    if (!park(by, claimed)) return {};
    return passage::gone;
  }

  // Refused by the gate. False: the way has become free meanwhile. True: the place is gone.
  bool park(start_gate& gate, bool claimed) noexcept {
    leave_gates(core_, context_);
    claimed_kind_ = false;
    claimed_tenant_ = false;
    const std::lock_guard lock(gate.mutex());
    gate.note_joining();  // before the last look: start_gate.hpp I1
    // One time for the look and for the timer, or a start could become ready in between unseen.
    const std::uint64_t now = core_.clock.boot_ns();
    if (is_free(gate, claimed, now)) {
      gate.note_left();
      return false;
    }
    if (!transition_to_blocked(job_.word, word_)) {
      gate.note_left();
      return true;
    }
    join_line(core_, gate, place_.slot(), claimed);
    const std::uint64_t ask_at = ask_again_at(gate, now, std::uint64_t{gate.in_transit()} + 1);
    if (ask_at != 0) set_gate_timer(core_, context_, gate, ask_at);
    return true;
  }
  // One that comes back goes before the others.
  [[nodiscard]] static bool is_free(start_gate& gate, bool claimed, std::uint64_t now_ns) noexcept {
    if (gate.is_closed() || gate.of().is_full()) return false;
    if (!claimed && !gate.line().is_empty()) return false;
    return may_start(gate, now_ns, 1);
  }

  core& core_;
  thread_context& context_;
  held_permits& held_;
  const band_entry place_;
  slot& job_;
  job_word word_;
  ready_queue& queue_;
  start_gate* const kind_;
  start_gate* const tenant_;
  bool claimed_kind_ = false;
  bool claimed_tenant_ = false;
  const std::uint64_t scopes_;
  const std::uint64_t gating_;
  const bool only_asks_;
  bool is_counted_ = false;  // by a rate
  bool is_trial_ = false;
};

// What leaves a line in one go.
struct admitted {
  std::uint64_t place;
  ready_queue* queue;
  unsigned band;
  bool has_permit;
};

// The next of the line, if it may go. Under the gate's lock. False: none may; `ask_at_ns` says when one
// may, where time alone is wanted.
bool admit_one(core& c, start_gate& gate, admitted& out, bool& is_out,
               std::uint64_t& ask_at_ns) noexcept {
  is_out = false;
  if (gate.line().is_empty() || !gate.may_admit()) return false;
  const std::uint64_t now = c.clock.boot_ns();
  const std::uint64_t wanted = std::uint64_t{gate.in_transit()} + 1;
  if (!may_start(gate, now, wanted)) {
    ask_at_ns = ask_again_at(gate, now, wanted);
    return false;
  }
  if (!gate.of().try_take()) return false;
  const std::uint32_t index = gate.line().first();
  slot& job = c.jobs[index];  // its slot is its own until who ends it has had the lock
  job_word word{job.word.load(acquire)};
  out.queue = c.queues.at(job.queue);
  out.band = job.band;
  // In a closed queue it would keep the permit for nothing: it comes as one that has to ask again.
  out.has_permit = out.queue->gate().is_open();
  leave_line(c, gate, index);
  const auto flag = part_of_gate(gate.id()) == gate_part::kind ? job_flag::permit_of_kind
                                                               : job_flag::permit_of_tenant;
  if (out.has_permit) {
    gate.note_in_transit(+1);
    out.queue->note_equipped(+1);
  }
  is_out = transition_to_unblocked(job.word, word,
                                   out.has_permit ? static_cast<std::uint64_t>(flag) : 0);
  if (is_out) out.place = band_entry::make(index, word).bits;
  if (out.has_permit && !is_out) {
    gate.note_in_transit(-1);
    out.queue->note_equipped(-1);
  }
  if (!out.has_permit || !is_out)
    gate.of().give();  // nobody waits for it that we do not look at next
  return true;
}

}  // namespace

passage pass_gates(core& c, thread_context& context, band_entry place, slot& job, job_word word,
                   job_scopes of, std::uint64_t gating) noexcept {
  context.pass.close();  // permits change hands now
  way w(c, context, place, job, word, of, gating, false);
  const passage p = w.go();
  if (p == passage::free) w.leave_pass();
  return p;
}

void take_back_start(core& c, thread_context& context, job_scopes of) noexcept {
  start_gate* const tenant = tenant_gate(c, of.tenant);
  start_gate& kind = c.gates.of_kind(of.kind);
  if (rates_of(c, kind, tenant, *c.queues.at(of.queue)).has_any()) context.starts.take_back();
  tell_breaker(c, context, of.kind, context.now_running.breaker_mark.load(relaxed), {});
}

void give_permits(core& c, thread_context& context, job_scopes of, std::uint64_t permits) noexcept {
  if (permits == 0) return;
  ready_queue& q = *c.queues.at(of.queue);
  q.note_equipped(-1);
  if (has(permits, job_flag::permit_of_queue)) give_of_queue(c, q);
  const auto give = [&](job_flag flag, start_gate& gate) {
    if (!has(permits, flag)) return;
    gate.note_in_transit(-1);
    give_of_gate(c, context, gate);
  };
  give(job_flag::permit_of_kind, c.gates.of_kind(of.kind));
  start_gate* const tenant = tenant_gate(c, of.tenant);
  if (tenant != nullptr) give(job_flag::permit_of_tenant, *tenant);
}

passage equip_for_pool(core& c, thread_context& context, band_entry place) noexcept {
  slot& job = c.jobs[place.slot()];
  job_word word{job.word.load(acquire)};
  if (!place.names(word)) return passage::gone;
  const job_scopes of(job);
  ready_queue& queue = *c.queues.at(of.queue);
  const auto has_permit = [&] { return context.held.queue == &queue; };
  if (!queue.gate().looks_open(has_permit)) return passage::closed;
  context.pass.close();
  // The start is counted when it is made; until then it is in transit.
  const passage p = way(c, context, place, job, word, of, c.gating.load(seq_cst), true).go();
  if (p != passage::free) return p;
  const held_permits mine = std::exchange(context.held, held_permits{});
  std::uint64_t permits = 0;
  if (mine.queue != nullptr) permits |= static_cast<std::uint64_t>(job_flag::permit_of_queue);
  if (mine.kind != nullptr) permits |= static_cast<std::uint64_t>(job_flag::permit_of_kind);
  if (mine.tenant != nullptr) permits |= static_cast<std::uint64_t>(job_flag::permit_of_tenant);
  if (permits != 0) queue.note_equipped(+1);
  if (mine.kind != nullptr) mine.kind->note_in_transit(+1);
  if (mine.tenant != nullptr) mine.tenant->note_in_transit(+1);
  if (permits == 0) return passage::free;
  word = job_word{job.word.load(acquire)};
  if (place.names(word) && equip(job.word, word, permits)) return passage::free;
  give_permits(c, context, of, permits);
  return passage::gone;  // it has ended, or another thread is at it
}

void leave_gates(core& c, thread_context& context) noexcept {
  context.pass.close();
  context.ended_ns = 0;
  if (context.ended_well.count != 0) tell_good_ends(c, context);
  held_permits& held = context.held;
  drop(c, held.queue);
  drop(c, context, held.kind);
  drop(c, context, held.tenant);
}

void unpark(core& c, std::uint32_t slot_index) noexcept {
  const slot& job = c.jobs[slot_index];
  for (start_gate* const gate : {&c.gates.of_kind(job.kind), tenant_gate(c, job.tenant)}) {
    if (gate == nullptr) continue;
    // Who parks it or takes it from the line does so under the lock from its first to its last touch.
    const std::lock_guard lock(gate->mutex());
    if (c.lot.owner_of(slot_index) != gate->id()) continue;
    leave_line(c, *gate, slot_index);
    return;
  }
}

void give_up_permits(core& c, thread_context& context, ready_queue& queue) noexcept {
  std::vector<std::uint64_t> equipped;
  for (unsigned b = 0; b < priority_count; ++b) {
    queue.front_of(b).for_each([&](std::uint64_t place) {
      const job_word word{c.jobs[band_entry{place}.slot()].word.load(acquire)};
      if (band_entry{place}.names(word) && word.permits() != 0) equipped.push_back(place);
    });
  }
  for (const std::uint64_t place : equipped) {
    slot& job = c.jobs[band_entry{place}.slot()];
    job_word word{job.word.load(acquire)};
    const job_scopes of(job);
    if (band_entry{place}.names(word)) give_permits(c, context, of, claim_permits(job.word, word));
  }
}

void admit_parked(core& c, thread_context& context, start_gate& gate) noexcept {
  std::array<admitted, admitted_max> out;
  std::size_t count = 0;
  {
    const std::lock_guard lock(gate.mutex());
    std::uint64_t ask_at = 0;
    bool is_out = false;
    while (count < out.size() && admit_one(c, gate, out[count], is_out, ask_at)) {
      if (is_out) ++count;
    }
    if (count == out.size() && !gate.line().is_empty()) ask_at = c.clock.boot_ns();
    if (ask_at != 0) set_gate_timer(c, context, gate, ask_at);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ready_queue& queue = *out[i].queue;
    ordered_places* const heap = out[i].has_permit ? nullptr : queue.heap_of(out[i].band);
    if (heap == nullptr || !heap->put_back(c.order, {&out[i].place, 1})) {
      queue.front_of(out[i].band).append({&out[i].place, 1});
    }
    if (queue.gate().announce(out[i].band, c.active)) {
      c.idle.notify();
    } else if (out[i].has_permit) {
      give_up_permits(c, context, queue);
    }
  }
}

}  // namespace pawl
