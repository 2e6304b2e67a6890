// Unique keys on one thread under a clock of its own (sim/stepped_world.hpp). Method: a job is brought
// to each state it can be in, then another one of its key is submitted in each way; and every answer is
// compared with the table of pawl/unique.hpp.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "engine/unique_jobs.hpp"
#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::no_payload;
using test::open_or_exit;
using test::queue_or_exit;
using test::scaled;
using test::small_options;
using test::stepped_world;

// Where the first job is when the second one is submitted.
enum class moment { scheduled, ready, running, between, completed, died, cancelled, expired };
constexpr std::array all_moments{moment::scheduled, moment::ready,     moment::running,
                                 moment::between,   moment::completed, moment::died,
                                 moment::cancelled, moment::expired};
constexpr std::array all_scopes{unique_scope::queue, unique_scope::kind, unique_scope::scheduler};
constexpr std::array all_untils{unique_until::finished, unique_until::started};
constexpr std::array all_rules{on_duplicate::reject, on_duplicate::existing, on_duplicate::replace,
                               on_duplicate::keep_last};

job_state state_at(moment m) {
  switch (m) {
    case moment::scheduled:
    case moment::between:
      return job_state::scheduled;
    case moment::ready:
      return job_state::ready;
    case moment::running:
      return job_state::running;
    case moment::died:
      return job_state::dead;
    default:
      return job_state::ended;
  }
}

// What the header's table makes of the second job.
submit_result expected_result(moment m, unique_until until, bool is_in_ttl, on_duplicate rule) {
  const bool has_begun = m == moment::running || m == moment::between;
  const bool is_live = m <= moment::between;
  const bool is_covered = is_live && (until == unique_until::finished || !has_begun);
  if (!is_covered && !is_in_ttl) return submit_result::submitted;
  const bool waits = is_covered && m != moment::running;
  switch (rule) {
    case on_duplicate::existing:
      return submit_result::duplicate;
    case on_duplicate::replace:
      return waits ? submit_result::replaced : submit_result::rejected;
    case on_duplicate::keep_last:
      return waits     ? submit_result::replaced
             : is_live ? submit_result::submitted
                       : submit_result::rejected;
    default:
      return submit_result::rejected;
  }
}

class unique : public ::testing::Test {
 protected:
  void open() {
    kind = w.kind("k");
    other_kind = w.kind("o");
    w.open();
    q = w.queue("q");
    other_queue = w.queue("other");
  }
  submit_answer submit(const unique_key& key, job_options how = {}) {
    how.unique = &key;
    return w.try_submit(q, kind, how);
  }
  bool is_held(const unique_key& key) {
    core& c = w.e->parts();
    const key_wish wish = wish_of(c, key, q.index, kind.index);
    return c.keys.is_held(wish.key, wish.now_ns);
  }

  // As the hooks told it; `ended`: they told nothing.
  job_state last_state(job_id id) const {
    const std::vector<job_state> states = w.states_of(id);
    return states.empty() ? job_state::ended : states.back();
  }

  // Brings a job to `m` and calls f(its id) there; then lets everything end.
  template <class F>
  void at(moment m, const unique_key& key, F f) {
    std::optional<job_id> id;
    bool is_done = false;
    w.act = [&](context& job) {
      if (!id || job.id() != *id) return outcome::done();
      if (m == moment::running && !is_done) f(*id);
      is_done = true;
      if (m == moment::between && job.attempt() == 1) return outcome::retry(1s);
      return m == moment::died ? outcome::dead() : outcome::done();
    };
    job_options how;
    if (m == moment::scheduled) how.after = 1s;
    if (m == moment::expired) how.expires = 1ms;
    const submit_answer a = submit(key, how);
    ASSERT_TRUE(a) << name(a.reason);
    ASSERT_EQ(a.result(), submit_result::submitted);
    id = a.ticket.id;
    if (m == moment::cancelled) {
      ASSERT_TRUE(w.e->cancel(w.context_of_host(), *id));
    }
    if (m == moment::expired) w.leap(2ms);
    if (m != moment::scheduled && m != moment::ready) w.settle();
    if (m != moment::running) {
      ASSERT_EQ(w.find(*id).state, state_at(m));
      f(*id);
    }
    w.advance(10s);
    w.e->purge_dead(w.context_of_host(), {});
  }

  stepped_world w;
  kind_ref kind;
  kind_ref other_kind;
  queue_ref q;
  queue_ref other_queue;
};

TEST_F(unique, every_duplicate_in_every_state_of_the_first_gets_the_answer_of_the_table) {
  open();
  int number = 0;
  for (const moment m : all_moments) {
    for (const unique_scope scope : all_scopes) {
      for (const unique_until until : all_untils) {
        for (const duration ttl : {duration(0), duration(5s)}) {
          for (const on_duplicate rule : all_rules) {
            const std::string text = "key " + std::to_string(number++);
            SCOPED_TRACE(text + ": moment " + std::to_string(static_cast<int>(m)) + ", until " +
                         std::to_string(static_cast<int>(until)) + ", ttl " +
                         std::to_string(ttl.count()) + ", rule " +
                         std::to_string(static_cast<int>(rule)));
            const unique_key first{.key = text, .scope = scope, .until = until, .ttl = ttl};
            const unique_key second{.key = text, .scope = scope, .on_duplicate = rule};
            const counters before = w.e->read_counters();
            const submit_result expected = expected_result(m, until, ttl > 0s, rule);
            submit_answer a;
            at(m, first, [&](job_id original) {
              const bool was_free =
                  expected == submit_result::submitted &&
                  expected_result(m, until, ttl > 0s, on_duplicate::reject) == expected;
              EXPECT_EQ(is_held(first), !was_free);
              a = submit(second);
              EXPECT_EQ(a.result(), expected);
              EXPECT_EQ(static_cast<bool>(a), expected != submit_result::rejected);
              switch (expected) {
                case submit_result::submitted:
                  EXPECT_FALSE(a.original);
                  EXPECT_NE(a.ticket.id, original);
                  break;
                case submit_result::duplicate:
                  EXPECT_EQ(a.ticket.id, original);
                  EXPECT_EQ(a.original, original);
                  EXPECT_EQ(a.original_state, state_at(m));
                  break;
                case submit_result::replaced:
                  EXPECT_EQ(a.original, original);
                  EXPECT_EQ(last_state(original), job_state::cancelled);
                  break;
                case submit_result::rejected:
                  EXPECT_EQ(a.reason, reject::duplicate);
                  EXPECT_EQ(a.original, original);
                  EXPECT_EQ(a.original_state, state_at(m));
                  EXPECT_FALSE(a.ticket.id);
                  EXPECT_EQ(a.retry_after > 0s, m > moment::between) << "when its ttl ends";
                  break;
              }
            });
            if (HasFatalFailure()) return;
            // Of the two each that was accepted and not cancelled has run; nothing is left.
            const counters after = w.e->read_counters();
            const bool is_new =
                expected == submit_result::submitted || expected == submit_result::replaced;
            EXPECT_EQ(after.accepted - before.accepted, is_new ? 2u : 1u);
            EXPECT_EQ(after.replaced - before.replaced, expected == submit_result::replaced);
            EXPECT_EQ(after.deduplicated - before.deduplicated,
                      expected == submit_result::duplicate);
            if (is_new) {
              EXPECT_EQ(last_state(a.ticket.id), job_state::completed);
            }
            EXPECT_EQ(after.accepted, after.ended());
            EXPECT_FALSE(is_held(first));
          }
        }
      }
    }
  }
}

TEST_F(unique, keys_of_one_text_meet_within_their_scope_only) {
  open();
  const auto submit_to = [&](queue_ref queue, kind_ref k, unique_scope scope) {
    const unique_key key{.key = "the same", .scope = scope};
    return w.try_submit(queue, k, {.after = 1h, .unique = &key}).reason;
  };
  constexpr auto none = reject::none;
  constexpr auto duplicate = reject::duplicate;
  EXPECT_EQ(submit_to(q, kind, unique_scope::queue), none);
  EXPECT_EQ(submit_to(q, other_kind, unique_scope::queue), duplicate);
  EXPECT_EQ(submit_to(other_queue, kind, unique_scope::queue), none);
  EXPECT_EQ(submit_to(q, kind, unique_scope::kind), none);
  EXPECT_EQ(submit_to(other_queue, kind, unique_scope::kind), duplicate);
  EXPECT_EQ(submit_to(q, other_kind, unique_scope::kind), none);
  EXPECT_EQ(submit_to(q, kind, unique_scope::scheduler), none);
  EXPECT_EQ(submit_to(other_queue, other_kind, unique_scope::scheduler), duplicate);
  EXPECT_EQ(submit_to(q, kind, unique_scope::queue), duplicate);
}

TEST_F(unique, a_key_is_any_bytes_and_not_kept_by_address) {
  open();
  std::string text("a\0b", 3);
  EXPECT_TRUE(submit({.key = text}, {.after = 1h}));
  text[2] = 'c';
  EXPECT_TRUE(submit({.key = text}, {.after = 1h}));
  EXPECT_EQ(submit({.key = std::string_view("a\0b", 3)}).reason, reject::duplicate);
  EXPECT_TRUE(submit({.key = "a"}, {.after = 1h}));
}

TEST_F(unique, options_out_of_range_are_refused) {
  open();
  const auto is_refused = [&](const unique_key& key) {
    return submit(key).reason == reject::bad_option;
  };
  EXPECT_TRUE(is_refused({.key = ""}));
  EXPECT_TRUE(is_refused({.key = "k", .scope = static_cast<unique_scope>(3)}));
  EXPECT_TRUE(is_refused({.key = "k", .until = static_cast<unique_until>(2)}));
  EXPECT_TRUE(is_refused({.key = "k", .ttl = -1ns}));
  EXPECT_TRUE(is_refused({.key = "k", .ttl = 24h * 36526}));
  EXPECT_TRUE(is_refused({.key = "k", .on_duplicate = static_cast<on_duplicate>(4)}));
  EXPECT_FALSE(is_refused({.key = "k", .ttl = 24h * 36525}));
}

TEST_F(unique, keep_last_lets_one_job_wait_behind_the_one_that_runs) {
  // The handler of the first submits three more: the last of them runs, once.
  open();
  const unique_key last{.key = "k", .on_duplicate = on_duplicate::keep_last};
  std::vector<submit_answer> later;
  job_id first;
  w.act = [&](context& job) {
    if (job.id() == first) {
      for (int i = 0; i < 3; ++i) later.push_back(submit(last));
    }
    return outcome::done();
  };
  first = submit(last).ticket.id;
  w.settle();
  ASSERT_EQ(later.size(), 3u);
  EXPECT_EQ(later[0].result(), submit_result::submitted);
  EXPECT_EQ(later[1].result(), submit_result::replaced);
  EXPECT_EQ(later[1].original, later[0].ticket.id);
  EXPECT_EQ(later[2].result(), submit_result::replaced);
  EXPECT_EQ(later[2].original, later[1].ticket.id);
  EXPECT_EQ(w.starts_of(later[0].ticket.id).size(), 0u);
  EXPECT_EQ(w.starts_of(later[1].ticket.id).size(), 0u);
  EXPECT_EQ(w.starts_of(later[2].ticket.id).size(), 1u);
  EXPECT_EQ(w.e->parts().keys.size(), 0u);
}

class unique_requeue
    : public unique,
      public ::testing::WithParamInterface<std::tuple<unique_until, std::chrono::seconds>> {};

TEST_P(unique_requeue, takes_the_key_again_if_nobody_has_it) {
  open();
  const unique_key key{
      .key = "k", .until = std::get<0>(GetParam()), .ttl = std::get<1>(GetParam())};
  w.act = [](context&) { return outcome::dead(); };
  const job_id first = submit(key).ticket.id;
  w.settle();
  const auto requeue = [&] {
    return w.e->requeue(w.context_of_host(), first, w.find(first).version);
  };
  EXPECT_EQ(is_held(key), key.ttl > 0s);
  ASSERT_TRUE(requeue());
  w.note_requeued(first);
  EXPECT_EQ(submit(key).original, first);
  w.settle();  // it dies again
  w.advance(2h);
  EXPECT_FALSE(is_held(key));

  w.act = [](context&) { return outcome::done(); };
  ASSERT_TRUE(submit(key, {.after = 1h}));
  const std::uint64_t room = w.e->health().jobs;
  const auto refused = requeue();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::busy);
  EXPECT_EQ(w.find(first).attempt, 1) << "its letter is as it was";
  EXPECT_EQ(w.e->health().jobs, room);
  w.advance(3h);
  ASSERT_TRUE(requeue());
  w.note_requeued(first);
  w.settle();
  EXPECT_EQ(last_state(first), job_state::completed);
}

INSTANTIATE_TEST_SUITE_P(all, unique_requeue,
                         ::testing::Combine(::testing::ValuesIn(all_untils),
                                            ::testing::Values(0s, 3600s)));

TEST_F(unique, a_submit_that_is_undone_leaves_no_ttl) {
  open();
  const unique_key key{.key = "k", .ttl = 1h};
  core& c = w.e->parts();
  const job_id id = submit(key, {.after = 1h}).ticket.id;
  withdraw_key(c, c.jobs[id_slot(id)], job_id{id.value + 1});
  EXPECT_TRUE(is_held(key)) << "another job is undone";
  withdraw_key(c, c.jobs[id_slot(id)], id);
  EXPECT_FALSE(is_held(key));
  EXPECT_EQ(c.keys.size(), 0u);
}

TEST_F(unique, a_job_that_overran_lets_go_when_it_is_taken_from_its_handler) {
  w.wanted.on_overrun = on_overrun::dead;
  kind = w.kind("k", {.run_timeout = 1s});
  w.open();
  q = w.queue("q");
  const unique_key key{.key = "k"};
  job_id first;
  w.act = [&](context& job) {
    if (job.id() != first) return outcome::done();
    EXPECT_EQ(submit(key).reason, reject::duplicate);
    w.work_for(1h);
    EXPECT_FALSE(is_held(key));
    EXPECT_TRUE(submit(key));
    return outcome::done();
  };
  first = submit(key).ticket.id;
  w.settle();
  EXPECT_EQ(w.find(first).cause, dead_cause::timeout);
  EXPECT_EQ(w.e->read_counters().completed, 1u);
  EXPECT_EQ(w.e->parts().keys.size(), 0u);
}

TEST_F(unique, a_shed_job_lets_go_and_a_duplicate_sheds_nobody) {
  open();
  const queue_ref full = w.queue("full", {.jobs_max = 2, .when_full = when_full::shed});
  ASSERT_TRUE(w.e->pause(w.context_of_host(), full, {}));
  const unique_key a{.key = "a"};
  const unique_key b{.key = "b"};
  const unique_key c{.key = "c"};
  const unique_key same_b{.key = "b", .on_duplicate = on_duplicate::existing};
  const job_id first = w.submit(full, kind, {.unique = &a});
  const job_id second = w.submit(full, kind, {.unique = &b});
  EXPECT_EQ(w.try_submit(full, kind, {.unique = &a}).original, first);
  EXPECT_EQ(w.try_submit(full, kind, {.unique = &same_b}).ticket.id, second);
  EXPECT_EQ(w.e->read_counters().ended(), 0u);
  EXPECT_TRUE(w.try_submit(full, kind, {.unique = &c}));
  EXPECT_EQ(w.find(first).cause, dead_cause::shed);
  EXPECT_TRUE(w.try_submit(full, kind, {.unique = &a}));
  EXPECT_EQ(w.find(second).cause, dead_cause::shed);
}

TEST_F(unique, a_job_takes_the_room_of_the_one_it_replaces_if_that_is_in_the_same_queue) {
  open();
  for (const when_full policy : {when_full::reject, when_full::shed}) {
    const queue_ref full = w.queue("full", {.jobs_max = 2, .when_full = policy});
    ASSERT_TRUE(w.e->pause(w.context_of_host(), full, {}));
    const unique_key plain{.key = "a", .on_duplicate = on_duplicate::replace};
    const unique_key across{
        .key = "a", .scope = unique_scope::kind, .on_duplicate = on_duplicate::replace};
    job_id last = w.submit(full, kind, {.unique = &plain});
    const job_id bystander = w.submit(full, kind);
    for (int i = 0; i < 10; ++i) {
      job_options how{.unique = &plain};
      if (i % 2 == 0) how.after = 1h;
      const submit_answer a = w.try_submit(full, kind, how);
      ASSERT_EQ(a.result(), submit_result::replaced) << name(a.reason);
      EXPECT_EQ(a.original, last);
      last = a.ticket.id;
      ASSERT_EQ(w.e->health().jobs, 2u);
      ASSERT_EQ(w.find(bystander).state, job_state::ready);
    }
    // Here it needs room of its own, and nobody is replaced where there is none.
    const job_id elsewhere = w.submit(q, kind, {.after = 1h, .unique = &across});
    if (policy == when_full::reject) {
      EXPECT_EQ(w.try_submit(full, kind, {.unique = &across}).reason, reject::queue_full);
      EXPECT_EQ(w.find(elsewhere).state, job_state::scheduled);
    } else {
      EXPECT_EQ(w.try_submit(full, kind, {.unique = &across}).original, elsewhere);
      EXPECT_EQ(w.find(bystander).cause, dead_cause::shed);
    }
    ASSERT_TRUE(w.e->resume(w.context_of_host(), full));
    w.advance(2h);
    EXPECT_EQ(w.e->health().jobs, 0u);
    EXPECT_EQ(w.e->parts().keys.size(), 0u);
  }
}

TEST_F(unique, a_bulk_answers_for_each_spec_and_ends_at_a_duplicate_that_is_rejected) {
  open();
  const unique_key existing{.key = "a", .on_duplicate = on_duplicate::existing};
  const unique_key replace{.key = "b", .on_duplicate = on_duplicate::replace};
  const unique_key strict{.key = "b"};
  const auto spec = [](const unique_key* key) {
    job_spec s;
    s.options.unique = key;
    return s;
  };
  const std::vector<job_spec> specs{spec(nullptr),   spec(&existing), spec(nullptr),
                                    spec(&existing), spec(&replace),  spec(&replace),
                                    spec(nullptr),   spec(&strict),   spec(nullptr)};
  std::vector<job_id> ids(specs.size());
  const submit_answers a = take_in(w.e->parts(), w.context_of_host(), q, kind, specs, ids);
  EXPECT_EQ(a.accepted, 7u);
  EXPECT_EQ(a.duplicates, 1u);
  EXPECT_EQ(a.replaced, 1u);
  EXPECT_EQ(a.reason, reject::duplicate);
  EXPECT_EQ(a.original, ids[5]);
  EXPECT_EQ(a.ticket.id, ids[6]);
  EXPECT_EQ(ids[3], ids[1]);
  EXPECT_EQ(w.states_of(ids[4]), std::vector<job_state>{job_state::cancelled});
  w.settle();
  EXPECT_EQ(w.e->read_counters().completed, 5u);
  // In the order of the specs.
  std::vector<job_id> order;
  for (const stepped_world::change& c : w.changes) {
    if (c.what.state == job_state::completed) order.push_back(c.what.id);
  }
  EXPECT_EQ(order, (std::vector<job_id>{ids[0], ids[1], ids[2], ids[5], ids[6]}));
}

TEST_F(unique, tables_and_blocks_follow_the_keys_that_are_held) {
  // A million keys in waves: first without a ttl, where nothing is left after each wave; then with
  // one, where entries of ended jobs go as later jobs come upon them.
  open();
  w.check_counts = false;
  unique_keys& keys = w.e->parts().keys;
  std::uint64_t number = 0;
  constexpr int wave = 5000;
  const auto run_wave = [&](duration ttl) {
    for (int i = 0; i < wave; ++i) {
      const std::string text = std::to_string(number++);
      const submit_answer a = submit({.key = text, .ttl = ttl});
      ASSERT_TRUE(a) << name(a.reason);
    }
    w.settle();
    w.changes.clear();
  };
  run_wave(0s);
  const std::uint64_t blocks = w.e->parts().payloads.memory_bytes();
  constexpr std::size_t baseline = 64 * key_table<key_entry>::places_min * sizeof(key_entry);
  for (int i = 0; i < scaled(180); ++i) {
    run_wave(0s);
    ASSERT_EQ(keys.size(), 0u);
    ASSERT_LE(keys.memory_bytes(), baseline);
  }
  for (int i = 0; i < scaled(20); ++i) {
    run_wave(1s);
    ASSERT_GE(keys.size(), static_cast<std::size_t>(wave));
    ASSERT_LE(keys.size(), 2u * wave);
    w.advance(2s);
  }
  run_wave(0s);
  run_wave(0s);
  EXPECT_EQ(keys.size(), 0u);
  EXPECT_LE(keys.memory_bytes(), baseline);
  EXPECT_EQ(w.e->parts().payloads.memory_bytes(), blocks);
}

// What the end hook below needs.
struct chain {
  scheduler* s = nullptr;
  queue_ref q;
  kind_ref kind;
  std::atomic<int> left{5};
  std::atomic<int> refused{0};
};

TEST(unique_of_a_scheduler, has_a_key_that_is_free_for_who_is_told_of_the_end) {
  // The end hook submits the next job of the same key: a chain without a refusal.
  chain links;
  registry kinds;
  links.kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  options o = small_options();
  o.hooks = {.on_end =
                 [](void* user, const job_change&) {
                   auto& l = *static_cast<chain*>(user);
                   if (l.left.fetch_sub(1) <= 0) return;
                   const unique_key key{.key = "k"};
                   if (!l.s->submit(l.q, l.kind, no_payload(), {.unique = &key})) ++l.refused;
                 },
             .user = &links};
  auto s = open_or_exit(o, kinds);
  links.s = s.get();
  links.q = queue_or_exit(*s, "q");
  const unique_key key{.key = "k"};
  ASSERT_TRUE(s->submit(links.q, links.kind, no_payload(), {.unique = &key}));
  EXPECT_TRUE(
      test::eventually([&] { return links.refused != 0 || s->read_counters().completed == 6; }));
  EXPECT_EQ(links.refused, 0);
}

TEST(unique_of_a_scheduler,
     is_refused_after_stop_like_any_job_and_keys_of_dropped_jobs_do_no_harm) {
  registry kinds;
  const kind_ref kind =
      kinds.add("k", [](void*, context&, std::span<const std::byte>) { return outcome::done(); });
  auto s = open_or_exit(small_options(), kinds);
  const queue_ref q = queue_or_exit(*s, "q");
  const unique_key key{.key = "k", .ttl = 1h};
  ASSERT_TRUE(s->submit(q, kind, no_payload(), {.after = 1h, .unique = &key}));
  const submit_answer a = s->submit(q, kind, no_payload(), {.unique = &key});
  EXPECT_EQ(a.reason, reject::duplicate);
  const counters c = s->read_counters();
  EXPECT_EQ(c.rejected[static_cast<std::size_t>(reject::duplicate)], 1u);
  EXPECT_EQ(c.submitted, 2u);
  ASSERT_TRUE(s->stop(test::patience));
  EXPECT_EQ(s->submit(q, kind, no_payload(), {.unique = &key}).reason, reject::stopping);
}

}  // namespace
}  // namespace pawl
