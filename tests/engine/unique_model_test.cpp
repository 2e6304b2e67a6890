// Unique keys against a std::map. Method: random submits, cancels, runs, retries, deaths, requeues,
// expiries and steps of the clock on one thread (sim/stepped_world.hpp), from outside and from inside of
// handlers. After each of them a key is held exactly if its last taker is in a state that it covers, or
// its ttl has not passed; every answer is what that says.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/unique_jobs.hpp"
#include "sim/stepped_world.hpp"
#include "support/scale.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using namespace std::chrono_literals;
using test::below;
using test::one_in;
using test::random_source;
using test::scaled;
using test::stepped_world;

bool is_before_any_end(job_state s) {
  return s == job_state::scheduled || s == job_state::ready || s == job_state::running;
}

// The last job that took a key.
struct taker {
  job_id id;
  unique_until until;
  std::uint64_t kept_until_ns;
};

class unique_model : public ::testing::Test {
 protected:
  using key_name = std::tuple<unique_scope, std::string, unsigned>;  // and number of queue or kind

  void SetUp() override {
    w.wanted.dead_in_memory = 40;
    w.check_counts = false;
    kinds = {w.kind("a", {.max_attempts = 3, .backoff = backoff::fixed(500ms)}),
             w.kind("b", {.max_attempts = 2, .backoff = backoff::fixed(2s)})};
    w.act = [this](context& job) { return act(job); };
    w.open();
    queues = {w.queue("p"), w.queue("q")};
  }

  outcome act(context& job) {
    started.insert(job.id().value);
    check_keys();
    if (one_in(random, 3)) submit();
    switch (below<int>(random, 10)) {
      case 0:
      case 1:
        return outcome::fail();
      case 2:
        return outcome::dead();
      case 3:
        return outcome::snooze(100ms);
      case 4:
        return outcome::yield();
      case 5:
        return outcome::cancelled();
      default:
        return outcome::done();
    }
  }

  // ---- what the model says ----

  bool covers(const taker& t) {
    const job_state s = w.find(t.id).state;
    return is_before_any_end(s) &&
           (t.until == unique_until::finished || !started.contains(t.id.value));
  }
  bool is_held(const key_name& key) {
    const auto t = takers.find(key);
    return t != takers.end() && (covers(t->second) || w.clock.now_ns < t->second.kept_until_ns);
  }

  void check_keys() {
    for (const auto& [name, t] : takers) {
      const auto& [scope, text, number] = name;
      const auto n = static_cast<std::uint16_t>(number);
      const key_wish wish = wish_of(w.e->parts(), {.key = text, .scope = scope}, n, n);
      ASSERT_EQ(w.e->parts().keys.is_held(wish.key, wish.now_ns), is_held(name))
          << text << ", job " << t.id.value << ' ' << pawl::name(w.find(t.id).state);
    }
  }

  // ---- what happens ----

  void submit() {
    const std::string text(1, static_cast<char>('a' + below<int>(random, 6)));
    unique_key key{.key = text,
                   .scope = static_cast<unique_scope>(below<int>(random, 3)),
                   .until = static_cast<unique_until>(below<int>(random, 2)),
                   .on_duplicate = static_cast<on_duplicate>(below<int>(random, 4))};
    if (one_in(random, 3)) key.ttl = duration(1 + below<std::int64_t>(random, 3'000'000'000));
    const unsigned q = below<unsigned>(random, 2);
    const unsigned k = below<unsigned>(random, 2);
    job_options how{.unique = &key};
    how.priority = static_cast<priority>(below<int>(random, priority_count));
    if (one_in(random, 3)) how.after = duration(1 + below<std::int64_t>(random, 2'000'000'000));
    if (one_in(random, 4)) how.expires = duration(1 + below<std::int64_t>(random, 2'000'000'000));

    const unsigned number = key.scope == unique_scope::queue  ? queues[q].index
                            : key.scope == unique_scope::kind ? kinds[k].index
                                                              : 0;
    const key_name name{key.scope, text, number};
    const taker before = takers.contains(name) ? takers[name] : taker{};
    auto expected = submit_result::submitted;
    job_state state = job_state::ended;
    if (is_held(name)) {
      state = w.find(before.id).state;
      const bool waits = covers(before) && state != job_state::running;
      const bool newest_wins =
          key.on_duplicate == on_duplicate::replace || key.on_duplicate == on_duplicate::keep_last;
      if (key.on_duplicate == on_duplicate::existing) {
        expected = submit_result::duplicate;
      } else if (newest_wins && waits) {
        expected = submit_result::replaced;
      } else if (key.on_duplicate != on_duplicate::keep_last || !is_before_any_end(state)) {
        expected = submit_result::rejected;
      }
    }
    const submit_answer a = w.try_submit(queues[q], kinds[k], how);
    ASSERT_EQ(a.result(), expected) << pawl::name(a.reason);
    ++results[static_cast<std::size_t>(expected)];
    if (expected == submit_result::submitted) {
      ASSERT_FALSE(a.original);
    } else {
      ASSERT_EQ(a.original, before.id);
      if (expected == submit_result::replaced) {
        ASSERT_FALSE(is_before_any_end(w.find(before.id).state));
        ASSERT_EQ(a.original_state, job_state::cancelled);
      } else {
        ASSERT_EQ(a.original_state, state);
      }
    }
    if (expected == submit_result::duplicate || expected == submit_result::rejected) return;
    const auto ttl = static_cast<std::uint64_t>(key.ttl.count());
    takers[name] = {a.ticket.id, key.until, ttl == 0 ? 0 : w.clock.now_ns + ttl};
    names[a.ticket.id.value] = name;
    untils[a.ticket.id.value] = key.until;
    ids.push_back(a.ticket.id);
  }

  void requeue(job_id id) {
    const job_status s = w.find(id);
    if (s.state != job_state::dead) return;
    const key_name& name = names.at(id.value);
    const taker now = takers[name];
    const bool is_free = now.id == id || !is_held(name);
    const auto answer = w.e->requeue(w.context_of_host(), id, s.version);
    ASSERT_EQ(static_cast<bool>(answer), is_free);
    ++(is_free ? requeued : requeue_refused);
    if (!is_free) {
      ASSERT_EQ(answer.error().code, errc::busy);
      return;
    }
    w.note_requeued(id);
    started.erase(id.value);
    takers[name] = {id, untils.at(id.value), now.id == id ? now.kept_until_ns : 0};
  }

  void step() {
    const auto any = [this] {
      return ids[ids.size() - 1 -
                 below<std::size_t>(random, std::min<std::size_t>(ids.size(), 80))];
    };
    switch (const int what = below<int>(random, 100); what / 5) {
      case 0:
      case 1:
        if (!ids.empty()) static_cast<void>(w.e->cancel(w.context_of_host(), any()));
        break;
      case 2:
      case 3:
        static_cast<void>(w.e->step_drain(0));
        break;
      case 4:
        w.settle();
        break;
      case 5:
      case 6:
        w.advance(duration(below<std::int64_t>(random, 400'000'000)));
        break;
      case 7:
        w.leap(duration(below<std::int64_t>(random, 600'000'000)));
        break;
      case 8:
      case 9:
        if (!ids.empty()) requeue(any());
        break;
      case 10:
        if (what % 5 == 0) w.e->purge_dead(w.context_of_host(), {});
        break;
      default:
        submit();
        break;
    }
  }

  random_source random{test::fresh_seed()};
  stepped_world w;
  std::vector<kind_ref> kinds;
  std::vector<queue_ref> queues;
  std::map<key_name, taker> takers;
  std::set<std::uint64_t> started;  // since their submit or requeue
  std::map<std::uint64_t, key_name> names;
  std::map<std::uint64_t, unique_until> untils;
  std::vector<job_id> ids;
  std::array<int, 4> results{};
  int requeued = 0;
  int requeue_refused = 0;
};

TEST_F(unique_model, a_key_is_held_exactly_while_the_model_says_so) {
  for (int i = 0; i < scaled(100'000); ++i) {
    ASSERT_NO_FATAL_FAILURE(step()) << "step " << i;
    ASSERT_NO_FATAL_FAILURE(check_keys()) << "step " << i;
    if (i % 100 != 0) continue;
    ASSERT_NO_FATAL_FAILURE(w.check_conservation());
    w.changes.clear();
  }
  const counters c = w.e->read_counters();
  EXPECT_EQ(c.deduplicated, static_cast<std::uint64_t>(results[1]));
  EXPECT_EQ(c.replaced, static_cast<std::uint64_t>(results[2]));
  std::printf("%d submitted, %d duplicates, %d replaced, %d rejected, %d requeued, %d not\n",
              results[0], results[1], results[2], results[3], requeued, requeue_refused);
  for (const int n : results) EXPECT_GT(n, 0);
  EXPECT_GT(requeued, 0);

  // Everything ends, and the entries that ttls held go as others come by.
  w.act = [](context&) { return outcome::done(); };
  w.advance(24h);
  for (const auto& [name, t] : takers) EXPECT_FALSE(is_held(name));
  for (int i = 0; i < 2000; ++i) {
    const std::string text = "other " + std::to_string(i);
    const unique_key key{.key = text};
    ASSERT_TRUE(w.try_submit(queues[0], kinds[0], {.unique = &key}));
  }
  w.settle();
  EXPECT_EQ(w.e->parts().keys.size(), 0u);
}

}  // namespace
}  // namespace pawl
