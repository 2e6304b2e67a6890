// A number that is no job's id is answered, not believed. Method: find, wait and cancel are asked for
// ids from all corners of the 64 bits, and for those of another scheduler; after that the jobs that
// live are untouched and run. (Ids of lives far ahead and `away` ones are asked in tests/sim too.)
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "job/id.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::small_options;

constexpr std::uint64_t away = std::uint64_t{1} << 63;

class ids : public ::testing::Test {
 protected:
  // A scheduler whose only queue is paused and holds `alive` jobs.
  struct opened {
    std::unique_ptr<scheduler> s;
    queue_ref q;
    std::vector<job_id> issued;
  };
  opened open_with(std::size_t alive) const {
    opened o;
    o.s = open_or_exit(small_options(), kinds);
    o.q = queue_or_exit(*o.s, "q");
    o.issued.resize(alive);
    EXPECT_TRUE(o.s->pause(o.q));
    EXPECT_TRUE(o.s->submit_bulk(o.q, kind, std::vector<job_spec>(alive), o.issued));
    return o;
  }
  static void expect_not_found(scheduler& s, job_id id) {
    const auto found = s.find(id);
    ASSERT_FALSE(found) << id.value;
    ASSERT_EQ(found.error().code, errc::not_found) << id.value;
    const auto waited = s.wait(id, test::patience);
    ASSERT_FALSE(waited) << id.value;
    ASSERT_EQ(waited.error().code, errc::not_found) << id.value;
    const auto cancelled = s.cancel(id);
    ASSERT_FALSE(cancelled) << id.value;
    ASSERT_EQ(cancelled.error().code, errc::not_found) << id.value;
  }
  static void expect_all_live_and_run(opened& o) {
    for (const job_id id : o.issued) ASSERT_EQ(o.s->find(id)->state, job_state::ready);
    ASSERT_TRUE(o.s->resume(o.q));
    ASSERT_TRUE(
        test::eventually([&] { return o.s->read_counters().completed == o.issued.size(); }));
    EXPECT_EQ(o.s->read_counters().cancelled, 0u);
  }

  registry kinds;
  kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
};

TEST_F(ids, never_issued_are_not_found_before_the_first_job_and_after_it) {
  for (const std::size_t alive : {0u, 1u, 1000u}) {
    opened o = open_with(alive);
    // Every slot that a bit or a border names, in its first and its last life, and in no life at all.
    std::vector<std::uint32_t> slots{0, slots_max - 1, slots_max - 2, 200'000, 1'000'000};
    for (unsigned bit = 0; bit < slot_bits; ++bit) slots.push_back(1u << bit);
    for (std::uint32_t i = 250; i < 260; ++i) slots.push_back(i);
    for (const std::uint32_t slot : slots) {
      for (const std::uint64_t life :
           {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, generation_max}) {
        const job_id id = make_id(slot, life);
        if (std::find(o.issued.begin(), o.issued.end(), id) != o.issued.end()) continue;
        expect_not_found(*o.s, id);
        expect_not_found(*o.s, job_id{id.value | away});
      }
    }
    for (const job_id id : o.issued) {
      expect_not_found(*o.s, job_id{id.value | away});
      expect_not_found(*o.s, job_id{id.value + 1});  // the slot's next life
      expect_not_found(*o.s, make_id(id_slot(id), generation_max));
      expect_not_found(*o.s, make_id(id_slot(id), 0));
    }
    expect_all_live_and_run(o);
  }
}

TEST_F(ids, are_written_to_enough_room_or_not_at_all) {
  const opened o = open_with(0);
  std::vector<job_id> room(2);
  const auto answer = o.s->submit_bulk(o.q, kind, std::vector<job_spec>(3), room);
  EXPECT_EQ(answer.reason, reject::bad_option);
  EXPECT_EQ(answer.accepted, 0u);
  EXPECT_EQ(room, std::vector<job_id>(2));
  EXPECT_EQ(o.s->read_counters().accepted, 0u);
  EXPECT_TRUE(o.s->submit_bulk(o.q, kind, std::vector<job_spec>(2), room));
}

TEST_F(ids, of_another_scheduler_are_not_found_unless_they_are_its_own_too) {
  // One scheduler has ten jobs, the other 20,000, in slots that the first never used. Ids do not say
  // whose they are: the same number may name a job of each.
  opened few = open_with(10);
  opened many = open_with(20'000);
  std::size_t common = 0;
  for (const job_id id : many.issued) {
    if (std::find(few.issued.begin(), few.issued.end(), id) != few.issued.end()) {
      ++common;
      continue;
    }
    expect_not_found(*few.s, id);
  }
  EXPECT_LE(common, few.issued.size());
  expect_all_live_and_run(few);
  expect_all_live_and_run(many);
}

TEST_F(ids, of_a_slots_earlier_lives_are_over_and_those_of_later_ones_not_found) {
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(q));
  std::vector<job_id> lives;
  for (int i = 0; i < 100; ++i) {
    lives.push_back(s->submit(q, kind, no_payload()).ticket.id);
    ASSERT_TRUE(s->cancel(lives.back()));
  }
  const job_id now = s->submit(q, kind, no_payload()).ticket.id;
  ASSERT_EQ(id_slot(now), id_slot(lives.back())) << "a warm slot is used again";
  for (const job_id id : lives) {
    EXPECT_EQ(s->find(id)->state, job_state::ended);
    EXPECT_EQ(s->cancel(id).error().code, errc::stale);
    EXPECT_EQ(s->wait(id, test::patience)->state, job_state::ended);
    expect_not_found(*s, job_id{id.value | away});
  }
  for (std::uint64_t ahead = 1; ahead < 100; ++ahead) {
    expect_not_found(*s, job_id{now.value + ahead});
  }
  EXPECT_EQ(s->find(now)->state, job_state::ready) << "none of that was meant for it";
}

TEST_F(ids, that_are_random_are_not_found_while_the_slots_grow) {
  // A thread submits, so that slots are made and used while others are asked for.
  test::random_source random(test::fresh_seed());
  const auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  ASSERT_TRUE(s->pause(q));
  const int count = test::scaled(100'000);
  std::vector<job_id> issued;
  std::thread submitter([&] {
    for (int i = 0; i < count; ++i) issued.push_back(s->submit(q, kind, no_payload()).ticket.id);
  });
  for (int i = 0; i < count; ++i) {
    std::uint64_t value = random();
    if (test::one_in(random, 2)) {  // a slot that is or will soon be there, a life that is not
      const auto slot = test::below<std::uint32_t>(random, 150'000);
      value = make_id(slot, 2 + test::below(random, generation_max - 1)).value;
    }
    // Random ones that are someone's: one in 2^36.
    expect_not_found(*s, job_id{value});
    if (HasFatalFailure()) break;
  }
  submitter.join();
  for (const job_id id : issued) ASSERT_EQ(s->find(id)->state, job_state::ready);
  EXPECT_EQ(s->read_counters().cancelled, 0u);
}

}  // namespace
}  // namespace pawl
