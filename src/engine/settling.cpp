#include "engine/settling.hpp"

#include <algorithm>

#include "engine/breaking.hpp"
#include "engine/ending.hpp"
#include "engine/job_log.hpp"
#include "engine/placing.hpp"
#include "engine/timing.hpp"
#include "job/expiry.hpp"
#include "job/extra.hpp"
#include "job/id.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

constexpr std::uint64_t longest_delay_ns = 3'155'760'000'000'000'000;  // 100 years

job_event event_of(decision::step s) noexcept {
  switch (s) {
    case decision::step::complete:
      return job_event::done;
    case decision::step::cancel:
      return job_event::cancel;
    case decision::step::again_later:
      return job_event::retry;
    case decision::step::again_now:
      return job_event::yield;
    case decision::step::die:
      break;
  }
  return job_event::die;
}

// One attempt after its handler has returned. The slot's fields are this thread's until the word moves
// on; if the job comes again it may do so at once and on another thread, so what is needed of the slot
// afterwards is kept here.
class settlement {
 public:
  settlement(core& c, thread_context& context, std::uint32_t slot_index, job_word word,
             outcome said, bool fits) noexcept
      : core_(c),
        context_(context),
        slot_index_(slot_index),
        job_(c.jobs[slot_index]),
        word_(word),
        said_(said),
        fits_(fits),
        id_(make_id(slot_index, job_.generation)),
        queue_(job_.queue),
        kind_(job_.kind),
        band_(job_.band),
        number_(job_.attempt),
        pushbacks_(job_.pushbacks),
        expiry_ns_(expiry_ns(job_.submitted_ns, job_.expires)) {}

  void run() noexcept {
    const bool is_mine = begin_settling(job_.word, word_);
    if (!is_mine || word_.has(job_flag::overrun)) note_late_return(is_mine);
    if (!is_mine) {
      // Who took the job from its handler may not have come to tell the lane's breaker.
      step_ = {.next = decision::step::die, .error = error_timeout, .failed = true};
      if (job_.has(in_lane)) move_in_lane(job_state::dead);
      if (detach(job_.word)) release_slot(core_, context_, slot_index_);
      return;
    }
    transition_from_running(job_.word, word_, [this](job_word now) {
      step_ = judge(now);
      write_fields();
      return event_of(step_.next);
    });
    go_on();
  }

 private:
  // Before the word says so: who starts next looks at the lane.
  void move_in_lane(job_state state) noexcept {
    const on_failure rule = core_.queues.at(queue_)->lanes().on_failure;
    core_.lanes.move(core_, context_, slot_index_, place_in_lane(rule, state, dead_cause::timeout),
                     lane_facts());
  }
  // What a breaker is told of the attempt, by the step that was judged last.
  [[nodiscard]] breaker_facts facts_for(const breaker_rule& rule) const noexcept {
    breaker_facts facts;
    if (step_.failed) facts = failed_with(rule, step_.error);
    if (step_.next == decision::step::complete) facts.counts = true;
    facts.slow = facts.counts && was_slow(core_, context_, rule);
    return facts;
  }
  [[nodiscard]] breaker_facts lane_facts() const noexcept {
    const live_breaker_rule& rule = core_.queues.at(queue_)->lane_breaker();
    return rule.is_on() ? facts_for(rule.read()) : breaker_facts{};
  }
  void tell_lane_of_it() noexcept {
    if (!core_.queues.at(queue_)->lane_breaker().is_on()) return;
    core_.lanes.tell(core_, context_, slot_index_, lane_facts());
  }
  void note_times(std::uint64_t submitted_ns) noexcept {
    if (!core_.has_histograms) return;
    note_returned(context_, context_.tallies.of(queue_, kind_), submitted_ns,
                  core_.clock.recent_boot_ns(context_.clock_reading));
  }
  [[nodiscard]] tally& counts() noexcept { return context_.tallies.of(queue_, kind_).counts; }

  [[nodiscard]] decision judge(job_word now) const noexcept {
    if (!fits_) return {.next = decision::step::die, .cause = dead_cause::decode};
    return decide(said_.what(), said_.kind(),
                  {.attempt = number_,
                   .attempts_max = job_.attempts_max,
                   .rules = core_.kinds[kind_].options.rules,
                   .pushbacks = pushbacks_,
                   .pushbacks_max = core_.settings.given.pushbacks_max,
                   .cancel_requested = now.has(job_flag::cancel_requested),
                   .stopping = core_.stopping.load(acquire),
                   .timed_out = now.has(job_flag::timed_out),
                   .overrun = now.has(job_flag::overrun)});
  }

  // For the step that was judged last.
  void write_fields() noexcept {
    const bool is_again = step_.next == decision::step::again_later;
    job_.attempt = static_cast<std::uint8_t>(number_ - (step_.is_pushback ? 1 : 0));
    job_.pushbacks =
        static_cast<std::uint8_t>(pushbacks_ + (step_.is_pushback && is_again ? 1 : 0));
    job_.cause = static_cast<std::uint8_t>(step_.cause);
    if (step_.failed && !error_noted_) {
      error_noted_ = true;
      note_error(core_, job_, word_.version() + 1, number_, step_.error,
                 context_.now_running.text());
    }
    if (is_again || step_.next == decision::step::again_now) {
      due_ns_ = core_.clock.boot_ns() + (is_again ? delay_ns() : 0);
      job_.due_ns = due_ns_;
      job_.take_off(by_wall_clock);
      if (job_.has(in_lane)) move_in_lane(is_again ? job_state::scheduled : job_state::ready);
    }
    if (job_.has(logged)) note_for_log(is_again);
  }

  // Once the word has moved on the fields may be another thread's.
  void note_for_log(bool is_later) noexcept {
    said_to_log_ = {.id = id_,
                    .marks = job_.marks,
                    .cause = why_again(),
                    .attempt = job_.attempt,
                    .pushbacks = job_.pushbacks,
                    .crashes = crashes_of(core_, job_),
                    .due_ns = is_later ? due_ns_ : 0,
                    .error = {}};
    if (!step_.failed || job_.extra == 0) return;
    const std::uint32_t history = core_.payloads.value<const job_extra>(job_.extra).history;
    if (history == 0) return;
    said_to_log_.error = *core_.payloads.value<const error_history>(history).last();
  }
  [[nodiscard]] again_record::why why_again() const noexcept {
    using why = again_record::why;
    if (step_.failed || !step_.is_pushback) return why::retry;
    if (said_.what() == outcome::code::snooze) return why::snooze;
    if (said_.what() == outcome::code::rate_limited) return why::rate_limited;
    return said_.what() == outcome::code::interrupted ? why::interrupted : why::yield;
  }
  // Before anyone can start it.
  void tell_log() noexcept {
    if ((said_to_log_.marks & logged) == 0) return;
    log_again(core_, context_, said_to_log_, word_.version());
  }

  [[nodiscard]] std::uint64_t delay_ns() const noexcept {
    if (!step_.by_backoff) return std::min(detail::nanoseconds(said_.after()), longest_delay_ns);
    const std::uint32_t extra = job_.extra;
    const job_extra* const own =
        extra == 0 ? nullptr : &core_.payloads.value<const job_extra>(extra);
    const backoff& wait =
        own != nullptr && own->has_backoff ? own->backoff : core_.kinds[kind_].options.backoff;
    return backoff_ns(wait, number_, mix(core_.seed ^ id_.value));
  }

  // A handler that overran is back: its thread is free again, and what it said did not count.
  void note_late_return(bool is_mine) noexcept {
    counts().add(tally::stale_results);
    core_.overruns.fetch_sub(1, seq_cst);  // before the wakes: see drain::run()
    if (core_.drains_alive.load(seq_cst) > core_.settings.drains) {
      while (core_.idle.wake_one()) {  // a replacement that sleeps must see that it is one too many
      }
    }
    if (is_mine) return;
    core_.say.say(log_level::warning, "handler.late",
                  "the handler of a job that had died of its overrun has returned", id_);
  }

  void tell_breaker_of_it() noexcept {
    const std::uint32_t mark = context_.now_running.breaker_mark.load(relaxed);
    if (!is_mark_of(mark, kind_)) return;
    const breaker_rule rule = core_.gates.of_kind(kind_).trips()->rule();
    tell_breaker(core_, context_, kind_, mark, facts_for(rule));
  }

  void go_on() noexcept {
    tell_breaker_of_it();
    switch (word_.state()) {
      case job_state::scheduled:
        note_times(0);
        counts().add(step_.is_pushback ? tally::pushed_back : tally::retried);
        counts().add(tally::put_off);
        tell_log();
        tell_hook();
        core_.due_later.add(core_, context_,
                            {due_ns_, slot_index_ | (step_.failed ? retry_mark : 0),
                             static_cast<std::uint32_t>(word_.version())});
        look_at_expiry();
        break;
      case job_state::ready: {
        note_times(0);
        counts().add(tally::pushed_back);
        tell_log();
        tell_hook();
        const std::uint64_t place = band_entry::make(slot_index_, word_).bits;
        push_ready(core_, context_, *core_.queues.at(queue_), band_, {&place, 1});
        look_at_expiry();
        break;
      }
      default:
        note_times(job_.submitted_ns);
        if (step_.failed && job_.has(in_lane)) tell_lane_of_it();
        end_job(core_, context_, slot_index_, word_, step_.cause);
        break;
    }
  }

  // The entry for the job's expiry was dropped if it fired during the attempt. The clock is read after
  // the word has moved on, so who dropped it read an earlier time.
  void look_at_expiry() noexcept {
    if (expiry_ns_ > core_.clock.boot_ns()) return;
    core_.due_later.add(
        core_, context_,
        {expiry_ns_, slot_index_ | expiry_mark, static_cast<std::uint32_t>(id_generation(id_))});
  }

  void tell_hook() const noexcept {
    const job_hooks& hooks = core_.settings.given.hooks;
    if (hooks.on_end == nullptr) return;
    hooks.on_end(hooks.user, {id_, queue_ref{queue_, core_.tag}, kind_ref{kind_}, number_,
                              word_.state(), dead_cause::none});
  }

  core& core_;
  thread_context& context_;
  const std::uint32_t slot_index_;
  slot& job_;
  job_word word_;
  const outcome said_;
  const bool fits_;
  const job_id id_;
  const std::uint16_t queue_;
  const std::uint16_t kind_;
  const std::uint8_t band_;
  const unsigned number_;  // of the attempt
  const unsigned pushbacks_;
  const std::uint64_t expiry_ns_;
  decision step_;
  std::uint64_t due_ns_ = 0;
  bool error_noted_ = false;
  coming_again said_to_log_{};  // no marks: the job is not logged
};

}  // namespace

void settle(core& c, thread_context& context, std::uint32_t slot_index, job_word word, outcome said,
            bool fits) noexcept {
  settlement(c, context, slot_index, word, said, fits).run();
}

void note_error(core& c, slot& job, std::uint64_t version, unsigned attempt, error_kind kind,
                std::string_view text) noexcept {
  payload_arena& blocks = c.payloads;
  if (job.extra == 0) job.extra = blocks.store_value(job_extra{}, need::dispensable);
  if (job.extra == 0) return;
  job_extra& own = blocks.value<job_extra>(job.extra);
  if (own.history == 0) own.history = blocks.store_value(error_history{}, need::dispensable);
  if (own.history == 0) return;
  if (text.empty() && kind == error_timeout) text = "ran longer than run_timeout";
  blocks.value<error_history>(own.history).add(c.clock.boot_ns(), version, attempt, kind, text);
}

}  // namespace pawl
