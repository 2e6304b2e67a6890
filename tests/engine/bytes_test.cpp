// Bounds in bytes hold to the byte, say so, and recover. Method: a stepped engine (sim/stepped_world.hpp), so
// that nothing moves unless the test says so; blocking submits on a scheduler whose clock the test moves.
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "pawl/testing.hpp"
#include "sim/stepped_world.hpp"
#include "support/opened.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::no_payload;
using test::stepped_world;

std::span<const std::byte> payload_of(std::size_t bytes) {
  static const std::vector<std::byte> some(1u << 20);
  return std::span(some).first(bytes);
}

class bytes : public ::testing::Test {
 protected:
  void open(const queue_options& how = {}, const kind_options& k = {}) {
    kind = w.kind("k", k);
    w.open();
    q = w.queue("q", how);
  }
  submit_answer try_submit(std::size_t size, const job_options& how = {}) {
    return w.try_submit(q, kind, how, payload_of(size));
  }
  job_id submit(std::size_t size, const job_options& how = {}) {
    const submit_answer a = try_submit(size, how);
    EXPECT_TRUE(a) << size << ": " << name(a.reason);
    return a.ticket.id;
  }
  submit_answers submit_bulk(const std::vector<std::size_t>& sizes, std::vector<job_id>* ids) {
    std::vector<job_spec> specs;
    for (const std::size_t size : sizes) specs.push_back({payload_of(size), {}});
    ids->resize(sizes.size());
    return take_in(w.e->parts(), w.context_of_host(), q, kind, specs, *ids);
  }
  void pause() { ASSERT_TRUE(w.e->pause(w.context_of_host(), q, duration(0))); }
  void resume() { ASSERT_TRUE(w.e->resume(w.context_of_host(), q)); }
  void cancel(job_id id) { ASSERT_TRUE(w.e->cancel(w.context_of_host(), id)); }
  std::uint64_t in_use() const { return w.e->health().queues[q.index].bytes; }
  bool is_shed(job_id id) {
    const job_status s = w.find(id);
    return s.state == job_state::dead && s.cause == dead_cause::shed;
  }

  stepped_world w;
  kind_ref kind;
  queue_ref q;
};

TEST_F(bytes, a_bound_is_exact_to_the_byte_and_room_comes_back_with_each_end) {
  // Payloads in the slot, at its border, and in the arena.
  open({.bytes_max = 1000});
  pause();
  const std::vector<std::size_t> sizes{1, 63, 64, 65, 128, 500, 179};  // 1000
  std::vector<job_id> ids;
  std::uint64_t sum = 0;
  for (const std::size_t size : sizes) {
    ids.push_back(submit(size));
    sum += size;
    EXPECT_EQ(in_use(), sum);
  }
  EXPECT_EQ(try_submit(1).reason, reject::queue_full);
  EXPECT_FALSE(try_submit(1).ticket.id);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    cancel(ids[i]);
    EXPECT_EQ(in_use(), 1000 - sizes[i]);
    EXPECT_EQ(try_submit(sizes[i] + 1).reason, reject::queue_full) << "one byte too many";
    ids[i] = submit(sizes[i]);
    EXPECT_EQ(in_use(), 1000u);
  }
  resume();
  w.settle();
  EXPECT_EQ(in_use(), 0u);
  EXPECT_EQ(w.e->health().queues[0].bytes_max, 1000u);
}

TEST_F(bytes, a_job_without_payload_weighs_nothing) {
  open({.jobs_max = 4, .bytes_max = 10});
  pause();
  submit(10);
  for (int i = 0; i < 3; ++i) submit(0);
  EXPECT_EQ(in_use(), 10u);
  EXPECT_EQ(try_submit(0).reason, reject::queue_full) << "the bound in jobs";
}

TEST_F(bytes, a_payload_above_a_whole_bound_is_too_large_before_anything_is_shed) {
  open({.jobs_max = 3, .bytes_max = 100, .when_full = when_full::shed});
  pause();
  for (int i = 0; i < 3; ++i) submit(30);  // no room for a job
  EXPECT_EQ(try_submit(101).reason, reject::too_large);
  EXPECT_EQ(try_submit(1u << 20).reason, reject::too_large);
  std::vector<job_id> ids;
  const submit_answers a = submit_bulk({101, 1}, &ids);
  EXPECT_EQ(a.accepted, 0u);
  EXPECT_EQ(a.reason, reject::too_large);
  EXPECT_EQ(w.e->read_counters().ended(), 0u);
  EXPECT_EQ(in_use(), 90u);
  EXPECT_EQ(w.e->health().queues[0].jobs, 3u);
  submit(100);
  EXPECT_EQ(w.e->read_counters().ended(), 3u) << "all it takes";
}

TEST_F(bytes, every_end_gives_them_back_and_no_other_change_does) {
  w.wanted.on_overrun = on_overrun::dead;
  w.wanted.dead_in_memory = 2;
  open({.jobs_max = 8, .bytes_max = 1000, .when_full = when_full::shed},
       {.max_attempts = 2, .backoff = backoff::fixed(1s), .run_timeout = 1s});
  std::vector<std::uint64_t> seen;  // inside of the handler
  outcome next = outcome::done();
  w.act = [&](context&) {
    seen.push_back(in_use());
    return next;
  };
  submit(100);
  w.settle();
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{100})) << "running jobs are alive";
  EXPECT_EQ(in_use(), 0u) << "completed";

  next = outcome::fail();
  const job_id exhausted = submit(200);
  w.settle();
  EXPECT_EQ(in_use(), 200u) << "it is tried again";
  w.advance(2s);
  EXPECT_EQ(w.find(exhausted).state, job_state::dead);
  EXPECT_EQ(in_use(), 0u) << "a dead letter is not alive, though it keeps its payload";

  for (const outcome& waits : {outcome::snooze(1s), outcome::rate_limited(1s), outcome::yield()}) {
    next = waits;
    w.act = [&, times = 0](context&) mutable { return times++ == 0 ? next : outcome::done(); };
    submit(70);
    w.advance(500ms);
    EXPECT_EQ(in_use(), next.what() == outcome::code::yield ? 0u : 70u);
    w.advance(2s);
    EXPECT_EQ(in_use(), 0u);
  }

  const job_id late = submit(300, {.after = 1h});
  const job_id dies = submit(150, {.after = 1h, .expires = 1s});
  EXPECT_EQ(in_use(), 450u) << "scheduled";
  w.advance(2s);
  EXPECT_EQ(w.find(dies).state, job_state::ended);
  EXPECT_EQ(in_use(), 300u) << "expired";
  cancel(late);
  EXPECT_EQ(in_use(), 0u) << "cancelled";

  // Overrun: the handler is inside, its job is dead.
  w.act = [&](context&) {
    EXPECT_EQ(in_use(), 400u);
    w.work_for(1s);
    EXPECT_EQ(in_use(), 400u) << "timed out only";
    w.work_for(w.wanted.grace);
    EXPECT_EQ(in_use(), 0u);
    return outcome::done();
  };
  submit(400);
  w.settle();
  EXPECT_EQ(in_use(), 0u);

  // What the handler refuses, and what is evicted or purged: nothing is given twice.
  w.act = [](context&) { return outcome::dead(); };
  for (int i = 0; i < 5; ++i) submit(200);
  w.settle();
  EXPECT_EQ(in_use(), 0u);
  submit(33, {.after = 1h});
  EXPECT_EQ(w.e->purge_dead(w.context_of_host(), {}), 2u);
  EXPECT_EQ(in_use(), 33u);
}

TEST_F(bytes, a_requeued_job_needs_its_bytes_again) {
  open({.jobs_max = 2, .bytes_max = 100});
  w.act = [](context&) { return outcome::dead(); };
  const job_id dead = submit(60);
  w.settle();
  const auto version = w.find(dead).version;
  pause();
  const job_id other = submit(41);
  const auto refused = w.e->requeue(w.context_of_host(), dead, version);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::full);
  EXPECT_EQ(in_use(), 41u);
  EXPECT_EQ(w.e->health().queues[0].jobs, 1u) << "no job's room is kept either";
  cancel(other);
  ASSERT_TRUE(w.e->requeue(w.context_of_host(), dead, version));
  w.note_requeued(dead);
  EXPECT_EQ(in_use(), 60u);
  EXPECT_EQ(try_submit(41).reason, reject::queue_full);
  resume();
  w.settle();
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(bytes, shed_ends_the_oldest_of_the_lowest_band_until_the_new_job_fits) {
  open({.bytes_max = 100, .when_full = when_full::shed});
  pause();
  std::vector<job_id> low;
  for (int i = 0; i < 6; ++i) low.push_back(submit(10, {.priority = priority::low}));
  const job_id high = submit(40, {.priority = priority::high});
  const job_id normal = submit(25);
  EXPECT_TRUE(is_shed(low[0]) && is_shed(low[1]) && is_shed(low[2]));
  EXPECT_FALSE(is_shed(low[3]));
  EXPECT_EQ(in_use(), 95u);
  submit(70, {.priority = priority::critical});
  for (const job_id id : low) EXPECT_TRUE(is_shed(id));
  EXPECT_TRUE(is_shed(normal) && is_shed(high)) << "40 are one too many for 70";
  EXPECT_EQ(in_use(), 70u);
}

TEST_F(bytes, what_was_shed_for_a_job_that_is_refused_in_the_end_stays_shed) {
  open({.bytes_max = 100, .when_full = when_full::shed});
  pause();
  const job_id high = submit(60, {.priority = priority::high});
  const job_id low = submit(30, {.priority = priority::low});
  EXPECT_EQ(try_submit(41).reason, reject::queue_full) << "high is not shed for normal";
  EXPECT_TRUE(is_shed(low));
  EXPECT_FALSE(is_shed(high));
  EXPECT_EQ(in_use(), 60u);
  submit(40);
}

TEST_F(bytes, a_bulk_is_taken_up_to_the_first_that_does_not_fit) {
  open({.bytes_max = 100});
  pause();
  std::vector<job_id> ids;
  submit_answers a = submit_bulk({30, 0, 50, 21, 1}, &ids);
  EXPECT_EQ(a.accepted, 3u);
  EXPECT_EQ(a.reason, reject::queue_full);
  EXPECT_EQ(a.ticket.id, ids[2]);
  EXPECT_FALSE(ids[3]);
  EXPECT_EQ(in_use(), 80u);
  EXPECT_EQ(w.e->health().queues[0].jobs, 3u);
  a = submit_bulk({10, 10, 0}, &ids);
  EXPECT_TRUE(a);
  EXPECT_EQ(in_use(), 100u);
}

TEST_F(bytes, a_bulk_sheds_its_own_older_jobs_like_single_submits_would) {
  open({.bytes_max = 100, .when_full = when_full::shed});
  pause();
  std::vector<job_id> ids;
  const submit_answers a = submit_bulk({40, 40, 40, 90, 5}, &ids);
  EXPECT_TRUE(a);
  EXPECT_EQ(a.accepted, 5u);
  EXPECT_TRUE(is_shed(ids[0]) && is_shed(ids[1]) && is_shed(ids[2]));
  EXPECT_FALSE(is_shed(ids[3]) || is_shed(ids[4]));
  EXPECT_EQ(in_use(), 95u);
}

TEST_F(bytes, the_scheduler_as_a_whole_is_bounded_too) {
  w.wanted.bytes_max = 100;
  open({.when_full = when_full::shed});
  const queue_ref other = w.queue("other", {.bytes_max = 50});
  pause();
  const job_id first = submit(60);
  ASSERT_TRUE(w.e->pause(w.context_of_host(), other, duration(0)));
  w.submit(other, kind, {}, payload_of(30));
  EXPECT_EQ(w.try_submit(other, kind, {}, payload_of(11)).reason, reject::scheduler_full);
  EXPECT_EQ(w.try_submit(other, kind, {}, payload_of(21)).reason, reject::queue_full);
  EXPECT_EQ(w.try_submit(other, kind, {}, payload_of(51)).reason, reject::too_large);
  EXPECT_EQ(try_submit(101).reason, reject::too_large);
  EXPECT_EQ(try_submit(11).reason, reject::scheduler_full)
      << "a queue sheds for its own bound only";
  EXPECT_FALSE(is_shed(first));
  EXPECT_EQ(w.e->health().bytes, 90u);
  EXPECT_EQ(w.e->health().bytes_max, 100u);
  EXPECT_EQ(in_use(), 60u) << "a queue without a bound counts too";
  EXPECT_EQ(w.e->health().queues[other.index].bytes, 30u) << "what was refused is given back";
  cancel(first);
  EXPECT_EQ(w.e->health().bytes, 30u);
  w.submit(other, kind, {}, payload_of(20));
  submit(50);
  EXPECT_EQ(w.e->health().bytes, 100u);
}

TEST_F(bytes, a_job_that_replaces_another_one_needs_only_what_it_has_more) {
  w.wanted.bytes_max = 120;
  open({.bytes_max = 100});
  const queue_ref other = w.queue("other", {.bytes_max = 100});
  pause();
  const unique_key key{
      .key = "x", .scope = unique_scope::scheduler, .on_duplicate = on_duplicate::replace};
  job_id last = submit(60, {.unique = &key});
  submit(30);
  const auto replace = [&](std::size_t size) {
    const submit_answer a = try_submit(size, {.unique = &key});
    EXPECT_EQ(a.result(), submit_result::replaced) << size << ": " << name(a.reason);
    EXPECT_EQ(a.original, last);
    last = a.ticket.id;
    EXPECT_EQ(in_use(), 30 + size);
    EXPECT_EQ(w.e->health().bytes, 30 + size);
  };
  for (const std::size_t size : {60u, 70u, 0u, 1u, 70u, 5u}) replace(size);
  EXPECT_EQ(try_submit(71, {.unique = &key}).reason, reject::queue_full);
  EXPECT_EQ(try_submit(101, {.unique = &key}).reason, reject::too_large);
  EXPECT_EQ(w.find(last).state, job_state::ready) << "nothing is replaced by what is refused";
  EXPECT_EQ(in_use(), 35u);
  replace(70);
  // From another queue: it needs all of its own first.
  EXPECT_EQ(w.try_submit(other, kind, {.unique = &key}, payload_of(21)).reason,
            reject::scheduler_full);
  const submit_answer a = w.try_submit(other, kind, {.unique = &key}, payload_of(20));
  EXPECT_EQ(a.result(), submit_result::replaced);
  EXPECT_EQ(in_use(), 30u);
  EXPECT_EQ(w.e->health().queues[other.index].bytes, 20u);
  EXPECT_EQ(w.e->health().bytes, 50u);
}

TEST_F(bytes, a_replacement_that_sheds_the_very_job_it_would_replace_comes_in_by_itself) {
  open({.bytes_max = 100, .when_full = when_full::shed});
  pause();
  const unique_key key{.key = "x", .on_duplicate = on_duplicate::replace};
  const job_id old = submit(60, {.unique = &key});
  const job_id other = submit(40);
  const submit_answer a = try_submit(80, {.unique = &key});
  ASSERT_TRUE(a) << name(a.reason);
  EXPECT_EQ(a.result(), submit_result::submitted);
  EXPECT_TRUE(is_shed(old) && is_shed(other));
  EXPECT_EQ(in_use(), 80u);
  EXPECT_EQ(w.e->health().queues[0].jobs, 1u);
}

TEST_F(bytes, raising_a_bound_lets_jobs_in_and_lowering_it_ends_none) {
  open({.bytes_max = 100, .when_full = when_full::shed});
  pause();
  const auto set = [&](std::uint64_t bound) {
    ASSERT_TRUE(w.e->set_options(w.context_of_host(), q,
                                 {.bytes_max = bound, .when_full = when_full::shed}));
  };
  std::vector<job_id> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(submit(10));
  set(150);
  for (int i = 0; i < 5; ++i) ids.push_back(submit(10));
  set(40);
  EXPECT_EQ(in_use(), 150u);
  for (std::size_t i = 0; i < 11; ++i) {
    EXPECT_EQ(try_submit(10, {.priority = priority::critical}).reason, reject::queue_full);
    EXPECT_EQ(w.e->read_counters().dead[static_cast<std::size_t>(dead_cause::shed)], 0u);
    cancel(ids[i]);
  }
  EXPECT_EQ(in_use(), 40u);
  submit(10);
  EXPECT_TRUE(is_shed(ids[11])) << "at the bound it sheds again";
  set(0);
  submit(1u << 20);
  EXPECT_EQ(in_use(), 40 + (1u << 20)) << "once a queue counts it goes on";
}

TEST_F(bytes, a_first_bound_counts_the_jobs_that_are_there) {
  // Of each state one, each of its own size.
  const kind_ref parked = w.kind("parked");
  open();
  const queue_ref other = w.queue("other");
  ASSERT_TRUE(w.e->pause(w.context_of_host(), other, duration(0)));
  w.submit(other, kind, {}, payload_of(64));
  ASSERT_TRUE(w.e->pause(w.context_of_host(), parked, duration(0)));
  const job_id blocked = w.submit(q, parked, {}, payload_of(2));
  w.act = [](context&) { return outcome::dead(); };
  const job_id dead = submit(8);
  const job_id scheduled = submit(400, {.after = 1h});
  w.settle();
  std::uint64_t inside = 0;
  w.act = [&](context&) {
    if (inside == 0) {
      EXPECT_TRUE(w.e->set_options(w.context_of_host(), q, {.bytes_max = 450}));
      inside = in_use();
      EXPECT_EQ(try_submit(1).reason, reject::queue_full);
    }
    return outcome::done();
  };
  submit(16);
  const job_id ready = submit(32);
  submit(0);
  ASSERT_EQ(w.find(blocked).state, job_state::blocked);
  ASSERT_EQ(w.find(dead).state, job_state::dead);
  ASSERT_EQ(w.find(scheduled).state, job_state::scheduled);
  ASSERT_EQ(w.find(ready).state, job_state::ready);
  EXPECT_EQ(in_use(), 0u) << "nobody counts yet";
  w.settle();
  EXPECT_EQ(inside, 2u + 400u + 16u + 32u);
  EXPECT_EQ(in_use(), 402u);
  EXPECT_EQ(w.e->health().queues[other.index].bytes, 0u);
  submit(48, {.after = 1h});
  EXPECT_EQ(try_submit(1).reason, reject::queue_full);
  ASSERT_TRUE(w.e->set_options(w.context_of_host(), q, {}));
  ASSERT_TRUE(w.e->set_options(w.context_of_host(), q, {.bytes_max = 500}));
  EXPECT_EQ(in_use(), 450u) << "nothing is counted twice";
  ASSERT_TRUE(w.e->resume(w.context_of_host(), parked));
  w.settle();
  EXPECT_EQ(in_use(), 448u);
  w.advance(2h);
  EXPECT_EQ(in_use(), 0u);
}

TEST_F(bytes, a_first_bound_calls_back_what_threads_have_set_aside) {
  // A large bound in jobs: the thread comes by credits it has set aside, and would not ask for bytes.
  w.wanted.jobs_max = 100'000;
  open({.jobs_max = 100'000});
  pause();
  submit(10);
  ASSERT_TRUE(w.e->set_options(w.context_of_host(), q, {.jobs_max = 100'000, .bytes_max = 20}));
  EXPECT_EQ(try_submit(11).reason, reject::queue_full);
  submit(10);
  EXPECT_EQ(try_submit(1).reason, reject::queue_full);
  EXPECT_EQ(w.e->health().queues[0].jobs, 2u) << "and nothing is set aside any more";
}

TEST_F(bytes, a_job_that_finds_no_memory_gives_them_back) {
  w.wanted.payload_memory_bytes_max = 128u << 10;
  open({.bytes_max = 1u << 20});
  pause();
  const unique_key key{.key = "x"};
  std::uint64_t accepted = 0;
  while (try_submit(1000)) ++accepted;
  EXPECT_EQ(try_submit(1000).reason, reject::memory);
  EXPECT_EQ(try_submit(1000, {.unique = &key}).reason, reject::memory);
  std::vector<job_id> ids;
  EXPECT_EQ(submit_bulk({64, 1000}, &ids).reason, reject::memory);
  EXPECT_EQ(in_use(), accepted * 1000 + 64);
  EXPECT_EQ(w.e->health().queues[0].jobs, accepted + 1);
  resume();
  w.settle();
  EXPECT_EQ(in_use(), 0u);
}

// ---- blocking ----

class blocked_bytes : public ::testing::Test {
 protected:
  void open(const queue_options& how) {
    kind = kinds.add(
        "k",
        [](void* self, context& job, std::span<const std::byte>) {
          auto& test = *static_cast<blocked_bytes*>(self);
          test.inside = job.owner().submit(test.q, test.kind, payload_of(60)).reason;
          return outcome::done();
        },
        this);
    t = std::move(*testing::test_scheduler::open({}, kinds, 1));
    q = *(**t).queue("q", how);
  }
  submit_answer submit(std::size_t size) { return (**t).submit(q, kind, payload_of(size)); }

  registry kinds;
  kind_ref kind;
  queue_ref q;
  std::unique_ptr<testing::test_scheduler> t;
  reject inside = reject::none;
};

TEST_F(blocked_bytes, a_submit_waits_until_there_are_enough_or_its_time_is_over) {
  open({.bytes_max = 100, .when_full = when_full::block, .block_for = 1s});
  ASSERT_TRUE((**t).pause(q));
  ASSERT_TRUE(submit(70));
  const duration begin = t->now();
  const submit_answer late = submit(31);
  EXPECT_EQ(late.reason, reject::queue_full);
  EXPECT_GT(late.retry_after, duration(0));
  EXPECT_EQ(t->now() - begin, 1s);
  ASSERT_TRUE((**t).pause(q, 300ms));
  const job_spec specs[] = {{payload_of(30), {}}, {payload_of(80), {}}, {payload_of(90), {}}};
  const submit_answers bulk = (**t).submit_bulk(q, kind, specs);
  EXPECT_TRUE(bulk) << name(bulk.reason);
  EXPECT_EQ(t->now() - begin, 1s + 300ms) << "with the first end that made room";
  EXPECT_EQ(submit(101).reason, reject::too_large);
  EXPECT_EQ(t->now() - begin, 1s + 300ms) << "nobody waits for what can never be";
}

TEST_F(blocked_bytes, a_submit_from_inside_a_handler_never_waits) {
  open({.bytes_max = 100, .when_full = when_full::block, .block_for = 1h});
  const duration begin = t->now();
  ASSERT_TRUE(submit(50));
  t->run_until_idle(1s);
  EXPECT_EQ(inside, reject::queue_full) << "its own 50 are there still";
  EXPECT_EQ(t->now(), begin);
  EXPECT_EQ((**t).health().queues[0].bytes, 0u);
}

}  // namespace
}  // namespace pawl
