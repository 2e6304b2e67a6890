// The word of a job: one start, one end, no waiter forgotten, no life taken for another.
//
// What must hold: of all who try a place one starts the job; of runner, canceller and shedder one
// ends it; who asked for a notice got `too_late`, or the ending word carries the flag; a stale
// place or a stale id touches no later life of the slot; the payload, plain data, is in order with
// every reader through the word alone.
// Method: drains, cancellers, waiters and a submitter around one slot. Places go from thread to
// thread by a relaxed cell, so that nothing but the word orders the payload. Seeded bugs replace
// one transition.
#include "job/word.hpp"

#include <gtest/gtest.h>

#include "explorer/explorer.hpp"
#include "job/id.hpp"
#include "job/slot.hpp"

namespace pawl::model::word_model {
namespace {

struct real_steps {
  static job_word publish(word_cell& cell) { return transition_to_ready(cell); }
  static bool start(word_cell& cell, std::uint64_t version, job_word& word) {
    std::uint64_t brought = 0;
    return transition_to_running(cell, version, band_entry::version_mask, word, brought);
  }
};
// Seeded bug: the word is published relaxed.
struct relaxed_publish : real_steps {
  static job_word publish(word_cell& cell) {
    const job_word now = job_word{cell.load(relaxed)}.after(job_event::submit_now);
    cell.store(now.bits, relaxed);
    return now;
  }
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
    cell.store(word.bits, seq_cst);
    return true;
  }
};

inline constexpr std::uint32_t slot_index = 5;

// One slot and what happened to it, life by life.
template <class Steps>
class slot_scenario : public scenario {
 protected:
  static constexpr unsigned lives = 3;

  static std::uint64_t payload_of(std::uint64_t generation) { return 100 + generation; }

  // The holder of the free slot.
  void submit() {
    const std::uint64_t generation = slot_.generation + 1;
    slot_.generation = generation;
    slot_.kind = static_cast<std::uint16_t>(generation);
    payload_ = payload_of(generation);
    const job_word word = Steps::publish(slot_.word);
    id_.store(make_id(slot_index, generation).value, relaxed);
    place_.store(band_entry::make(slot_index, word).bits, relaxed);
  }

  // A drain with a place. True: it has started the job, and ended it.
  bool start_and_end(band_entry place) {
    job_word word;
    if (place.slot() != slot_index || !Steps::start(slot_.word, place.version(), word))
      return false;
    const std::uint64_t generation = slot_.generation;
    note("started life", generation);
    require(generation < lives && ++starts_[generation] == 1, "a job started twice");
    require(slot_.kind == generation, "an old field of the job");
    require(payload_ == payload_of(generation), "an old payload");
    require(transition_to_completed(slot_.word, word), "nobody else ends a running job");
    end(generation, word);
    return true;
  }

  // What cancel(id) does: word, generation, word; then a swap from that word.
  request cancel(std::uint64_t id) {
    for (;;) {
      job_word word{slot_.word.load(acquire)};
      const std::uint64_t generation = slot_.generation;
      if (slot_.word.load(acquire) != word.bits) continue;
      if (generation != id_generation(job_id{id})) return request::too_late;
      const request answer = transition_to_cancelled(slot_.word, word);
      if (answer == request::changed) continue;
      if (answer == request::ended) end(generation, word);
      return answer;
    }
  }

  // Who made the word terminal owns it.
  void end(std::uint64_t generation, job_word word) {
    note("ended life", generation);
    require(++ends_[generation] == 1, "a job ended twice");
    require(is_terminal(word.state()), "the end is no end");
    require(slot_.word.peek() == word.bits, "the word of an ended job has changed");
    ending_word_[generation] = word;
  }

  // What wait(id) does. The answer is remembered.
  void ask_for_notice(std::uint64_t id) {
    for (;;) {
      const job_word word{slot_.word.load(acquire)};
      const std::uint64_t generation = slot_.generation;
      if (slot_.word.load(acquire) != word.bits) continue;
      if (generation != id_generation(job_id{id})) return;
      const request answer = request_end_notice(slot_.word, word);
      if (answer == request::changed) continue;
      if (answer == request::noted) noted_[generation] = true;
      return;
    }
  }

  void check_life(std::uint64_t generation) {
    require(ends_[generation] == 1, "a job did not end once");
    require(!noted_[generation] || ending_word_[generation].has(job_flag::waiter),
            "a waiter was promised a notice, and the end does not know");
  }

  slot slot_{};
  plain<std::uint64_t> payload_{0};
  atomic<std::uint64_t> place_{0};
  atomic<std::uint64_t> id_{0};
  unsigned starts_[lives] = {};
  unsigned ends_[lives] = {};
  bool noted_[lives] = {};
  job_word ending_word_[lives];
};

// A submitter, and drains that both hold the place.
template <class Steps, unsigned Drains = 2>
class publish_and_start : public slot_scenario<Steps> {
  using base = slot_scenario<Steps>;

 public:
  [[nodiscard]] unsigned thread_count() const override { return 1 + Drains; }
  void run(unsigned thread) override {
    if (thread == 0) {
      base::submit();
    } else {
      while (base::place_.load(relaxed) == 0) cpu_pause();
      const band_entry place{base::place_.load(relaxed)};
      // The place may be here before the word; the real one comes through a band, which orders
      // them.
      for (;;) {
        const std::uint64_t before = job_word{base::slot_.word.load(relaxed)}.version();
        if (base::start_and_end(place) || before >= place.version()) return;
        cpu_pause();
      }
    }
  }
  void at_rest() override { base::check_life(1); }
};

// A ready job; a drain, a canceller, a shedder or a second canceller, and a waiter.
template <bool Sheds>
class everybody_ends : public slot_scenario<real_steps> {
 public:
  everybody_ends() { submit(); }
  [[nodiscard]] unsigned thread_count() const override { return 4; }
  void run(unsigned thread) override {
    const std::uint64_t id = id_.load(relaxed);
    if (thread == 0) start_and_end(band_entry{place_.load(relaxed)});
    if (thread == 1) cancel(id);
    if (thread == 2) ask_for_notice(id);
    if (thread == 3 && Sheds) shed();
    if (thread == 3 && !Sheds) cancel(id);
  }
  void at_rest() override {
    check_life(1);
    require((starts_[1] == 1) == (ending_word_[1].state() == job_state::completed),
            "a job that started is completed, any other is not");
  }

 private:
  void shed() {
    for (;;) {
      job_word word{slot_.word.load(acquire)};
      const request answer = transition_to_dead(slot_.word, word);
      if (answer == request::changed) continue;
      if (answer == request::ended) end(1, word);
      return;
    }
  }
};

// The slot ends a life by a drain or a canceller, is freed, and lives again, while others still
// hold place and id of the first life.
class reuse : public slot_scenario<real_steps> {
 public:
  reuse() {
    submit();
    first_place_ = place_.load(relaxed);
    first_id_ = id_.load(relaxed);
  }
  [[nodiscard]] unsigned thread_count() const override { return 3; }
  void run(unsigned thread) override {
    if (thread == 0) {
      if (start_and_end(band_entry{first_place_})) free_and_submit_again();
    } else if (thread == 1) {
      const request answer = cancel(first_id_);
      if (answer == request::ended) free_and_submit_again();
    } else {
      ask_for_notice(first_id_);
      start_and_end(band_entry{first_place_});
      start_and_end(band_entry{place_.load(relaxed)});
    }
  }
  void at_rest() override {
    check_life(1);
    require(!noted_[2], "a stale id asked for a notice of the next life");
    require(ends_[2] == starts_[2], "a stale id ended the next life");
  }

 private:
  // The caller ended the first life, so it holds the slot.
  void free_and_submit_again() {
    transition_to_free(slot_.word, ending_word_[1]);
    submit();
  }
  std::uint64_t first_place_ = 0;
  std::uint64_t first_id_ = 0;
};

// What find(id) does: fields between two looks at the word.
class find_during_reuse : public slot_scenario<real_steps> {
 public:
  find_during_reuse() { submit(); }
  [[nodiscard]] unsigned thread_count() const override { return 2; }
  void run(unsigned thread) override {
    if (thread == 0) {
      start_and_end(band_entry{place_.load(relaxed)});
      transition_to_free(slot_.word, ending_word_[1]);
      submit();
      return;
    }
    const job_word word{slot_.word.load(acquire)};
    const std::uint64_t generation = slot_.generation;
    const std::uint16_t kind = slot_.kind;
    if (slot_.word.load(acquire) != word.bits || !word.is_live()) return;
    require(kind == generation, "fields of two lives under one word");
    require((word.version() > 3) == (generation == 2), "a generation that is not the word's");
  }
};

TEST(word_model, two_drains_start_once) {
  const report r = explore<publish_and_start<real_steps>>("word: publish, 2 drains");
  EXPECT_FALSE(r.failed) << r;
}
TEST(word_model, cancel_start_wait) {
  const report r = explore<everybody_ends<false>>("word: drain, 2 cancellers, waiter");
  EXPECT_FALSE(r.failed) << r;
}
TEST(word_model, shed_cancel_start_wait) {
  const report r = explore<everybody_ends<true>>("word: drain, canceller, shedder, waiter");
  EXPECT_FALSE(r.failed) << r;
}
TEST(word_model, stale_places_and_ids_touch_no_new_life) {
  const report r = explore<reuse>("word: free and reuse");
  EXPECT_FALSE(r.failed) << r;
}
TEST(word_model, find_sees_one_life) {
  const report r = explore<find_during_reuse>("word: find during reuse");
  EXPECT_FALSE(r.failed) << r;
}

TEST(word_model, finds_a_relaxed_publish) {
  const report r =
      explore<publish_and_start<relaxed_publish>>("word, bug: relaxed publish", enumeration_only());
  EXPECT_TRUE(r.failure.find("data race") != std::string::npos ||
              r.failure.find("an old") != std::string::npos)
      << r;
}
TEST(word_model, finds_a_double_start) {
  const report r =
      explore<publish_and_start<start_by_store>>("word, bug: start by a store", enumeration_only());
  EXPECT_NE(r.failure.find("started twice"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::word_model
