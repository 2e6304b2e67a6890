// A ready job with a permit: whoever claims the permit has it, and claiming it takes nothing else.
//
// What must hold: the job starts once or is cancelled; at rest no permit is out. Method: a thread starts
// the job by the steps of engine/gating.cpp and runner.cpp: it claims the permit, or enters as one that
// brought none; one that closes the queue takes the permit back; one cancels. A seeded bug takes a permit
// that is gone for a job that is gone.
#include <gtest/gtest.h>

#include "explorer/explorer.hpp"
#include "job/slot.hpp"
#include "ready/permits.hpp"

namespace pawl::model::permit_model {
namespace {

enum class bug : std::uint8_t { none, takes_no_permit_for_no_job, claims_without_a_look };

template <bool Cancels, bug Bug>
class permit_scenario : public scenario {
 public:
  permit_scenario() {
    limits_.set({.concurrency = 2}, 0);
    job_word word = transition_to_ready(cell_);
    place_ = band_entry::make(1, word);
    equip(cell_, word, static_cast<std::uint64_t>(job_flag::permit_of_kind));
    limits_.try_take();
  }
  [[nodiscard]] unsigned thread_count() const override { return Cancels ? 3 : 2; }

  void run(unsigned thread) override {
    switch (thread) {
      case 0:
        return start();
      case 1:
        return give_up();
      default:
        return cancel();
    }
  }

  void at_rest() override {
    require(started_ + cancelled_ == 1, "the job neither started nor ended, or both");
    require(limits_.used() == 0, "a permit is out");
  }

 private:
  void start() {
    job_word word{cell_.load(acquire)};
    if (!place_.names(word)) return;
    bool has_permit = false;
    if (word.permits() != 0) {
      has_permit = claim_permits(cell_, word) != 0;
      const bool is_gone = Bug == bug::takes_no_permit_for_no_job || !place_.names(word);
      if (!has_permit && is_gone) return;
    }
    if (!has_permit) require(limits_.try_take(), "more permits are out than there are threads");
    std::uint64_t brought = 0;
    if (transition_to_running(cell_, place_.version(), band_entry::version_mask, word, brought)) {
      ++started_;
    }
    if (brought != 0) limits_.give();
    limits_.give();
  }

  void give_up() {
    job_word word{cell_.load(acquire)};
    if (!place_.names(word)) return;
    const bool had =
        Bug == bug::claims_without_a_look ? word.permits() != 0 : claim_permits(cell_, word) != 0;
    if (had) limits_.give();
  }

  void cancel() {
    job_word word{cell_.load(acquire)};
    request came = transition_to_cancelled(cell_, word);
    while (came == request::changed) {
      word = job_word{cell_.load(acquire)};
      came = transition_to_cancelled(cell_, word);
    }
    if (came != request::ended) return;
    ++cancelled_;
    if (word.permits() != 0) limits_.give();
  }

  word_cell cell_{};
  band_entry place_;
  permits limits_;
  unsigned started_ = 0;
  unsigned cancelled_ = 0;
};

TEST(permit_model, a_start_while_the_queue_closes) {
  const report r = explore<permit_scenario<false, bug::none>>("permit: start, close");
  EXPECT_FALSE(r.failed) << r;
}
TEST(permit_model, a_start_while_the_queue_closes_and_a_cancel) {
  const report r = explore<permit_scenario<true, bug::none>>("permit: start, close, cancel");
  EXPECT_FALSE(r.failed) << r;
}

TEST(permit_model, finds_who_takes_no_permit_for_no_job) {
  const report r = explore<permit_scenario<false, bug::takes_no_permit_for_no_job>>(
      "permit, bug: drops the place", enumeration_only());
  EXPECT_NE(r.failure.find("neither started nor ended"), std::string::npos) << r;
}
TEST(permit_model, finds_who_takes_a_permit_without_clearing_the_flag) {
  const report r = explore<permit_scenario<true, bug::claims_without_a_look>>(
      "permit, bug: gives twice", enumeration_only());
  EXPECT_NE(r.failure.find("permit is out"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::permit_model
