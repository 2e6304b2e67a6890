// Rings and cuts: a cut that has a publish has all that happened before it, and nothing is taken twice or
// overwritten before it was taken.
//
// Method: one thread publishes and tells another, which publishes then; a collector makes cuts. What was
// taken is compared after each cut. Seeded bugs replace one step each.
#include "persistence/log_ring.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>

#include "explorer/explorer.hpp"

namespace pawl::model::log_ring_model {
namespace {

// Eight bytes a cell. A span is the number of its first cell.
template <std::size_t Cells>
class toy_storage {
 public:
  [[nodiscard]] std::uint64_t size() const noexcept { return Cells * 8; }
  plain<std::uint64_t>& span(std::uint64_t at, std::size_t) noexcept { return cell(at); }
  void put(std::uint64_t at, publish_head head) noexcept {
    cell(at) = head.tag;
    cell(at + 8) = head.bytes;
  }
  publish_head get(std::uint64_t at) noexcept { return {cell(at), cell(at + 8)}; }

 private:
  plain<std::uint64_t>& cell(std::uint64_t at) noexcept { return (*cells_)[at / 8 % Cells]; }
  std::unique_ptr<std::array<plain<std::uint64_t>, Cells>> cells_ =
      std::make_unique<std::array<plain<std::uint64_t>, Cells>>();
};

using toy_ring = log_ring<toy_storage<8>>;

void publish(toy_ring& ring, std::uint64_t value, const cut_count& cut) {
  while (!ring.has_room(8)) pause();
  ring.room(8) = value;
  ring.publish(8, cut);
}

struct real_steps {
  static std::uint64_t begin(cut_count& cut) { return cut.begin(); }
  static void end(cut_count&) {}
  static std::uint64_t last(std::uint64_t begun) { return begun; }
  static constexpr bool reads_tag_late = true;
};
// Seeded bug: takes what is there, whatever its tag.
struct takes_all : real_steps {
  static std::uint64_t last(std::uint64_t) { return ~std::uint64_t{0}; }
};
// Seeded bug: counts the cut when it has read the tails.
struct counts_late : real_steps {
  static std::uint64_t begin(cut_count& cut) { return cut.now(); }
  static void end(cut_count& cut) { cut.begin(); }
};
// Seeded bug: who publishes has read the tag before it knew what it publishes.
struct old_tag : real_steps {
  static constexpr bool reads_tag_late = false;
};

template <class Steps>
class log_ring_scenario : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override { return 3; }

  void run(unsigned thread) override {
    if (thread == 0) {
      publish(rings_[0], 1, cut_);
      told_.exchange(1, seq_cst);  // as a place in a band
    } else if (thread == 1) {
      const cut_count early(cut_.now());
      while (told_.load(acquire) == 0) pause();
      publish(rings_[1], 2, Steps::reads_tag_late ? cut_ : early);
    } else {
      while (taken_ < 2) {
        const unsigned before = taken_;
        collect();
        if (taken_ == before) pause();
      }
    }
  }

  void at_rest() override {
    require(rings_[0].is_empty() && rings_[1].is_empty(), "something was not taken");
  }

 private:
  void collect() {
    const std::uint64_t begun = Steps::begin(cut_);
    for (toy_ring& ring : rings_) {
      ring.take(Steps::last(begun), [this](plain<std::uint64_t>& value) { note(value); });
      ring.give_back();
    }
    Steps::end(cut_);
    require(!has_[2] || has_[1], "a cut has the second, and not the first");
  }
  void note(std::uint64_t value) {
    require(value == 1 || value == 2, "what was taken is nobody's");
    require(!has_[value], "something was taken twice");
    has_[value] = true;
    ++taken_;
  }

  std::array<toy_ring, 2> rings_{toy_ring(toy_storage<8>()), toy_ring(toy_storage<8>())};
  cut_count cut_{1};
  atomic<std::uint32_t> told_{0};
  // Nobody's memory: what happened.
  std::array<bool, 3> has_{};
  unsigned taken_ = 0;
};

// One ring, which has room for two of three publishes: what is taken is what was published, in order.
class full_ring_scenario : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override { return 2; }

  void run(unsigned thread) override {
    if (thread == 0) {
      for (std::uint64_t value = 1; value <= 3; ++value) publish(ring_, value, cut_);
      return;
    }
    while (taken_ < 3) {
      const std::uint64_t before = taken_;
      ring_.take(cut_.begin(), [this](plain<std::uint64_t>& value) {
        require(value == ++taken_, "it was not taken in order");
      });
      ring_.give_back();
      if (taken_ == before) pause();
    }
  }
  void at_rest() override { require(ring_.is_empty(), "something was not taken"); }

 private:
  toy_ring ring_{toy_storage<8>()};
  cut_count cut_{1};
  std::uint64_t taken_ = 0;  // the collector's
};

TEST(log_ring_model, a_ring_is_taken_in_order_and_not_overwritten) {
  const report r = explore<full_ring_scenario>("log ring: an owner that waits for room");
  EXPECT_FALSE(r.failed) << r;
}
TEST(log_ring_model, a_cut_is_closed_under_happened_before) {
  const report r = explore<log_ring_scenario<real_steps>>("log ring: two owners, a collector");
  EXPECT_FALSE(r.failed) << r;
}
TEST(log_ring_model, finds_a_cut_that_looks_at_no_tag) {
  const report r =
      explore<log_ring_scenario<takes_all>>("log ring, bug: no tags", enumeration_only());
  EXPECT_NE(r.failure.find("and not the first"), std::string::npos) << r;
}
TEST(log_ring_model, finds_a_cut_that_is_counted_late) {
  const report r =
      explore<log_ring_scenario<counts_late>>("log ring, bug: counted late", enumeration_only());
  EXPECT_NE(r.failure.find("and not the first"), std::string::npos) << r;
}
TEST(log_ring_model, finds_a_tag_that_was_read_early) {
  const report r =
      explore<log_ring_scenario<old_tag>>("log ring, bug: an early tag", enumeration_only());
  EXPECT_NE(r.failure.find("and not the first"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::log_ring_model
