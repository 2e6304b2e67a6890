#include "engine/runner.hpp"

#include <algorithm>

#include "engine/ending.hpp"
#include "engine/handler_call.hpp"
#include "engine/placing.hpp"
#include "engine/watchdog.hpp"
#include "job/expiry.hpp"
#include "job/id.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

// An attempt from its start to its end, on the thread that makes it. The slot's fields are its own
// between the two swaps of the word.
class one_attempt {
 public:
  one_attempt(core& c, thread_context& context, std::uint32_t slot_index, slot& job,
              job_word running) noexcept
      : core_(c),
        context_(context),
        slot_index_(slot_index),
        job_(job),
        word_(running),
        kind_(c.kinds[job.kind]),
        id_(make_id(slot_index, job.generation)),
        number_(job.attempt + 1u),
        pushbacks_(job.pushbacks) {}

  void make() noexcept {
    begin();
    bool fits = true;
    const outcome said = handler_call::run(core_, context_, kind_, job_, id_, fits);
    // First: from here on the job may run elsewhere, and this line must not speak for it.
    context_.line.clear_running();
    const bool is_mine = transition_from_running(
        job_.word, word_, [&](job_word now) { return settle_fields(said, fits, now); });
    context_.now_running.end();
    if (word_.has(job_flag::overrun) || overran_) note_overrun_end(is_mine);
    if (is_mine) {
      go_on();
    } else if (detach(job_.word)) {
      release_slot(core_, context_, slot_index_);
    }
  }

 private:
  void begin() noexcept {
    job_.attempt = static_cast<std::uint8_t>(number_);
    const std::uint64_t now = core_.clock.recent_boot_ns(context_.clock_reading);
    const std::uint64_t timeout = run_timeout_ns();
    const std::uint64_t deadline = now > UINT64_MAX - timeout ? UINT64_MAX : now + timeout;
    if (context_.line.end_start(id_, now, deadline, core_.asymmetric)) {
      core_.watch.expect(core_, context_.line, deadline);
    }
    context_.counts.add(tally::started);
    call_hook(core_, core_.settings.given.hooks.on_start, change_to(job_state::running));
  }

  [[nodiscard]] std::uint64_t run_timeout_ns() const noexcept {
    const job_extra* const x = extra();
    if (x != nullptr && x->run_timeout_ns != 0) return x->run_timeout_ns;
    const std::uint64_t of_kind = detail::nanoseconds(kind_.options.run_timeout);
    return of_kind != 0 ? of_kind : UINT64_MAX;
  }
  [[nodiscard]] job_extra* extra() const noexcept {
    const std::uint32_t reference = job_.extra;
    return reference == 0 ? nullptr : &core_.payloads.value<job_extra>(reference);
  }
  [[nodiscard]] job_change change_to(job_state state,
                                     dead_cause cause = dead_cause::none) const noexcept {
    return {id_, queue_ref{job_.queue, core_.tag}, kind_ref{job_.kind}, number_, state, cause};
  }

  // What the handler said, with the flags that are set now: the fields are written for it, and the
  // event is what the word takes. Asked again if another flag came up in between.
  job_event settle_fields(outcome said, bool fits, job_word now) noexcept {
    overran_ = now.has(job_flag::overrun);
    if (!fits) {
      job_.cause = static_cast<std::uint8_t>(dead_cause::decode);
      step_ = {.next = decision::step::die, .cause = dead_cause::decode};
      return job_event::die;
    }
    step_ = decide(said.what(), said.kind(),
                   {.attempt = number_,
                    .attempts_max = job_.attempts_max,
                    .rules = kind_.options.rules,
                    .pushbacks = pushbacks_,
                    .pushbacks_max = core_.settings.given.pushbacks_max,
                    .cancel_requested = now.has(job_flag::cancel_requested),
                    .stopping = core_.stopping.load(acquire),
                    .timed_out = now.has(job_flag::timed_out),
                    .overrun = overran_});
    if (step_.next == decision::step::complete) [[likely]]
      return job_event::done;
    if (step_.failed) note_error();
    switch (step_.next) {
      case decision::step::again_later:
        job_.attempt = static_cast<std::uint8_t>(number_ - (step_.is_pushback ? 1 : 0));
        job_.pushbacks = static_cast<std::uint8_t>(pushbacks_ + (step_.is_pushback ? 1 : 0));
        set_due(said.after());
        return job_event::retry;
      case decision::step::again_now:
        job_.attempt = static_cast<std::uint8_t>(number_ - 1);
        set_due(duration(0));
        return job_event::yield;
      case decision::step::cancel:
        return job_event::cancel;
      case decision::step::complete:
      case decision::step::die:
        break;
    }
    job_.cause = static_cast<std::uint8_t>(step_.cause);
    return job_event::die;
  }

  void set_due(duration after) noexcept {
    const std::uint64_t now = core_.clock.boot_ns();
    const job_extra* const x = extra();
    const backoff& wait = x != nullptr && x->has_backoff ? x->backoff : kind_.options.backoff;
    const std::uint64_t delay = step_.by_backoff
                                    ? backoff_ns(wait, number_, mix(core_.seed ^ id_.value))
                                    : std::min(detail::nanoseconds(after), longest_delay_ns);
    due_ns_ = now + delay;
    if (step_.failed) due_ns_ = core_.queues.at(job_.queue)->spend_retry(due_ns_);
    job_.due_ns = due_ns_;
    job_.by_wall_clock = false;
  }

  // Into the job's history. Once; without memory for it the error is not kept.
  void note_error() noexcept {
    if (error_noted_) return;
    error_noted_ = true;
    if (job_.extra == 0) job_.extra = core_.payloads.store_value(job_extra{});
    job_extra* const x = extra();
    if (x == nullptr) return;
    if (x->history == 0) x->history = core_.payloads.store_value(error_history{});
    if (x->history == 0) return;
    const std::string_view text = context_.now_running.text();
    core_.payloads.value<error_history>(x->history)
        .add(core_.clock.boot_ns(), number_, step_.error,
             text.empty() && step_.error == error_timeout ? "ran longer than run_timeout" : text);
  }

  // A handler that overran is back: its drain is free again, and what it said did not count.
  void note_overrun_end(bool is_mine) noexcept {
    context_.counts.add(tally::stale_results);
    core_.overruns.fetch_sub(1, relaxed);  // relaxed: a number for health and for replacements
    if (is_mine) return;
    core_.say.say(log_level::warning, "handler.late",
                  "the handler of a job that had died of its overrun has returned", id_);
  }

  // The word has moved on: to an end, or to be started again, perhaps already on another thread. So
  // nothing of the slot is read in the latter case.
  void go_on() noexcept {
    switch (word_.state()) {
      case job_state::scheduled:
        context_.counts.add(step_.is_pushback ? tally::pushed_back : tally::retried);
        again(job_state::scheduled);
        core_.due_later.add(core_, context_,
                            {due_ns_, slot_index_, static_cast<std::uint32_t>(word_.version())});
        break;
      case job_state::ready: {
        context_.counts.add(tally::pushed_back);
        again(job_state::ready);
        const std::uint64_t place = band_entry::make(slot_index_, word_).bits;
        push_ready(core_, context_, *core_.queues.at(queue_), band_, {&place, 1});
        break;
      }
      default:
        end_job(core_, context_, slot_index_, word_, step_.cause);
        break;
    }
  }

  void again(job_state state) noexcept {
    call_hook(core_, core_.settings.given.hooks.on_end,
              {id_, queue_ref{queue_, core_.tag}, kind_ref{kind_index_}, number_, state,
               dead_cause::none});
  }

  static constexpr std::uint64_t longest_delay_ns = 3'155'760'000'000'000'000;  // 100 years

  core& core_;
  thread_context& context_;
  const std::uint32_t slot_index_;
  slot& job_;
  job_word word_;
  const registry::entry& kind_;
  const job_id id_;
  const unsigned number_;
  const unsigned pushbacks_;
  const std::uint16_t queue_ = job_.queue;
  const std::uint16_t kind_index_ = job_.kind;
  const std::uint8_t band_ = job_.band;
  decision step_;
  std::uint64_t due_ns_ = 0;
  bool error_noted_ = false;
  bool overran_ = false;
};

// The job that `word` was read of has an expiry. True: it had passed; the job has ended.
bool expire_instead(core& c, thread_context& context, std::uint32_t slot_index, slot& job,
                    job_word word) noexcept {
  const std::uint64_t version = word.version();
  while (word.version() == version) {
    if (expiry_ns(job.submitted_ns, job.expires) > c.clock.boot_ns()) return false;
    if (transition_to_expired(job.word, word) == request::ended) {
      end_job(c, context, slot_index, word, dead_cause::none);
      return true;
    }
    word = job_word{job.word.load(acquire)};  // a flag was set, or it is gone
  }
  return false;
}

}  // namespace

start run_job(core& c, thread_context& context, band_entry place, bool may_wait) noexcept {
  slot& job = c.jobs[place.slot()];
  // A stale place may name a slot in a later life, whose queue and kind are none of its business.
  // Read after this acquire, they belong to the life that the swap below starts from.
  job_word word{job.word.load(acquire)};
  if (!place.names(word)) {
    context.counts.add(tally::stale_entries);
    return start::stale;
  }
  const unsigned queue_index = job.queue;
  const registry::entry& kind = c.kinds[job.kind];
  if (kind.options.blocking && !may_wait) return start::needs_thread;

  // The start protocol of ready/board.hpp: line, gate, word, line.
  context.line.begin_start(queue_index, c.asymmetric);
  if (!c.queues.at(queue_index)->gate().looks_open()) {
    context.line.give_up_start();
    return start::closed;
  }
  if (job.expires != 0 && expire_instead(c, context, place.slot(), job, word)) {
    context.line.give_up_start();
    return start::ran;
  }
  if (!transition_to_running(job.word, place.version(), band_entry::version_mask, word)) {
    context.line.give_up_start();
    context.counts.add(tally::stale_entries);
    return start::stale;
  }
  one_attempt(c, context, place.slot(), job, word).make();
  return start::ran;
}

}  // namespace pawl
