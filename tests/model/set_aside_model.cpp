// Credits set aside: a recall takes all that there is, and each credit exists once.
//
// What must hold: after a recall every owner holds in hand or has set aside no more than the new
// bound allows; no two take the same credit; none is lost. For both ways to order the owner's "in
// use" before its look: by the recaller's membarrier, and by an exchange of the owner.
// Method: owners take one and put it back as a submit does, a recaller lowers the maximum to 0 and
// recalls. What is counted is plain data, so any use of it by two at a time is found too. Seeded bugs:
// the look before the mark, and no barrier.
#include <gtest/gtest.h>

#include <array>

#include "explorer/explorer.hpp"
#include "ready/set_aside.hpp"

namespace pawl::model::set_aside_model {
namespace {

struct shape {
  bool owner_asymmetric = true;
  bool recaller_asymmetric = true;
  unsigned owners = 2;
  unsigned rounds = 1;
  unsigned recalls = 1;
};

inline constexpr std::uint32_t each = 2;  // set aside at first, by each owner

// As set_aside, but looks whether a recall is on before it says "in use".
class mark_after_look {
 public:
  std::uint32_t take(std::uint32_t wanted, const credit_recall& recall, bool) noexcept {
    std::uint32_t taken = 0;
    const bool on = recall.is_on();
    in_use_.exchange(true, seq_cst);
    if (!on) {
      const std::uint32_t count = count_;
      taken = std::min(count, wanted);
      count_ = count - taken;
    }
    in_use_.store(false, release);
    return taken;
  }
  template <class CountMax>
  std::uint32_t put(std::uint32_t count, CountMax count_max, const credit_recall& recall,
                    bool) noexcept {
    std::uint32_t done = 0;
    const bool on = recall.is_on();
    in_use_.exchange(true, seq_cst);
    if (!on && count_max() != 0) {
      done = count;
      count_ = count_ + count;
    }
    in_use_.store(false, release);
    return done;
  }
  std::uint32_t take_recalled() noexcept {
    while (in_use_.load(seq_cst)) cpu_pause();
    const std::uint32_t taken = count_;
    count_ = 0;
    return taken;
  }

 private:
  atomic<bool> in_use_{false};
  plain<std::uint32_t> count_{0};
};

template <shape Shape, class Aside = set_aside>
class recall_scenario : public scenario {
 public:
  recall_scenario() {
    for (Aside& a : asides_)
      a.put(
          each, [] { return each; }, recall_, true);
  }
  [[nodiscard]] unsigned thread_count() const override { return Shape.owners + 1; }

  void run(unsigned thread) override {
    if (thread == Shape.owners) {
      for (unsigned i = 0; i < Shape.recalls; ++i) call_back();
      return;
    }
    for (unsigned i = 0; i < Shape.rounds; ++i) submit(asides_[thread]);
  }

  void at_rest() override {
    std::uint32_t left = 0;
    for (Aside& a : asides_) left += a.take(~0u, recall_, true);
    require(left == 0, "credits are set aside after the recall");
    require(room_.load(relaxed) == Shape.owners * each, "a credit was lost or doubled");
  }

 private:
  void submit(Aside& mine) {
    const std::uint32_t hand = mine.take(1, recall_, Shape.owner_asymmetric);
    if (hand == 0) return;
    const std::uint32_t put = mine.put(
        hand, [this] { return most_.load(relaxed); }, recall_, Shape.owner_asymmetric);
    if (put < hand) room_.fetch_add(hand - put, relaxed);
  }

  void call_back() {
    most_.store(0, relaxed);
    recall_.begin();
    if (Shape.recaller_asymmetric) membarrier_all_threads();
    std::uint32_t taken = 0;
    for (Aside& a : asides_) taken += a.take_recalled();
    note("recalled", taken);
    recall_.end();
    room_.fetch_add(taken, relaxed);
  }

  credit_recall recall_;
  std::array<Aside, Shape.owners> asides_;
  atomic<std::uint32_t> most_{each};
  atomic<std::uint32_t> room_{0};
};

constexpr shape by_membarrier{};
constexpr shape by_exchange{.owner_asymmetric = false, .recaller_asymmetric = false};
constexpr shape often{.owners = 1, .rounds = 2, .recalls = 2};
constexpr shape often_by_exchange{.owner_asymmetric = false,
                                  .recaller_asymmetric = false,
                                  .owners = 1,
                                  .rounds = 2,
                                  .recalls = 2};
constexpr shape no_barrier{.recaller_asymmetric = false, .owners = 1};
constexpr shape one_by_exchange{
    .owner_asymmetric = false, .recaller_asymmetric = false, .owners = 1};

TEST(set_aside_model, membarrier_recalls_all) {
  const report r = explore<recall_scenario<by_membarrier>>("set aside: membarrier, 2 owners");
  EXPECT_FALSE(r.failed) << r;
}
TEST(set_aside_model, exchange_recalls_all) {
  const report r = explore<recall_scenario<by_exchange>>("set aside: exchange, 2 owners");
  EXPECT_FALSE(r.failed) << r;
}
TEST(set_aside_model, membarrier_recalls_twice) {
  const report r = explore<recall_scenario<often>>("set aside: membarrier, recalled twice");
  EXPECT_FALSE(r.failed) << r;
}
TEST(set_aside_model, exchange_recalls_twice) {
  const report r = explore<recall_scenario<often_by_exchange>>("set aside: exchange, twice");
  EXPECT_FALSE(r.failed) << r;
}
TEST(set_aside_model, finds_a_mark_after_the_look) {
  const report r = explore<recall_scenario<one_by_exchange, mark_after_look>>(
      "set aside, bug: mark after look", enumeration_only());
  EXPECT_TRUE(r.failed) << r;
}
TEST(set_aside_model, finds_that_there_is_no_barrier) {
  const report r =
      explore<recall_scenario<no_barrier>>("set aside, bug: no barrier", enumeration_only());
  EXPECT_TRUE(r.failed) << r;
}

}  // namespace
}  // namespace pawl::model::set_aside_model
