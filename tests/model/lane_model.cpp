// The jobs of a lane: each starts after those before it, and none is forgotten.
//
// What must hold: never two at once, in the order of the line; at rest every job was started once or
// cancelled, or its place waits for a drain; nobody counts as running. Method: two jobs in line, whose
// places two threads have; each goes by the steps of engine/lanes.cpp and runner.cpp: pass under the lock or
// be blocked there, start, end, look at the line, take what it sends on its way. A third thread cancels
// the first job, or pauses and resumes the lane. The mutex is a toy, the line an array. Seeded bugs leave
// out or misplace one step each.
#include <gtest/gtest.h>

#include <utility>

#include "explorer/explorer.hpp"
#include "job/slot.hpp"
#include "toy_mutex.hpp"

namespace pawl::model::lane_model {
namespace {

enum class third : std::uint8_t { cancels, pauses };
enum class bug : std::uint8_t {
  none,
  parks_after_the_lock,
  end_does_not_look,
  cancel_does_not_look,
  resume_does_not_look,
  starter_takes_its_note_back,
  does_not_ask_for_the_line
};

constexpr unsigned jobs = 2;

template <third Third, bug Bug>
class lane_scenario : public scenario {
 public:
  lane_scenario() {
    for (unsigned i = 0; i < jobs; ++i) {
      places_[i] = band_entry::make(i, transition_to_ready(cells_[i]));
      is_in_line_[i] = true;
    }
  }
  [[nodiscard]] unsigned thread_count() const override { return jobs + 1; }

  void run(unsigned thread) override {
    if (thread < jobs) {
      handle(places_[thread]);
    } else if (Third == third::cancels) {
      cancel(0);
    } else {
      pause_and_resume();
    }
    // What was sent on its way meanwhile: any drain may take it.
    for (band_entry p = take_front(); p.bits != 0; p = take_front()) handle(p);
  }

  void at_rest() override {
    require(running_ == 0, "somebody counts as running");
    for (unsigned i = 0; i < jobs; ++i) {
      const bool waits_for_a_drain = front_[i].bits != 0;
      require(is_over_[i] + (waits_for_a_drain ? 1u : 0u) == 1,
              "a job is forgotten, or there twice");
    }
  }

 private:
  [[nodiscard]] unsigned first() const {
    unsigned i = 0;
    while (i < jobs && !is_in_line_[i]) ++i;
    return i;
  }
  [[nodiscard]] bool has_way() const { return !is_paused_ && running_ == 0; }

  // Under the lock.
  void advance() {
    const unsigned i = first();
    if (i == jobs || !is_parked_[i] || !has_way()) return;
    is_parked_[i] = false;
    job_word word{cells_[i].load(acquire)};
    if (transition_to_unblocked(cells_[i], word, 0)) front_[i] = band_entry::make(i, word);
  }
  // 0: nothing. A version is never 0, so a place is not.
  band_entry take_front() {
    band_entry taken{};
    lock_.lock();
    for (unsigned i = 0; i < jobs && taken.bits == 0; ++i) std::swap(taken, front_[i]);
    lock_.unlock();
    return taken;
  }

  bool pass(unsigned i, band_entry place) {
    lock_.lock();
    job_word word{cells_[i].load(acquire)};
    if (!place.names(word) || is_running_[i]) {
      lock_.unlock();
      return false;
    }
    const bool is_first = Bug == bug::does_not_ask_for_the_line || first() == i;
    if (is_first && has_way()) {
      is_in_line_[i] = false;
      is_running_[i] = true;
      ++running_;
      advance();
      lock_.unlock();
      return true;
    }
    if (Bug == bug::parks_after_the_lock) {
      lock_.unlock();
      lock_.lock();
      word = job_word{cells_[i].load(acquire)};
    }
    if (place.names(word) && transition_to_blocked(cells_[i], word)) is_parked_[i] = true;
    lock_.unlock();
    return false;
  }

  void leave(unsigned i, bool looks) {
    lock_.lock();
    if (is_running_[i]) --running_;
    is_running_[i] = is_parked_[i] = is_in_line_[i] = false;
    if (looks) advance();
    lock_.unlock();
  }

  void handle(band_entry place) {
    const unsigned i = place.slot();
    if (!pass(i, place)) return;
    job_word word;
    std::uint64_t brought = 0;
    if (!transition_to_running(cells_[i], place.version(), band_entry::version_mask, word,
                               brought)) {
      if (Bug == bug::starter_takes_its_note_back) --running_;
      return;  // it has ended, and who ended it takes it out of the lane
    }
    require(inside_.fetch_add(1, relaxed) == 0, "two run at once");
    require(last_.exchange(i + 1, relaxed) <= i, "out of order");
    inside_.fetch_sub(1, relaxed);
    require(transition_to_completed(cells_[i], word), "the attempt was taken away");
    ++is_over_[i];
    leave(i, Bug != bug::end_does_not_look);
  }

  void cancel(unsigned i) {
    job_word word{cells_[i].load(acquire)};
    request came = transition_to_cancelled(cells_[i], word);
    while (came == request::changed) {
      word = job_word{cells_[i].load(acquire)};
      came = transition_to_cancelled(cells_[i], word);
    }
    if (came != request::ended) return;
    ++is_over_[i];
    leave(i, Bug != bug::cancel_does_not_look);
  }

  void pause_and_resume() {
    lock_.lock();
    is_paused_ = true;
    lock_.unlock();
    lock_.lock();
    is_paused_ = false;
    if (Bug != bug::resume_does_not_look) advance();
    lock_.unlock();
  }

  word_cell cells_[jobs]{};
  band_entry places_[jobs];
  toy_mutex lock_;
  // Under the lock.
  bool is_in_line_[jobs]{};
  bool is_parked_[jobs]{};
  bool is_running_[jobs]{};
  bool is_paused_ = false;
  int running_ = 0;
  band_entry front_[jobs]{};
  // Of who ended the job.
  unsigned is_over_[jobs]{};
  atomic<int> inside_{0};
  atomic<unsigned> last_{0};
};

TEST(lane_model, starts_ends_and_a_cancel) {
  const report r = explore<lane_scenario<third::cancels, bug::none>>("lane: start, cancel");
  EXPECT_FALSE(r.failed) << r;
}
TEST(lane_model, starts_ends_and_a_pause) {
  const report r = explore<lane_scenario<third::pauses, bug::none>>("lane: start, pause");
  EXPECT_FALSE(r.failed) << r;
}

template <third Third, bug Bug>
void expect_found(const char* name, const char* what) {
  const report r = explore<lane_scenario<Third, Bug>>(name, enumeration_only());
  EXPECT_NE(r.failure.find(what), std::string::npos) << r;
}

TEST(lane_model, finds_who_parks_after_the_lock) {
  expect_found<third::pauses, bug::parks_after_the_lock>("lane, bug: parks late", "forgotten");
}
TEST(lane_model, finds_an_end_that_does_not_look) {
  expect_found<third::pauses, bug::end_does_not_look>("lane, bug: end", "forgotten");
}
TEST(lane_model, finds_a_cancel_that_does_not_look) {
  expect_found<third::cancels, bug::cancel_does_not_look>("lane, bug: cancel", "forgotten");
}
TEST(lane_model, finds_a_resume_that_does_not_look) {
  expect_found<third::pauses, bug::resume_does_not_look>("lane, bug: resume", "forgotten");
}
TEST(lane_model, finds_a_starter_that_takes_its_note_back) {
  expect_found<third::cancels, bug::starter_takes_its_note_back>("lane, bug: twice",
                                                                 "counts as running");
}
TEST(lane_model, finds_who_does_not_ask_for_the_line) {
  expect_found<third::pauses, bug::does_not_ask_for_the_line>("lane, bug: order", "out of order");
}

}  // namespace
}  // namespace pawl::model::lane_model
