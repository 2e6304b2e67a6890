// The depot: magazines change hands without losing a slot or showing one twice.
//
// What must hold: a slot is held by one thread or lies in one magazine; at rest all are there; what
// a thread wrote into a magazine is in order with who takes it next (plain data).
// Method: threads take full magazines, take slots out, put them back, exchange full for empty. Two
// threads that take two and give back the first provoke the ABA of a stack; a copy without the tag
// must fail.
#include "job/depot.hpp"

#include <gtest/gtest.h>

#include <span>

#include "explorer/explorer.hpp"

namespace pawl::model::depot_model {
namespace {

// Seeded bug: the two functions of the depot's stack, with a head that carries no tag.
class untagged_depot {
 public:
  explicit untagged_depot(std::span<magazine> magazines) noexcept : magazines_(magazines) {}
  magazine* take_full() noexcept { return pop(full_); }
  magazine* take_empty() noexcept { return pop(empty_); }
  void put_full(magazine* m) noexcept { push(full_, m); }
  void put_empty(magazine* m) noexcept { push(empty_, m); }

 private:
  static constexpr std::uint32_t nothing = 0xffffffff;
  using stack = atomic<std::uint32_t>;
  void push(stack& s, magazine* m) noexcept {
    std::uint32_t head = s.load(relaxed);
    do {
      m->next.store(head, relaxed);
    } while (!s.compare_exchange_weak(head, static_cast<std::uint32_t>(m - magazines_.data()),
                                      acq_rel, relaxed));
  }
  magazine* pop(stack& s) noexcept {
    std::uint32_t head = s.load(acquire);
    while (head != nothing) {
      const std::uint32_t next = magazines_[head].next.load(relaxed);
      if (s.compare_exchange_weak(head, next, acq_rel, acquire)) return &magazines_[head];
    }
    return nullptr;
  }
  std::span<magazine> magazines_;
  stack full_{nothing};
  stack empty_{nothing};
};

// Three full magazines and an empty one.
template <class Depot>
class depot_scenario : public scenario {
 public:
  depot_scenario() {
    for (std::uint32_t m = 0; m < full_count; ++m) {
      for (std::uint32_t i = 0; i < magazine_slots; ++i) {
        magazines_[m].push(m * magazine_slots + i);
      }
    }
    for (std::uint32_t m = full_count; m-- > 0;) depot_.put_full(&magazines_[m]);
    depot_.put_empty(&magazines_[full_count]);
  }

  void at_rest() override {
    unsigned found[slots] = {};
    const auto count = [&found](magazine* m) {
      while (!m->is_empty()) {
        const std::uint32_t s = m->pop();
        require(s < slots && ++found[s] == 1, "a slot lies in two magazines");
      }
    };
    // More than there are: a stack that has become a ring.
    unsigned taken = 0;
    while (magazine* m = depot_.take_full()) {
      require(m->is_full(), "a full magazine is not full");
      require(++taken <= full_count, "a magazine lies on a stack twice");
      count(m);
    }
    while (magazine* m = depot_.take_empty()) {
      require(m->is_empty(), "an empty magazine is not empty");
      require(++taken <= full_count + 1, "a magazine lies on a stack twice");
    }
    for (const unsigned n : found) require(n == 1, "a slot was lost");
  }

 protected:
  static constexpr std::uint32_t full_count = 3;
  static constexpr std::uint32_t slots = full_count * magazine_slots;

  // Holds one slot for a moment, alone.
  void use_one(magazine* m) {
    const std::uint32_t s = m->pop();
    require(s < slots && !held_[s], "two threads hold the same slot");
    held_[s] = true;
    contents_[s] = contents_[s] + 1;
    held_[s] = false;
    m->push(s);
  }

  magazine magazines_[full_count + 1];
  Depot depot_{magazines_};
  plain<std::uint32_t> contents_[slots];
  bool held_[slots] = {};
};

// Thread 0 takes one; thread 1 takes two and gives back the first.
template <class Depot>
class aba : public depot_scenario<Depot> {
  using base = depot_scenario<Depot>;

 public:
  [[nodiscard]] unsigned thread_count() const override { return 2; }
  void run(unsigned thread) override {
    magazine* first = base::depot_.take_full();
    magazine* second = thread == 0 ? nullptr : base::depot_.take_full();
    for (magazine* m : {first, second}) {
      if (m == nullptr) continue;
      base::use_one(m);
      base::depot_.put_full(m);
    }
  }
};

// What contexts do: take a full one and use it up, fetch an empty one, fill it, give both back.
class exchange : public depot_scenario<depot> {
 public:
  [[nodiscard]] unsigned thread_count() const override { return 3; }
  void run(unsigned thread) override {
    magazine* full = depot_.take_full();
    require(full != nullptr, "there is a full magazine for each thread");
    use_one(full);
    magazine* empty = thread < 2 ? depot_.take_empty() : nullptr;
    if (empty == nullptr) {
      depot_.put_full(full);
      return;
    }
    while (!full->is_empty()) empty->push(full->pop());
    depot_.put_full(empty);
    depot_.put_empty(full);
  }
};

TEST(depot_model, survives_aba) {
  const report r = explore<aba<depot>>("depot: ABA");
  EXPECT_FALSE(r.failed) << r;
}
TEST(depot_model, loses_no_slot) {
  const report r = explore<exchange>("depot: 3 threads exchange");
  EXPECT_FALSE(r.failed) << r;
}
TEST(depot_model, finds_a_head_without_a_tag) {
  const report r = explore<aba<untagged_depot>>("depot, bug: no tag", enumeration_only());
  EXPECT_TRUE(r.failed);
}

}  // namespace
}  // namespace pawl::model::depot_model
