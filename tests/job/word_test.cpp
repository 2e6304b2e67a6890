// The word of a job. Methods: a random walk compared with a plain struct after each step, and races
// of real threads on one word. All interleavings at toy size: tests/model/word_model.cpp.
#include "job/word.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "job/slot.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::below;
using test::on_threads;
using test::random_source;
using test::scaled;

constexpr std::array all_flags{
    job_flag::cancel_requested, job_flag::attached,        job_flag::waiter,
    job_flag::timed_out,        job_flag::overrun,         job_flag::orphan,
    job_flag::settling,         job_flag::weighed,         job_flag::permit_of_queue,
    job_flag::permit_of_kind,   job_flag::permit_of_tenant};
constexpr std::array permits_by_flag{job_flag::permit_of_queue, job_flag::permit_of_kind,
                                     job_flag::permit_of_tenant};

// The plainest word there is.
struct plain_word {
  std::uint64_t version = 0;
  job_state state = state_free;
  std::map<job_flag, bool> flags;

  void change(job_state to) {
    ++version;
    state = to;
  }
  void end_attempt() {
    for (const job_flag f :
         {job_flag::attached, job_flag::timed_out, job_flag::overrun, job_flag::settling}) {
      flags[f] = false;
    }
  }
  std::uint64_t permits() const {
    std::uint64_t all = 0;
    for (const job_flag f : permits_by_flag) {
      if (flags.count(f) != 0 && flags.at(f)) all |= static_cast<std::uint64_t>(f);
    }
    return all;
  }
  void set_permits(std::uint64_t all) {
    for (const job_flag f : permits_by_flag) flags[f] = (all & static_cast<std::uint64_t>(f)) != 0;
  }
  bool is_waiting() const {
    return state == job_state::ready || state == job_state::scheduled ||
           state == job_state::blocked;
  }
  bool is_live() const { return is_waiting() || state == job_state::running; }
};

void expect_same(const word_cell& cell, plain_word& model) {
  const job_word word{cell.load()};
  ASSERT_EQ(word.version(), model.version);
  ASSERT_EQ(word.state(), model.state);
  for (const job_flag f : all_flags) {
    ASSERT_EQ(word.has(f), model.flags[f]) << "flag " << static_cast<unsigned>(f);
  }
  ASSERT_EQ(word.is_live(), model.is_live());
}

TEST(word, unpacks_what_it_packs) {
  // Every state with every set of flags; neighbours do not spill into each other.
  for (std::size_t s = 0; s < job_state_count; ++s) {
    const auto state = static_cast<job_state>(s);
    const std::uint64_t version = (std::uint64_t{1} << version_bits) - 1;
    job_word word{(version << 16) | (std::uint64_t{s} << 12)};
    for (const job_flag f : all_flags) {
      EXPECT_FALSE(word.has(f));
      EXPECT_TRUE(word.with(f).has(f));
      EXPECT_EQ(word.with(f).without(f), word);
      EXPECT_EQ(word.with(f).state(), state);
      EXPECT_EQ(word.with(f).version(), version);
    }
    EXPECT_EQ(word.state(), state);
    EXPECT_EQ(word.version(), version);
  }
}

TEST(word, each_state_change_adds_one_to_the_version_and_keeps_the_flags) {
  // Over every edge of the table.
  for (std::size_t s = 0; s < job_state_count; ++s) {
    for (std::size_t e = 0; e < job_event_count; ++e) {
      const std::uint8_t to = job_edges[s][e];
      if (to == no_edge) continue;
      const job_word before{(std::uint64_t{41} << 16) | (std::uint64_t{s} << 12) | 0x5};
      const job_word after = before.after(static_cast<job_event>(e));
      EXPECT_EQ(after.version(), 42u);
      EXPECT_EQ(after.state(), static_cast<job_state>(to));
      EXPECT_EQ(after.bits & 0xfff, 0x5u);
    }
  }
}

TEST(word_death, a_change_that_is_no_edge_ends_the_process) {
  // Completed jobs do not start.
  const job_word completed{std::uint64_t{static_cast<std::uint64_t>(job_state::completed)} << 12};
  EXPECT_DEATH(static_cast<void>(completed.after(job_event::start)), "check failed");
}

// One word, many lives; each function is called in states where it may and may not succeed.
class word_walk {
 public:
  explicit word_walk(std::uint64_t seed) : random_(seed) {}

  void one_step() {
    job_word seen{cell_.load()};
    switch (below<int>(random_, 19)) {
      case 15: {
        const bool may = model_.state == job_state::ready && model_.permits() == 0;
        ASSERT_EQ(transition_to_blocked(cell_, seen), may);
        ASSERT_EQ(seen.bits, cell_.load());
        if (may) model_.change(job_state::blocked);
        break;
      }
      case 16: {
        const std::uint64_t permits = any_permits();
        const bool may = model_.state == job_state::blocked;
        ASSERT_EQ(transition_to_unblocked(cell_, seen, permits), may);
        ASSERT_EQ(seen.bits, cell_.load());
        if (!may) break;
        model_.change(job_state::ready);
        model_.set_permits(permits);
        break;
      }
      case 17: {
        const std::uint64_t permits = any_permits();
        const bool may = model_.state == job_state::ready && model_.permits() == 0;
        ASSERT_EQ(equip(cell_, seen, permits), may);
        ASSERT_EQ(seen.bits, cell_.load());
        if (may) model_.set_permits(permits);
        break;
      }
      case 18:
        ASSERT_EQ(claim_permits(cell_, seen), model_.permits());
        ASSERT_EQ(seen.bits, cell_.load());
        model_.set_permits(0);
        break;
      case 14: {
        job_word w = seen;
        if (model_.is_live()) {
          ASSERT_TRUE(mark_weighed(cell_, w));
          ASSERT_EQ(w.bits, cell_.load());
          model_.flags[job_flag::weighed] = true;
        }
        break;
      }
      case 0:
        submit();
        break;
      case 1:
        start();
        break;
      case 2:
        end_attempt();
        break;
      case 3: {
        const request r = transition_to_cancelled(cell_, seen);
        if (model_.is_waiting()) {
          ASSERT_EQ(r, request::ended);
          model_.change(job_state::cancelled);
        } else if (model_.state == job_state::running) {
          ASSERT_EQ(r, request::noted);
          model_.flags[job_flag::cancel_requested] = true;
        } else {
          ASSERT_EQ(r, request::too_late);
        }
        break;
      }
      case 4: {
        const request r = transition_to_dead(cell_, seen);
        ASSERT_EQ(r, model_.state == job_state::ready ? request::ended : request::too_late);
        if (r == request::ended) model_.change(job_state::dead);
        break;
      }
      case 5:
        ASSERT_EQ(request_end_notice(cell_, seen),
                  model_.is_live() ? request::noted : request::too_late);
        if (model_.is_live()) model_.flags[job_flag::waiter] = true;
        break;
      case 6:
        use_an_old_word(seen);
        break;
      case 7: {
        const bool may = model_.state == job_state::scheduled;
        ASSERT_EQ(transition_to_due(cell_, seen), may);
        if (may) model_.change(job_state::ready);
        break;
      }
      case 8: {
        const request r = transition_to_expired(cell_, seen);
        ASSERT_EQ(r, model_.is_waiting() ? request::ended : request::too_late);
        if (r == request::ended) model_.change(job_state::expired);
        break;
      }
      case 9: {
        const job_flag f = test::one_in(random_, 2) ? job_flag::timed_out : job_flag::overrun;
        const bool may = handler_is_inside();
        ASSERT_EQ(mark_attempt(cell_, seen, f), may);
        if (may) model_.flags[f] = true;
        break;
      }
      case 10: {
        const bool may = handler_is_inside();
        ASSERT_EQ(transition_to_overrun_dead(cell_, seen), may);
        if (may) model_.change(job_state::dead);
        break;
      }
      case 11:
        requeue(seen);
        break;
      case 12:  // the handler of a job that was taken from it returns
        if (!is_terminal(model_.state) || !model_.flags[job_flag::attached]) break;
        ASSERT_EQ(detach(cell_), model_.flags[job_flag::orphan]);
        model_.flags[job_flag::attached] = false;
        if (model_.flags[job_flag::orphan]) free_slot();
        break;
      default:
        release(seen);
        break;
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(cell_, model_));
  }

 private:
  void submit() {
    if (model_.state != state_free) return;
    for (const bool weighed : {true, false, test::one_in(random_, 2)}) {
      mark_free_slot(cell_, weighed);
      model_.flags[job_flag::weighed] = weighed;
      ASSERT_NO_FATAL_FAILURE(expect_same(cell_, model_));
    }
    const bool later = test::one_in(random_, 2);
    const job_word made = later ? transition_to_scheduled(cell_) : transition_to_ready(cell_);
    ASSERT_EQ(made.version(), model_.version + 1);
    model_.change(later ? job_state::scheduled : job_state::ready);
  }

  void start() {
    const bool right = !test::one_in(random_, 4);
    const std::uint64_t wanted = (model_.version + (right ? 0 : 1)) & band_entry::version_mask;
    const bool may = right && model_.state == job_state::ready;
    job_word started;
    std::uint64_t brought = 0;
    ASSERT_EQ(transition_to_running(cell_, wanted, band_entry::version_mask, started, brought),
              may);
    if (!may) return;
    ASSERT_EQ(brought, model_.permits()) << "whose they are now";
    model_.set_permits(0);
    running_ = started;
    model_.change(job_state::running);
    model_.flags[job_flag::attached] = true;
  }

  bool handler_is_inside() {
    return model_.state == job_state::running && !model_.flags[job_flag::settling];
  }

  // What the thread that runs the job does when its handler has returned, one swap at a time.
  void end_attempt() {
    if (!model_.flags[job_flag::attached]) return;  // nobody is inside to return
    if (model_.flags[job_flag::settling]) return settle();
    job_word mine = running_;
    if (test::one_in(random_, 3)) {
      const bool may = model_.state == job_state::running && !model_.flags[job_flag::overrun];
      ASSERT_EQ(transition_to_completed(cell_, mine), may);
      if (may) {
        running_ = mine;
        model_.change(job_state::completed);
        model_.end_attempt();
        return;
      }
    }
    const bool may = model_.state == job_state::running;
    ASSERT_EQ(begin_settling(cell_, mine), may);
    if (!may) return;
    running_ = mine;
    model_.flags[job_flag::settling] = true;
  }

  void settle() {
    constexpr std::array<std::pair<job_event, job_state>, 5> ends{
        {{job_event::done, job_state::completed},
         {job_event::die, job_state::dead},
         {job_event::cancel, job_state::cancelled},
         {job_event::retry, job_state::scheduled},
         {job_event::yield, job_state::ready}}};
    const auto end = ends[below<std::size_t>(random_, ends.size())];
    job_word given;
    transition_from_running(cell_, running_, [&](job_word w) {
      given = w;
      return end.first;
    });
    for (const job_flag f : all_flags) {
      ASSERT_EQ(given.has(f), model_.flags[f]) << "the last question knows all flags";
    }
    ASSERT_EQ(running_.bits, cell_.load());
    model_.change(end.second);
    model_.end_attempt();
  }

  void requeue(job_word seen) {
    // Only who holds the lock of the dead letters asks, and only when no handler is inside.
    if (model_.state != job_state::dead || model_.flags[job_flag::attached]) return;
    const bool weighed = test::one_in(random_, 2);
    transition_to_requeued(cell_, seen, weighed);
    model_.change(job_state::ready);
    model_.end_attempt();
    model_.flags[job_flag::weighed] = weighed;
    model_.flags[job_flag::cancel_requested] = false;
    model_.set_permits(0);
  }

  void release(job_word seen) {
    if (!is_terminal(model_.state) || model_.flags[job_flag::orphan]) return;
    const bool may = !model_.flags[job_flag::attached];
    ASSERT_EQ(leave_terminal(cell_, seen), may);
    if (may) {
      free_slot();
    } else {
      model_.flags[job_flag::orphan] = true;
    }
  }

  void free_slot() {
    transition_to_free(cell_, job_word{cell_.load()});
    model_.change(state_free);
    model_.flags.clear();
  }

  std::uint64_t any_permits() {
    std::uint64_t all = 0;
    for (const job_flag f : permits_by_flag) {
      if (test::one_in(random_, 3)) all |= static_cast<std::uint64_t>(f);
    }
    return all;
  }

  // A word that was seen before the last change: refused, and nothing happens.
  void use_an_old_word(job_word seen) {
    const job_word old{seen.bits - (std::uint64_t{1} << 16)};
    if (!old.is_live()) return;
    job_word w = old;
    ASSERT_EQ(transition_to_cancelled(cell_, w), request::changed);
    w = old;
    ASSERT_FALSE(mark_weighed(cell_, w));
    ASSERT_EQ(w.bits, cell_.load()) << "what it is now";
    ASSERT_EQ(request_end_notice(cell_, old), request::changed);
    if (old.state() != job_state::running) {
      ASSERT_EQ(transition_to_expired(cell_, w = old), request::changed);
    }
    ASSERT_FALSE(transition_to_due(cell_, w = old));
    ASSERT_FALSE(transition_to_blocked(cell_, w = old));
    ASSERT_FALSE(transition_to_unblocked(cell_, w = old, 0));
    ASSERT_FALSE(equip(cell_, w = old, static_cast<std::uint64_t>(job_flag::permit_of_kind)));
    w = old;
    w.bits |= static_cast<std::uint64_t>(job_flag::permit_of_kind);
    ASSERT_EQ(claim_permits(cell_, w), 0u);
    ASSERT_FALSE(mark_attempt(cell_, w = old, job_flag::timed_out));
    ASSERT_FALSE(transition_to_overrun_dead(cell_, w = old));
  }

  random_source random_;
  word_cell cell_{0};
  plain_word model_;
  job_word running_;  // of the last start, as its handler's thread holds it
};

TEST(word, follows_a_plain_struct_through_random_transitions) {
  word_walk walk(test::fresh_seed());
  for (int step = 0; step < scaled(400'000); ++step) {
    ASSERT_NO_FATAL_FAILURE(walk.one_step()) << "step " << step;
  }
}

// A word that runs, and the word as its runner holds it.
job_word start_one(word_cell& cell) {
  const job_word ready = transition_to_ready(cell);
  job_word word;
  std::uint64_t brought = 0;
  EXPECT_TRUE(transition_to_running(cell, ready.version() & band_entry::version_mask,
                                    band_entry::version_mask, word, brought));
  return word;
}

TEST(word, the_end_of_an_attempt_is_decided_with_every_flag_that_came_before_it) {
  // Flags come up while the outcome is being thought about: it is asked again, for each of them.
  // What concerns the handler does not come up any more: it has returned.
  word_cell cell{0};
  job_word mine = start_one(cell);
  job_word other{cell.load()};
  ASSERT_TRUE(mark_attempt(cell, other, job_flag::timed_out));
  ASSERT_TRUE(begin_settling(cell, mine));
  int asked = 0;
  transition_from_running(cell, mine, [&](job_word w) {
    other.bits = cell.load();
    EXPECT_TRUE(w.has(job_flag::timed_out));
    switch (asked++) {
      case 0:
        EXPECT_FALSE(mark_attempt(cell, other, job_flag::overrun));
        EXPECT_FALSE(transition_to_overrun_dead(cell, other));
        EXPECT_FALSE(w.has(job_flag::cancel_requested));
        EXPECT_EQ(transition_to_cancelled(cell, other), request::noted);
        return job_event::retry;
      case 1:
        EXPECT_TRUE(w.has(job_flag::cancel_requested));
        EXPECT_EQ(request_end_notice(cell, other), request::noted);
        return job_event::yield;
      default:
        EXPECT_TRUE(w.has(job_flag::waiter));
        return job_event::cancel;
    }
  });
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(mine.state(), job_state::cancelled);
  EXPECT_TRUE(mine.has(job_flag::waiter));
  for (const job_flag f : {job_flag::timed_out, job_flag::attached, job_flag::settling}) {
    EXPECT_FALSE(mine.has(f)) << "that was the attempt's";
  }
}

TEST(word, a_job_that_overran_is_not_completed_even_if_its_handler_says_done) {
  word_cell cell{0};
  job_word mine = start_one(cell);
  job_word other{cell.load()};
  ASSERT_TRUE(mark_attempt(cell, other, job_flag::overrun));
  EXPECT_FALSE(transition_to_completed(cell, mine));
  EXPECT_TRUE(begin_settling(cell, mine)) << "it is still its thread's to settle";
  EXPECT_TRUE(mine.has(job_flag::overrun));
}

TEST(word, a_job_taken_from_its_handler_is_nothing_to_the_handler) {
  word_cell cell{0};
  job_word mine = start_one(cell);
  job_word taken{cell.load()};
  ASSERT_TRUE(mark_attempt(cell, taken, job_flag::overrun));
  ASSERT_TRUE(transition_to_overrun_dead(cell, taken));
  EXPECT_EQ(taken.state(), job_state::dead);
  EXPECT_TRUE(taken.has(job_flag::attached));
  EXPECT_FALSE(transition_to_completed(cell, mine));
  EXPECT_FALSE(begin_settling(cell, mine));
  EXPECT_FALSE(detach(cell)) << "the dead letters have it";
  taken.bits = cell.load();
  EXPECT_TRUE(taken.has(job_flag::overrun)) << "of what it died";
  transition_to_requeued(cell, taken, false);
  EXPECT_EQ(taken.state(), job_state::ready);
  EXPECT_EQ(taken.bits & 0xfff, 0u);
}

TEST(word, a_slot_under_a_handler_is_freed_once_whoever_leaves_last) {
  // Both orders.
  for (const bool handler_first : {false, true}) {
    word_cell cell{0};
    job_word word = start_one(cell);
    ASSERT_TRUE(transition_to_overrun_dead(cell, word));
    if (handler_first) {
      EXPECT_FALSE(detach(cell));
      EXPECT_TRUE(leave_terminal(cell, word));
    } else {
      EXPECT_FALSE(leave_terminal(cell, word));
      EXPECT_TRUE(detach(cell));
    }
    word.bits = cell.load();
    transition_to_free(cell, word);
    EXPECT_EQ(job_word{cell.load()}.bits & 0xffff, 0u) << "no flag is left to the next life";
  }
}

TEST(word, leaving_and_returning_at_the_same_time_free_a_slot_once) {
  // Two threads a word: the owner of the death leaves, the handler returns.
  const int lives = scaled(30'000);
  struct life {
    word_cell cell{0};
    job_word word;
    std::atomic<int> frees{0};
  };
  std::vector<life> jobs(static_cast<std::size_t>(lives));
  for (life& j : jobs) {
    j.word = start_one(j.cell);
    ASSERT_TRUE(transition_to_overrun_dead(j.cell, j.word));
  }
  on_threads(2, [&](int role) {
    for (life& j : jobs) {
      if (role == 0 ? detach(j.cell) : leave_terminal(j.cell, j.word)) ++j.frees;
    }
  });
  for (life& j : jobs) ASSERT_EQ(j.frees, 1);
}

TEST(word, an_overrun_and_a_return_at_the_same_time_end_an_attempt_once) {
  // One thread returns from the handler, one takes the job from it, one asks it to be cancelled and
  // marks it. Exactly one of the first two ends it, and only the loser of the handler detaches.
  const int lives = scaled(30'000);
  struct life {
    word_cell cell{0};
    job_word word;
    std::atomic<int> ends{0};
    std::atomic<bool> noted{false};
    bool seen_by_end = false;
  };
  std::vector<life> jobs(static_cast<std::size_t>(lives));
  for (life& j : jobs) j.word = start_one(j.cell);
  on_threads(3, [&](int role) {
    for (life& j : jobs) {
      job_word word = j.word;
      if (role == 0) {
        if (!begin_settling(j.cell, word)) {
          ASSERT_FALSE(detach(j.cell));
          continue;
        }
        transition_from_running(j.cell, word, [](job_word w) {
          return w.has(job_flag::cancel_requested) ? job_event::cancel : job_event::retry;
        });
        ++j.ends;
        j.seen_by_end = word.state() == job_state::cancelled;
      } else if (role == 1) {
        word.bits = j.cell.load();
        if (transition_to_overrun_dead(j.cell, word)) {
          ++j.ends;
          j.seen_by_end = word.has(job_flag::cancel_requested);
        }
      } else {
        word.bits = j.cell.load();
        while (word.version() == j.word.version()) {
          const request r = transition_to_cancelled(j.cell, word);
          if (r == request::noted) j.noted = true;
          if (r != request::changed) break;
          word.bits = j.cell.load();
        }
      }
    }
  });
  for (life& j : jobs) {
    ASSERT_EQ(j.ends, 1);
    ASSERT_EQ(j.noted.load(), j.seen_by_end) << "a cancel that was noted was not looked at";
    ASSERT_FALSE(job_word{j.cell.load()}.has(job_flag::attached));
  }
}

TEST(word, due_cancel_and_expiry_at_the_same_time_let_one_through) {
  // Three threads a scheduled word. If it became due, the others may end it from there.
  const int lives = scaled(30'000);
  struct life {
    word_cell cell{0};
    std::atomic<int> due{0};
    std::atomic<int> ends{0};
  };
  std::vector<life> jobs(static_cast<std::size_t>(lives));
  for (life& j : jobs) transition_to_scheduled(j.cell);
  on_threads(3, [&](int role) {
    for (life& j : jobs) {
      job_word word{j.cell.load()};
      if (role == 0) {
        if (transition_to_due(j.cell, word)) ++j.due;
        continue;
      }
      request r = request::changed;
      while ((r = role == 1 ? transition_to_cancelled(j.cell, word)
                            : transition_to_expired(j.cell, word)) == request::changed) {
        word.bits = j.cell.load();
      }
      if (r == request::ended) ++j.ends;
    }
  });
  for (life& j : jobs) {
    const job_word word{j.cell.load()};
    ASSERT_EQ(j.ends, 1);
    ASSERT_TRUE(word.state() == job_state::cancelled || word.state() == job_state::expired);
    ASSERT_EQ(word.version(), 2u + static_cast<unsigned>(j.due.load()));
  }
}

TEST(word, one_life_has_one_end_whoever_races_for_it) {
  // Three threads per job: one starts and ends it, one cancels it, one sheds it, while a fourth sets
  // the waiter flag. Exactly one swap makes it terminal, and if the notice was taken before, the
  // one who ended it has seen the flag.
  const int lives = scaled(30'000);
  struct life {
    word_cell cell{0};
    std::atomic<int> ends{0};
    std::atomic<bool> noted{false};
    std::atomic<bool> told{false};
  };
  std::vector<life> jobs(static_cast<std::size_t>(lives));
  for (life& j : jobs) transition_to_ready(j.cell);
  const auto ended = [](life& j, job_word word) {
    ++j.ends;
    if (word.has(job_flag::waiter)) j.told = true;
  };
  on_threads(4, [&](int role) {
    for (life& j : jobs) {
      job_word word{j.cell.load(acquire)};
      request r = request::changed;
      std::uint64_t brought = 0;
      switch (role) {
        case 0:
          if (!transition_to_running(j.cell, 1, band_entry::version_mask, word, brought)) break;
          ASSERT_TRUE(transition_to_completed(j.cell, word));
          ended(j, word);
          break;
        case 3:
          while ((r = request_end_notice(j.cell, word)) == request::changed) {
            word.bits = j.cell.load(acquire);
          }
          j.noted = r == request::noted;
          break;
        default:
          while ((r = role == 1 ? transition_to_cancelled(j.cell, word)
                                : transition_to_dead(j.cell, word)) == request::changed) {
            word.bits = j.cell.load(acquire);
          }
          if (r == request::ended) ended(j, word);
          break;
      }
    }
  });
  for (life& j : jobs) {
    ASSERT_EQ(j.ends, 1);
    ASSERT_TRUE(is_terminal(job_word{j.cell.load()}.state()));
    ASSERT_EQ(j.told.load(), j.noted.load());
  }
}

TEST(word, a_stale_place_never_starts_a_later_life) {
  // One word lives 4 lives; the place of each life is tried in all later ones.
  word_cell cell{0};
  std::vector<std::uint64_t> places;
  for (int life = 0; life < 4; ++life) {
    const job_word ready = transition_to_ready(cell);
    job_word word;
    std::uint64_t brought = 0;
    for (const std::uint64_t place : places) {
      ASSERT_FALSE(transition_to_running(cell, place, band_entry::version_mask, word, brought));
    }
    const std::uint64_t place = ready.version() & band_entry::version_mask;
    places.push_back(place);
    ASSERT_TRUE(transition_to_running(cell, place, band_entry::version_mask, word, brought));
    ASSERT_FALSE(transition_to_running(cell, place, band_entry::version_mask, word, brought))
        << "twice";
    word.bits = cell.load();
    ASSERT_TRUE(transition_to_completed(cell, word));
    transition_to_free(cell, word);
  }
}

}  // namespace
}  // namespace pawl
