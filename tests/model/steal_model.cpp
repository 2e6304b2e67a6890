// The batch ring: thieves take from a batch, and every job of it starts once or was cancelled.
//
// What must hold: no job starts twice; at rest each job has started or was cancelled, whoever saw
// its place; a stolen job's payload, plain data, is in order with the thief; a thief that sleeps
// does so while nothing is to be stolen from a batch whose owner has not come round.
// Method: an owner that shows two batches one after the other, the second of which holds a new life
// of a slot of the first; thieves that look in the middle of that; a canceller. Seeded bugs: a
// start by a store; an owner that believes what the ring says.
#include <gtest/gtest.h>

#include <array>

#include "base/eventcount.hpp"
#include "explorer/explorer.hpp"
#include "job/slot.hpp"
#include "job/word.hpp"
#include "ready/batch_ring.hpp"

namespace pawl::model::steal_model {
namespace {

struct real_steps {
  static bool start(word_cell& cell, std::uint64_t version, job_word& word) {
    std::uint64_t brought = 0;
    return transition_to_running(cell, version, band_entry::version_mask, word, brought);
  }
  static bool owner_skips(const batch_ring&) { return false; }
};
// Seeded bug: a load and a store where one compare-and-swap belongs.
struct start_by_store : real_steps {
  static bool start(word_cell& cell, std::uint64_t version, job_word& word) {
    word.bits = cell.load(acquire);
    if (word.state() != job_state::ready ||
        (word.version() & band_entry::version_mask) != version) {
      return false;
    }
    word = word.after(job_event::start).with(job_flag::attached);
    cell.store(word.bits, release);
    return true;
  }
};
// Seeded bug: the owner leaves to the thieves what they have seen.
struct owner_trusts_the_ring : real_steps {
  static bool owner_skips(const batch_ring& ring) { return !ring.looks_stealable(); }
};

template <unsigned Thieves, bool Cancels, class Steps = real_steps>
class steal_scenario : public scenario {
 public:
  steal_scenario() {
    for (unsigned s = 0; s < slots; ++s) submit(s);
  }
  [[nodiscard]] unsigned thread_count() const override { return 1 + Thieves + (Cancels ? 1 : 0); }

  void run(unsigned thread) override {
    if (thread == 0) {
      own();
    } else if (thread <= Thieves) {
      steal();
      steal();
    } else {
      cancel(1);
    }
  }

  void at_rest() override {
    for (unsigned s = 0; s < slots; ++s) {
      for (unsigned life = 0; life < lives_[s]; ++life) {
        require(ends_[s][life] == 1, "a job neither started nor was cancelled");
      }
    }
  }

 private:
  static constexpr unsigned slots = 3;
  static constexpr unsigned lives_max = 3;

  static std::uint32_t payload_of(unsigned s, unsigned life) { return s * 10 + life; }

  void submit(unsigned s) {
    payloads_[s] = payload_of(s, lives_[s]);
    ++lives_[s];
    places_[s] = band_entry::make(s, transition_to_ready(words_[s])).bits;
  }

  void own() {
    run_batch({places_[0], places_[1]});
    // Slot 0 lives again if this thread ended it; else the batch has an old place in it.
    if (held_by_owner_) {
      transition_to_free(words_[0], owner_word_);
      submit(0);
    }
    run_batch({places_[2], places_[0]});
  }

  void run_batch(std::array<std::uint64_t, batch_max> batch) {
    ring_.publish(batch);
    for (std::uint32_t i = 0; i < batch_max; ++i) {
      if (Steps::owner_skips(ring_)) break;
      ring_.advance(i);
      job_word word;
      if (try_run(band_entry{batch[i]}, word) && band_entry{batch[i]}.slot() == 0) {
        held_by_owner_ = true;
        owner_word_ = word;
      }
    }
    ring_.clear();
  }

  void steal() {
    std::uint64_t place = 0;
    job_word word;
    if (ring_.looks_stealable() && ring_.try_peek_last(place)) try_run(band_entry{place}, word);
  }

  bool try_run(band_entry place, job_word& word) {
    const unsigned s = place.slot();
    require(s < slots, "a place that was never shown");
    if (!Steps::start(words_[s], place.version(), word)) return false;
    const unsigned life = lives_[s] - 1;
    note("started slot", s);
    require(++starts_[s][life] == 1, "a job started twice");
    require(payloads_[s] == payload_of(s, life), "an old payload");
    require(transition_to_completed(words_[s], word), "nobody else ends a running job");
    ++ends_[s][life];
    return true;
  }

  void cancel(unsigned s) {
    for (;;) {
      job_word word{words_[s].load(acquire)};
      const request answer = transition_to_cancelled(words_[s], word);
      if (answer == request::ended) ++ends_[s][lives_[s] - 1];
      if (answer != request::changed) return;
    }
  }

  batch_ring ring_;
  word_cell words_[slots];
  plain<std::uint32_t> payloads_[slots];
  std::uint64_t places_[slots] = {};
  // Nobody's memory.
  unsigned lives_[slots] = {};
  unsigned starts_[slots][lives_max] = {};
  unsigned ends_[slots][lives_max] = {};
  // The owner's.
  bool held_by_owner_ = false;
  job_word owner_word_;
};

// An owner that shows a batch, wakes a thief and then runs its first job for ever; a thief that
// looks, sleeps, and must find the second.
class sleeping_thief : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override { return 2; }
  [[nodiscard]] bool may_sleep(unsigned thread) const override { return thread == 1; }
  void run(unsigned thread) override {
    if (thread == 0) {
      ring_.publish(std::array<std::uint64_t, 2>{7, 8});
      idle_.wake_one();
      ring_.advance(0);
      return;
    }
    for (;;) {
      std::uint64_t place = 0;
      if (ring_.try_peek_last(place)) {
        stolen_ = stolen_ || place == 8;
        continue;
      }
      idle_.announce(0);
      if (ring_.looks_stealable()) {
        idle_.withdraw(0);
      } else {
        idle_.sleep(0);
      }
    }
  }
  void at_rest() override { require(stolen_, "a place is to be stolen, and the thief sleeps"); }

 private:
  batch_ring ring_;
  eventcount idle_;
  bool stolen_ = false;
};

TEST(steal_model, owner_and_thief) {
  const report r = explore<steal_scenario<1, false>>("steal: owner, thief");
  EXPECT_FALSE(r.failed) << r;
}
TEST(steal_model, owner_thief_and_canceller) {
  const report r = explore<steal_scenario<1, true>>("steal: owner, thief, canceller");
  EXPECT_FALSE(r.failed) << r;
}
TEST(steal_model, owner_and_two_thieves) {
  const report r = explore<steal_scenario<2, false>>("steal: owner, 2 thieves");
  EXPECT_FALSE(r.failed) << r;
}
TEST(steal_model, no_thief_sleeps_beside_a_batch) {
  const report r = explore<sleeping_thief>("steal: a thief that sleeps");
  EXPECT_FALSE(r.failed) << r;
}

TEST(steal_model, finds_a_double_start) {
  const report r = explore<steal_scenario<1, false, start_by_store>>("steal, bug: start by a store",
                                                                     enumeration_only());
  EXPECT_NE(r.failure.find("started twice"), std::string::npos) << r;
}
TEST(steal_model, finds_an_owner_that_trusts_the_ring) {
  const report r = explore<steal_scenario<1, false, owner_trusts_the_ring>>(
      "steal, bug: owner trusts the ring", enumeration_only(3));
  EXPECT_NE(r.failure.find("neither started nor"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::steal_model
