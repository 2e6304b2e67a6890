// The word of a job. Methods: a random walk compared with a plain struct after each step, and races
// of real threads on one word. All interleavings at toy size: tests/model/word_model.cpp.
#include "job/word.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>

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

// The plainest word there is.
struct plain_word {
  std::uint64_t version = 0;
  job_state state = state_free;
  bool cancel_requested = false;
  bool attached = false;
  bool waiter = false;

  void change(job_state to) {
    ++version;
    state = to;
  }
};

void expect_same(const word_cell& cell, const plain_word& model) {
  const job_word word{cell.load()};
  ASSERT_EQ(word.version(), model.version);
  ASSERT_EQ(word.state(), model.state);
  ASSERT_EQ(word.has(job_flag::cancel_requested), model.cancel_requested);
  ASSERT_EQ(word.has(job_flag::attached), model.attached);
  ASSERT_EQ(word.has(job_flag::waiter), model.waiter);
  ASSERT_EQ(word.is_live(), model.state == job_state::ready || model.state == job_state::running);
}

TEST(word, unpacks_what_it_packs) {
  // Every state with every set of flags; neighbours do not spill into each other.
  for (std::size_t s = 0; s < job_state_count; ++s) {
    const auto state = static_cast<job_state>(s);
    const std::uint64_t version = (std::uint64_t{1} << version_bits) - 1;
    job_word word{(version << 16) | (std::uint64_t{s} << 12)};
    for (const job_flag f : {job_flag::cancel_requested, job_flag::attached, job_flag::waiter}) {
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

TEST(word, follows_a_plain_struct_through_random_transitions) {
  // One word, many lives; each function is called in states where it may and may not succeed.
  random_source random(test::fresh_seed());
  word_cell cell{0};
  plain_word model;
  job_word running;
  for (int step = 0; step < scaled(200'000); ++step) {
    job_word seen{cell.load()};
    switch (below<int>(random, 8)) {
      case 0:
        if (model.state != state_free) break;
        ASSERT_EQ(transition_to_ready(cell).version(), model.version + 1);
        model.change(job_state::ready);
        break;
      case 1: {
        const bool right = !test::one_in(random, 4);
        const std::uint64_t wanted = (model.version + (right ? 0 : 1)) & band_entry::version_mask;
        const bool may = right && model.state == job_state::ready;
        ASSERT_EQ(transition_to_running(cell, wanted, band_entry::version_mask, running), may);
        if (may) {
          model.change(job_state::running);
          model.attached = true;
        }
        break;
      }
      case 2: {
        if (model.state != job_state::running) break;
        const bool done = test::one_in(random, 2);
        ASSERT_TRUE(transition_from_running(
            cell, running, [&](job_word) { return done ? job_event::done : job_event::die; }));
        ASSERT_EQ(running.has(job_flag::waiter), model.waiter);
        model.change(done ? job_state::completed : job_state::dead);
        model.attached = false;
        break;
      }
      case 3: {
        const request r = transition_to_cancelled(cell, seen);
        if (model.state == job_state::ready) {
          ASSERT_EQ(r, request::ended);
          model.change(job_state::cancelled);
        } else if (model.state == job_state::running) {
          ASSERT_EQ(r, request::noted);
          model.cancel_requested = true;
        } else {
          ASSERT_EQ(r, request::too_late);
        }
        break;
      }
      case 4: {
        const request r = transition_to_dead(cell, seen);
        ASSERT_EQ(r, model.state == job_state::ready ? request::ended : request::too_late);
        if (r == request::ended) model.change(job_state::dead);
        break;
      }
      case 5: {
        const bool live = model.state == job_state::ready || model.state == job_state::running;
        ASSERT_EQ(request_end_notice(cell, seen), live ? request::noted : request::too_late);
        if (live) model.waiter = true;
        break;
      }
      case 6: {
        // A word that was seen before the last change: refused, and nothing happens.
        job_word old{seen.bits - (std::uint64_t{1} << 16)};
        if (!old.is_live()) break;
        ASSERT_EQ(transition_to_cancelled(cell, old), request::changed);
        ASSERT_EQ(request_end_notice(cell, old), request::changed);
        break;
      }
      default:
        if (!is_terminal(model.state)) break;
        transition_to_free(cell, seen);
        model.change(state_free);
        model.cancel_requested = model.waiter = false;
        break;
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(cell, model)) << "step " << step;
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
      switch (role) {
        case 0:
          if (!transition_to_running(j.cell, 1, band_entry::version_mask, word)) break;
          ASSERT_TRUE(
              transition_from_running(j.cell, word, [&](job_word) { return job_event::done; }));
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
    for (const std::uint64_t place : places) {
      ASSERT_FALSE(transition_to_running(cell, place, band_entry::version_mask, word));
    }
    const std::uint64_t place = ready.version() & band_entry::version_mask;
    places.push_back(place);
    ASSERT_TRUE(transition_to_running(cell, place, band_entry::version_mask, word));
    ASSERT_FALSE(transition_to_running(cell, place, band_entry::version_mask, word)) << "twice";
    word.bits = cell.load();
    ASSERT_TRUE(transition_from_running(cell, word, [&](job_word) { return job_event::done; }));
    transition_to_free(cell, word);
  }
}

}  // namespace
}  // namespace pawl
