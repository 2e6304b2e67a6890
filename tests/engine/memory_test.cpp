// A scheduler with options::memory_bytes_max. Method: an engine without threads, in which each way to use the
// budget up is gone to its end and back, and the report is compared with what the pools have.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "engine/settings.hpp"
#include "sim/stepped_world.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::below;
using test::one_in;

constexpr std::uint64_t mebibyte = 1u << 20;

std::vector<std::byte> sevens(std::size_t count) {
  return std::vector<std::byte>(count, std::byte{7});
}

class memory_test : public ::testing::Test {
 protected:
  memory_test() {
    w_.wanted.memory_bytes_max = 24 * mebibyte;
    w_.wanted.jobs_max = 4'000'000;
    w_.wanted.payload_memory_bytes_max = 1024 * mebibyte;
    w_.check_counts = false;
  }
  void open(const queue_options& how = {.jobs_max = 2'000'000}, const kind_options& kind = {}) {
    kind_ = w_.kind("k", kind);
    w_.open();
    queue_ = w_.queue("q", how);
  }
  memory_report memory() { return w_.e->health().memory; }
  counters counts() { return w_.e->read_counters(); }
  std::uint64_t died() {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts().dead) sum += n;
    return sum;
  }

  std::uint64_t alive() {
    w_.e->flush_credits(w_.context_of_host());
    return w_.e->health().jobs;
  }

  // Until one is refused. How many were not.
  std::uint64_t fill(const job_options& how = {}, std::span<const std::byte> payload = {}) {
    std::uint64_t accepted = 0;
    submit_answer a;
    while ((a = w_.try_submit(queue_, kind_, how, payload))) ++accepted;
    EXPECT_EQ(a.reason, reject::memory) << name(a.reason);
    check();
    return accepted;
  }
  // The report against the pools, and against the budget.
  void check() {
    const memory_report r = memory();
    core& c = w_.e->parts();
    std::uint64_t sum = 0;
    for (const std::uint64_t pool : r.by_pool) sum += pool;
    ASSERT_EQ(r.bytes, sum);
    // The timers of what was accepted come in steps of 2 MB.
    ASSERT_LE(r.bytes + r.set_aside_bytes, r.bytes_max + 2 * mebibyte);
    ASSERT_EQ(r.of(memory_pool::keys), c.keys.memory_bytes() + c.lanes.memory_bytes());
    ASSERT_GE(r.of(memory_pool::payloads), c.payloads.memory_bytes());
    // Of magazines there is one step.
    ASSERT_EQ(r.of(memory_pool::slots), c.jobs.look().slots * sizeof(slot) + region::step_bytes);
  }

  test::stepped_world w_;
  kind_ref kind_;
  queue_ref queue_;
};

TEST_F(memory_test, a_budget_that_is_too_small_is_refused_and_the_log_says_what_it_needs) {
  static std::string said;
  said.clear();
  options o = test::small_options();
  const result<core_settings> settled = settle(o, this_machine());
  ASSERT_TRUE(settled);
  const std::uint64_t least = memory_bytes_min(*settled);
  o.memory_bytes_max = least - 1;
  o.log = {[](void*, const log_record& r) { said = std::string(r.event) + std::string(r.message); },
           nullptr};
  const auto refused = scheduler::open(o, registry());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid);
  EXPECT_EQ(refused.error().where, "options.memory_bytes_max");
  EXPECT_NE(said.find(std::to_string(least)), std::string::npos) << said;

  o.memory_bytes_max = least;
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  const auto s = test::open_or_exit(o, kinds);
  const queue_ref q = test::queue_or_exit(*s, "q");
  for (const std::size_t size : {0u, 100u, 1000u, 10'000u}) {
    const auto a = s->submit(q, kind, sevens(size), {.after = milliseconds(1)});
    ASSERT_TRUE(a) << size << " bytes with the least budget: " << name(a.reason);
  }
}

TEST_F(memory_test, a_flood_ends_at_the_budget_and_all_that_was_accepted_runs) {
  open();
  const std::uint64_t accepted = fill();
  EXPECT_GT(accepted, 40'000u);
  EXPECT_GT(memory().bytes + memory().set_aside_bytes, w_.wanted.memory_bytes_max * 7 / 8);
  w_.settle();
  EXPECT_EQ(counts().completed, accepted);
  // What was taken for them serves the next ones, but for what lies in other threads' magazines.
  for (int round = 0; round < 3; ++round) {
    EXPECT_GE(fill() + 4 * magazine_slots, accepted) << "round " << round;
    w_.settle();
  }
  EXPECT_EQ(counts().completed, counts().accepted);
}

TEST_F(memory_test, delays_retries_and_pauses_at_the_budget_lose_nothing) {
  open({.jobs_max = 2'000'000}, {.max_attempts = 4});
  unsigned calls = 0;
  w_.act = [&](context&) {
    ++calls;
    return calls % 3 == 0   ? outcome::fail()
           : calls % 3 == 1 ? outcome::snooze(seconds(5))
                            : outcome::done();
  };
  const std::uint64_t accepted = fill({.after = seconds(1), .expires = hours(10)});
  EXPECT_GT(accepted, 30'000u);
  w_.advance(hours(1));
  EXPECT_EQ(counts().completed + died(), accepted);
  EXPECT_EQ(alive(), 0u);
  // Beyond the budget only what was accepted may go: an entry each and what lies scattered.
  EXPECT_LE(memory().bytes, w_.wanted.memory_bytes_max + 8 * mebibyte);
}

TEST_F(memory_test, payloads_of_one_size_leave_room_for_no_other_and_a_larger_block_serves) {
  open();
  ASSERT_TRUE(w_.try_submit(queue_, kind_, {}, sevens(4000)));
  const std::uint64_t accepted = fill({}, sevens(1000));
  EXPECT_GT(accepted, 5'000u);
  // The blocks of 4 KB that its step has left were used too.
  EXPECT_EQ(w_.try_submit(queue_, kind_, {}, sevens(4000)).reason, reject::memory);
  EXPECT_EQ(w_.try_submit(queue_, kind_, {}, sevens(60'000)).reason, reject::memory);
  w_.settle();
  EXPECT_EQ(counts().completed, accepted + 1);
  EXPECT_TRUE(w_.try_submit(queue_, kind_, {}, sevens(4000)));
  EXPECT_GE(fill({}, sevens(1000)) + 1 + 4 * magazine_slots, accepted);
}

TEST_F(memory_test, a_block_up_to_eight_times_as_large_is_taken_and_none_beyond) {
  memory_budget b(2 * mebibyte);
  payload_arena bounded(64 * mebibyte, &b);
  std::vector<std::uint32_t> large;
  for (std::uint32_t r; (r = bounded.store(sevens(8000))) != payload_arena::none;)
    large.push_back(r);
  EXPECT_EQ(large.size(), 2 * mebibyte / 8192);
  bounded.release(large.back());
  const std::vector<std::byte> fits = sevens(600);   // 1 KB
  const std::vector<std::byte> small = sevens(300);  // 512 bytes
  EXPECT_EQ(bounded.store(small), payload_arena::none);
  const std::uint32_t got = bounded.store(fits);
  ASSERT_NE(got, payload_arena::none);
  EXPECT_EQ(bounded.bytes(got).size(), fits.size());
  EXPECT_EQ(bounded.store(fits), payload_arena::none) << "that was the only one";
  bounded.release(got);
  EXPECT_NE(bounded.store(sevens(8000)), payload_arena::none) << "it came back as what it was";
}

TEST_F(memory_test,
       a_full_queue_of_memory_sheds_the_oldest_of_the_lowest_band_and_keeps_no_letter) {
  open({.jobs_max = 2'000'000, .when_full = when_full::shed});
  ASSERT_TRUE(w_.e->pause(w_.context_of_host(), queue_, duration(0)));
  const job_id oldest = w_.submit(queue_, kind_, {.priority = priority::low});
  // Those of a priority above all that is there shed; so go on until the first was shed.
  std::uint64_t accepted = 1;
  while (died() == 0) {
    ASSERT_TRUE(w_.try_submit(queue_, kind_, {.priority = priority::low}));
    ++accepted;
  }
  EXPECT_EQ(w_.find(oldest).state, job_state::ended) << "its slot is another job's";
  EXPECT_EQ(w_.e->health().dead, 0u);
  EXPECT_EQ(memory().letters_purged, 1u);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(w_.try_submit(queue_, kind_, {.priority = priority::high}));
    ++accepted;
  }
  EXPECT_EQ(counts().dead[static_cast<std::size_t>(dead_cause::shed)], 101u);
  EXPECT_EQ(w_.try_submit(queue_, kind_, {.priority = priority::idle}).reason, reject::memory)
      << "nothing is lower";
  EXPECT_EQ(died(), 101u);
  check();
  ASSERT_TRUE(w_.e->resume(w_.context_of_host(), queue_));
  w_.settle();
  EXPECT_EQ(counts().completed, accepted - 101);
}

TEST_F(memory_test, a_bulk_sheds_as_it_goes_and_a_refused_one_is_a_prefix) {
  open();
  const std::uint64_t alive = fill();
  const std::vector<job_spec> specs(1000);
  std::vector<job_id> ids(specs.size());
  const auto bulk = take_in(w_.e->parts(), w_.context_of_host(), queue_, kind_, specs, ids);
  EXPECT_EQ(bulk.reason, reject::memory);
  EXPECT_EQ(bulk.accepted, 0u);
  ASSERT_TRUE(w_.e->set_options(w_.context_of_host(), queue_,
                                {.jobs_max = 2'000'000, .when_full = when_full::shed}));
  const std::span few(specs.data(), 16);
  const auto shed = take_in(w_.e->parts(), w_.context_of_host(), queue_, kind_, few, ids);
  EXPECT_TRUE(shed) << name(shed.reason);
  EXPECT_EQ(shed.accepted, 16u);
  w_.settle();
  EXPECT_EQ(counts().completed + died(), alive + 16);
  EXPECT_EQ(counts().dead[static_cast<std::size_t>(dead_cause::shed)], 16u);
}

TEST_F(memory_test, dead_letters_make_room_down_to_as_many_as_are_kept) {
  w_.wanted.dead_in_memory = 50'000;
  open({.jobs_max = 2'000'000}, {.max_attempts = 1});
  const std::vector<std::byte> payload = sevens(1000);
  w_.act = [](context&) { return outcome::dead(); };
  std::uint64_t died = 0;
  for (; died < 8'000 && w_.try_submit(queue_, kind_, {}, payload); ++died) {
    if (died % 100 == 0) w_.settle();
  }
  w_.settle();
  const std::uint64_t kept = w_.e->health().dead;
  ASSERT_GT(kept, 2 * memory_report::letters_kept_min);
  const std::uint64_t before = memory().letters_purged;
  const std::uint64_t accepted = fill({.after = hours(1)}, payload);
  EXPECT_EQ(w_.e->health().dead, memory_report::letters_kept_min);
  EXPECT_GE(accepted, kept - memory_report::letters_kept_min);
  EXPECT_EQ(memory().letters_purged - before, kept - memory_report::letters_kept_min);
  // The youngest are those that are left.
  const auto page = w_.e->list_dead({}, 0, 1);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->letters.size(), 1u);
}

TEST_F(memory_test, errors_of_failed_attempts_and_histograms_are_given_up_first) {
  w_.wanted.histograms = true;
  open({.jobs_max = 2'000'000}, {.max_attempts = 1});
  const kind_ref late = kind_;
  w_.act = [](context& job) { return job.fail("why"); };
  fill({.after = hours(1)});
  EXPECT_EQ(memory().of(memory_pool::histograms), 0u);
  w_.advance(hours(2));
  EXPECT_EQ(memory().of(memory_pool::histograms), 0u) << "the budget is nearly used up";
  EXPECT_EQ(memory().of(memory_pool::payloads), 0u);
  EXPECT_EQ(w_.e->read_metrics().kinds[late.index].times.run.count(), 0u);
  const auto page = w_.e->list_dead({}, 0, 1);
  ASSERT_TRUE(page && !page->letters.empty());
  EXPECT_TRUE(page->letters[0].errors.empty());
  EXPECT_EQ(died(), counts().accepted);
}

TEST_F(memory_test, keys_lanes_and_orders_are_refused_too_and_nothing_of_them_remains) {
  open();
  const queue_ref ordered =
      w_.queue("ordered", {.jobs_max = 2'000'000, .order = queue_order::deadline});
  std::uint64_t accepted = 0;
  std::array<std::uint64_t, 3> refused{};
  std::vector<std::string> names;
  for (int i = 0; i < 200'000; ++i) {
    const std::string key = "key " + std::to_string(i);
    const unique_key unique{.key = key};
    const int what = i % 3;
    const job_options how = what == 0   ? job_options{.unique = &unique}
                            : what == 1 ? job_options{.lane = key}
                                        : job_options{.deadline = seconds(i)};
    const submit_answer a = w_.try_submit(what == 2 ? ordered : queue_, kind_, how);
    if (a) {
      ++accepted;
    } else {
      ASSERT_EQ(a.reason, reject::memory) << name(a.reason);
      ++refused[static_cast<std::size_t>(what)];
    }
    if (i % 10'000 == 0) {
      ASSERT_NO_FATAL_FAILURE(check());
    }
  }
  for (const std::uint64_t n : refused) EXPECT_GT(n, 1000u);
  EXPECT_GT(memory().of(memory_pool::side_tables), 0u);
  EXPECT_EQ(alive(), accepted);
  w_.settle();
  EXPECT_EQ(counts().completed, accepted);
  EXPECT_LT(memory().of(memory_pool::keys), mebibyte) << "they follow the keys there are";
  EXPECT_TRUE(w_.try_submit(queue_, kind_, {.lane = "again"}));
  // A queue more is refused as well, once everything is used up.
  fill();
  bool was_refused = false;
  for (int i = 0; i < 4000 && !was_refused; ++i) {
    const auto q = w_.e->queue(w_.context_of_host(), "more-" + std::to_string(i), {});
    was_refused = !q && q.error().code == errc::memory;
  }
  EXPECT_TRUE(was_refused);
}

TEST_F(memory_test, the_condition_comes_near_the_bound_and_goes_when_slots_are_free_again) {
  open();
  const auto is_low = [&] {
    for (const condition& c : w_.e->health().conditions) {
      if (c.what == issue::memory_low) return true;
    }
    return false;
  };
  EXPECT_FALSE(is_low());
  fill();
  EXPECT_TRUE(is_low());
  w_.settle();
  EXPECT_TRUE(is_low()) << "it holds for five seconds";
  w_.leap(seconds(6));
  EXPECT_FALSE(is_low());
  EXPECT_GT(memory().free_bytes, w_.wanted.memory_bytes_max / 2);
}

TEST_F(memory_test, without_a_budget_nothing_is_low_and_nothing_is_purged) {
  w_.wanted.memory_bytes_max = 0;
  w_.wanted.payload_memory_bytes_max = mebibyte;
  w_.wanted.dead_in_memory = 5000;
  open({.jobs_max = 2'000'000, .when_full = when_full::shed}, {.max_attempts = 1});
  w_.act = [](context&) { return outcome::dead(); };
  for (int i = 0; i < 1020; ++i) w_.submit(queue_, kind_, {}, sevens(1000));
  w_.settle();
  const std::vector<std::byte> payload = sevens(1000);
  while (w_.try_submit(queue_, kind_, {}, payload)) {
  }
  EXPECT_EQ(w_.try_submit(queue_, kind_, {}, payload).reason, reject::memory);
  EXPECT_EQ(w_.e->health().dead, 1020u);
  EXPECT_EQ(memory().letters_purged, 0u);
  EXPECT_EQ(memory().bytes_max, 0u);
  EXPECT_GT(memory().of(memory_pool::slots), 0u) << "but counted";
}

TEST_F(memory_test, random_mixes_stay_within_it_and_end_as_they_should) {
  test::random_source random(test::fresh_seed());
  open({.jobs_max = 2'000'000}, {.max_attempts = 3});
  const queue_ref sheds = w_.queue("sheds", {.jobs_max = 2'000'000, .when_full = when_full::shed});
  const queue_ref ordered =
      w_.queue("ordered", {.jobs_max = 2'000'000, .order = queue_order::exact_priority});
  const queue_ref limited =
      w_.queue("limited", {.jobs_max = 2'000'000, .limits = {.concurrency = 1}});
  w_.act = [&](context&) {
    switch (below(random, 8)) {
      case 0:
        return outcome::fail();
      case 1:
        return outcome::snooze(seconds(1));
      case 2:
        return outcome::dead();
      default:
        return outcome::done();
    }
  };
  const int rounds = test::scaled(60);
  for (int round = 0; round < rounds && !HasFatalFailure(); ++round) {
    const std::uint64_t size = one_in(random, 2) ? 0 : below(random, 20'000);
    const std::uint64_t submits = 1000 + below(random, 20'000);
    for (std::uint64_t i = 0; i < submits; ++i) {
      const std::string key = "k" + std::to_string(below(random, 50'000));
      const unique_key unique{.key = key, .on_duplicate = on_duplicate::replace};
      job_options how;
      how.priority = static_cast<priority>(below(random, priority_count));
      if (one_in(random, 4)) how.after = milliseconds(below<std::int64_t>(random, 100'000));
      if (one_in(random, 4)) how.expires = seconds(1 + below<std::int64_t>(random, 1000));
      if (one_in(random, 4)) how.unique = &unique;
      if (one_in(random, 4)) how.lane = key;
      const std::array<queue_ref, 4> queues{queue_, sheds, ordered, limited};
      const std::vector<std::byte> payload = sevens(size);
      const submit_answer a =
          w_.try_submit(queues[below<std::size_t>(random, 4)], kind_, how, payload);
      if (!a) {
        ASSERT_TRUE(a.reason == reject::memory || a.reason == reject::duplicate) << name(a.reason);
      }
    }
    const memory_report r = memory();
    ASSERT_LE(r.bytes + r.set_aside_bytes, r.bytes_max + 6 * mebibyte) << "round " << round;
    if (one_in(random, 3)) w_.advance(milliseconds(below<std::int64_t>(random, 50'000)));
    w_.changes.clear();
  }
  w_.advance(hours(2));
  EXPECT_EQ(alive(), 0u);
  ASSERT_NO_FATAL_FAILURE(w_.check_conservation());
}

}  // namespace
}  // namespace pawl
