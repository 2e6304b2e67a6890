// A queue gets its first bound in bytes while a job comes in, and perhaps ends.
//
// What must hold: bytes are given back only after they were taken; at rest those of a job that is live are
// counted once, those of one that has ended not at all. Method: one slot; a thread submits by the steps of
// engine/intake.cpp, one begins to count by those of engine/weighing.cpp, one cancels. Where membarrier is
// refused the submitter has a read-modify-write between its two looks. Seeded bugs leave out the barrier, the
// second look, or set the mark before the bytes are there.
#include <gtest/gtest.h>

#include "base/membarrier.hpp"
#include "explorer/explorer.hpp"
#include "job/word.hpp"
#include "ready/byte_room.hpp"

namespace pawl::model::weighing_model {
namespace {

enum class bug : std::uint8_t { none, no_barrier, no_second_look, marks_before_it_adds };

template <bool Asymmetric, bool Cancels, bug Bug>
class weighing_scenario : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override { return Cancels ? 3 : 2; }

  void run(unsigned thread) override {
    switch (thread) {
      case 0:
        return submit();
      case 1:
        return begin_to_count();
      default:
        return cancel();
    }
  }

  void at_rest() override {
    const bool is_live = job_word{word_.load(relaxed)}.is_live();
    require(room_.in_use() == (is_live ? bytes : 0), "the bytes are not those of the live jobs");
  }

 private:
  static constexpr std::uint64_t bytes = 5;

  void submit() {
    if (counts_.load(seq_cst) != 0) {
      require(room_.take(bytes), "it does not fit");
      mark_free_slot(word_, true);
    }
    transition_to_ready(word_);
    if (!Asymmetric) counts_.fetch_or(0, seq_cst);
    if (Bug != bug::no_second_look && counts_.load(seq_cst) != 0) weigh();
  }

  void begin_to_count() {
    counts_.exchange(1, seq_cst);
    if (Asymmetric && Bug != bug::no_barrier) membarrier_all_threads();
    weigh();
  }

  void weigh() {
    job_word word{word_.load(acquire)};
    while (word.is_live() && !word.has(job_flag::weighed)) {
      if (Bug == bug::marks_before_it_adds) {
        if (mark_weighed(word_, word)) return room_.add(bytes);
        continue;
      }
      room_.add(bytes);
      if (mark_weighed(word_, word)) return;
      give();
    }
  }

  void cancel() {
    job_word word{word_.load(acquire)};
    request came = transition_to_cancelled(word_, word);
    while (came == request::changed) {
      word = job_word{word_.load(acquire)};
      came = transition_to_cancelled(word_, word);
    }
    if (came == request::ended && word.has(job_flag::weighed)) give();
  }

  void give() {
    require(room_.in_use() >= bytes, "given back before it was taken");
    room_.give(bytes);
  }

  word_cell word_{0};
  atomic<std::uint8_t> counts_{0};
  byte_room room_{100};
};

TEST(weighing_model, a_first_bound_while_a_job_comes_in) {
  const report r = explore<weighing_scenario<true, false, bug::none>>("weighing: submit, count");
  EXPECT_FALSE(r.failed) << r;
}
TEST(weighing_model, a_first_bound_while_a_job_comes_in_and_ends) {
  const report r =
      explore<weighing_scenario<true, true, bug::none>>("weighing: submit, count, cancel");
  EXPECT_FALSE(r.failed) << r;
}
TEST(weighing_model, the_same_where_the_submitter_pays_for_the_order) {
  const report r =
      explore<weighing_scenario<false, true, bug::none>>("weighing: no barrier there is");
  EXPECT_FALSE(r.failed) << r;
}

TEST(weighing_model, finds_a_missing_barrier) {
  const report r = explore<weighing_scenario<true, false, bug::no_barrier>>(
      "weighing, bug: no barrier", enumeration_only());
  EXPECT_NE(r.failure.find("not those of the live jobs"), std::string::npos) << r;
}
TEST(weighing_model, finds_a_missing_second_look) {
  const report r = explore<weighing_scenario<true, false, bug::no_second_look>>(
      "weighing, bug: looks once", enumeration_only());
  EXPECT_NE(r.failure.find("not those of the live jobs"), std::string::npos) << r;
}
TEST(weighing_model, finds_a_mark_that_comes_before_the_bytes) {
  const report r = explore<weighing_scenario<true, true, bug::marks_before_it_adds>>(
      "weighing, bug: marks first", enumeration_only());
  EXPECT_NE(r.failure.find("before it was taken"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::weighing_model
