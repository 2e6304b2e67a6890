// Merging: histories of jobs, told in any order and repeatedly, against a plain model; and bytes that were
// spoiled.
#include "persistence/durable_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "persistence/state_history.hpp"
#include "persistence/state_text.hpp"
#include "support/scale.hpp"

namespace pawl::test {
namespace {

status take(durable_state& state, const std::vector<group_bytes>& rings,
            const boot_moment& written = moment(1)) {
  std::vector<cut_part> parts;
  for (const group_bytes& r : rings)
    parts.push_back({static_cast<std::uint32_t>(parts.size()), 0, r});
  return state.take({.lsn = 1, .epoch = 1, .written = written, .parts = parts});
}

group_bytes names() {
  return group_of({name_record{name_space::queue, 1, "q"}, name_record{name_space::kind, 1, "k"}});
}

group_bytes submit(job_id id, std::uint64_t version, submit_extras extras = {}) {
  const submitted_job one{id, version, {}};
  return group_of(
      {submit_record{{1, 1, priority::normal, 3, 0, 0, 50}, extras, std::span(&one, 1)}});
}

group_bytes again(job_id id, std::uint64_t version, std::uint8_t crashes) {
  return group_of({again_record{{id, version, 1, 0, crashes, 9, {}}, {}, {}}});
}

group_bytes crashed(job_id id, std::uint64_t version, bool alone) {
  const crashed_job one{id, version, alone};
  return group_of({crashed_record{std::span(&one, 1)}});
}

std::string model_text(const state_history& h) {
  std::vector<std::string> lines;
  for (const auto& [slot, job] : h.jobs) lines.push_back(text_of(job));
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + '\n';
  return all;
}

std::string jobs_text(const durable_state& state) {
  std::vector<std::string> lines;
  for (const auto* jobs : {&state.live(), &state.dead()}) {
    for (const durable_job* job : *jobs) lines.push_back(text_of(*job));
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + '\n';
  return all;
}

// Names come first; every other group goes to any ring of any cut, some twice.
TEST(durable_state, any_order_and_repetition_give_what_the_model_has) {
  random_source random(fresh_seed());
  std::size_t seen = 0;
  for (int round = 0; round < scaled(200); ++round) {
    state_history h(random());
    const std::uint64_t steps = random() % 120;
    for (std::uint64_t i = 0; i < steps; ++i) one_in(random, 8) ? h.thing() : h.step();
    std::string first;
    for (int deal = 0; deal < 3; ++deal) {
      std::vector<group_bytes> groups = h.groups;
      if (deal != 0) {
        groups.insert(groups.end(), h.groups.begin(), h.groups.begin() + 20 % h.groups.size());
        std::shuffle(groups.begin(), groups.end(), random);
      }
      durable_state state(moment(1));
      ASSERT_TRUE(take(state, {h.groups.begin(), h.groups.begin() + 15}));
      for (std::size_t i = 0; i < groups.size();) {
        std::vector<group_bytes> rings(1 + random() % 3);
        for (std::size_t n = random() % 9 + 1; n != 0 && i < groups.size(); --n, ++i) {
          group_bytes& ring = rings[random() % rings.size()];
          ring.insert(ring.end(), groups[i].begin(), groups[i].end());
        }
        ASSERT_TRUE(take(state, rings));
      }
      const status done = state.finish();
      ASSERT_TRUE(done) << done.error().where;
      ASSERT_EQ(jobs_text(state), model_text(h));
      ASSERT_EQ(state.results().size(), h.results.size());
      const std::string all = text_of(state, job_order::any);
      if (deal == 0) first = all;
      ASSERT_EQ(all, first);
    }
    seen += h.jobs.size();
  }
  EXPECT_GT(seen, 0u);
}

TEST(durable_state, a_crash_counts_until_a_later_state_says_how_many) {
  const job_id id = make_id(3, 1);
  durable_state state(moment(1));
  ASSERT_TRUE(
      take(state, {names(), crashed(id, 6, true), crashed(id, 8, true), crashed(id, 9, false),
                   crashed(id, 8, true), again(id, 6, 2), submit(id, 4)}));
  ASSERT_TRUE(state.finish());
  ASSERT_EQ(state.live().size(), 1u);
  EXPECT_EQ(state.live()[0]->crashes, 3);
  EXPECT_EQ(state.live()[0]->version, 9u);
}

// A job that version 4 of is known, and what a board may say of it.
class blamed : public ::testing::Test {
 protected:
  std::vector<job_id> blame(const std::vector<crash_note>& notes, std::uint8_t crashes_max) {
    EXPECT_TRUE(take(state, {names(), submit(id, 4), again(id, 6, crashes_before)}));
    const std::vector<job_id> suspects = state.blame(notes, {{1, crashes_max}});
    EXPECT_TRUE(state.finish());
    return suspects;
  }
  [[nodiscard]] const durable_job& job() const {
    return state.live().empty() ? *state.dead().at(0) : *state.live()[0];
  }
  const job_id id = make_id(3, 2);
  std::uint8_t crashes_before = 1;
  durable_state state{moment(1)};
};

TEST_F(blamed, that_ran_in_company_is_a_suspect_and_not_counted) {
  EXPECT_EQ(blame({{id, 8, false}}, 2), std::vector{id});
  EXPECT_EQ(job().crashes, 1);
  EXPECT_FALSE(job().is_dead);
}

TEST_F(blamed, that_ran_alone_is_counted_and_a_suspect_as_before) {
  EXPECT_EQ(blame({{id, 8, true}}, 3), std::vector{id});
  EXPECT_EQ(job().crashes, 2);
  EXPECT_EQ(job().version, 8u) << "so what is written next counts it in";
}

TEST_F(blamed, too_often_is_dead) {
  EXPECT_TRUE(blame({{id, 8, true}}, 2).empty());
  ASSERT_TRUE(job().is_dead);
  EXPECT_EQ(job().cause, dead_cause::crashed);
  EXPECT_EQ(job().crashes, 2);
  EXPECT_EQ(job().attempt, 1) << "as it was";
  EXPECT_EQ(job().version, 9u);
}

TEST_F(blamed, without_a_bound_lives_for_ever) {
  crashes_before = 255;
  EXPECT_EQ(blame({{id, 8, true}}, 0), std::vector{id});
  EXPECT_EQ(job().crashes, 255);
}

TEST_F(blamed, must_be_known_to_have_been_able_to_run) {
  const std::vector<crash_note> others{{make_id(3, 1), 8, true},  // an earlier job of the slot
                                       {make_id(3, 3), 8, true},  // a later one
                                       {make_id(4, 2), 8, true},  // of no slot that is known
                                       {id, 6, true}};            // over, by what the log says
  EXPECT_TRUE(blame(others, 2).empty());
  EXPECT_EQ(job().crashes, 1);
  EXPECT_EQ(job().version, 6u);
}

TEST(durable_state, knows_which_epoch_jobs_may_have_run_in) {
  durable_state state(moment(1));
  const auto opened = [](std::uint64_t epoch) { return group_of({opened_record{.epoch = epoch}}); };
  ASSERT_TRUE(take(state, {opened(4), opened(3)}));
  EXPECT_EQ(state.opened_epoch(), 4u);
}

TEST(durable_state, a_larger_generation_ends_the_smaller_one) {
  durable_state state(moment(1));
  ASSERT_TRUE(take(state, {names(), submit(make_id(3, 2), 9), submit(make_id(3, 1), 4),
                           again(make_id(3, 1), 20, 0)}));
  ASSERT_TRUE(state.finish());
  ASSERT_EQ(state.live().size(), 1u);
  EXPECT_EQ(state.live()[0]->id, make_id(3, 2));
  EXPECT_EQ(state.floor(), 3u);
}

TEST(durable_state, an_id_that_only_its_result_names_is_not_given_again) {
  const job_id id = make_id(3, 50);
  durable_state state(moment(1));
  ASSERT_TRUE(take(state, {group_of({result_record{id, 2, as_bytes("value")}})}));
  ASSERT_TRUE(state.finish());
  EXPECT_EQ(state.floor(), 51u);
}

TEST(durable_state, boot_times_of_another_boot_go_by_the_wall_clock) {
  const auto due_of = [](std::uint64_t ns, const boot_moment& written, const boot_moment& now) {
    submit_extras e;
    e.due = clock_time{clock_name::boot, ns};
    durable_state state(now);
    EXPECT_TRUE(take(state, {names(), submit(make_id(1, 1), 1, e)}, written));
    EXPECT_TRUE(state.finish());
    return state.live()[0]->due->ns;
  };
  boot_moment later = moment(500, 2);  // 1,000 ns after, on a clock that began anew
  later.wall_ns = moment(7'000).wall_ns + 1'000;
  EXPECT_EQ(due_of(9'000, moment(7'000), later), 500u + 1'000u);
  EXPECT_EQ(due_of(7'100, moment(7'000), later), 1u) << "before that boot";
  EXPECT_EQ(due_of(9'000, moment(7'000), moment(500)), 9'000u) << "the same boot";
}

TEST(durable_state, so_does_the_time_at_which_a_job_comes_again) {
  boot_moment later = moment(50'000, 2);  // 1,000 ns after, on a clock that is far ahead
  later.wall_ns = moment(7'000).wall_ns + 1'000;
  const job_id id = make_id(1, 1);
  durable_state state(later);
  const again_record retry{{id, 3, 1, 0, 0, 9, {}}, {}, {clock_name::boot, 9'000}};
  ASSERT_TRUE(take(state, {names(), submit(id, 1), group_of({retry})}, moment(7'000)));
  ASSERT_TRUE(state.finish());
  ASSERT_TRUE(state.live()[0]->due);
  EXPECT_EQ(state.live()[0]->due->ns, 49'000u + 2'000u);
}

TEST(durable_state, each_boot_time_of_a_job_goes_by_the_wall_clock) {
  boot_moment later = moment(50'000, 2);  // 1,000 ns after, on a clock that is far ahead
  later.wall_ns = moment(7'000).wall_ns + 1'000;
  submit_extras e;
  e.expires_ns = 9'000;
  e.deadline_ns = 9'500;
  const submitted_job one{make_id(1, 1), 1, {}};
  durable_state state(later);
  ASSERT_TRUE(take(
      state,
      {names(),
       group_of({submit_record{{1, 1, priority::normal, 3, 0, 0, 6'900}, e, std::span(&one, 1)}})},
      moment(7'000)));
  ASSERT_TRUE(state.finish());
  EXPECT_EQ(state.live()[0]->submitted_ns, 49'000u - 100u);
  EXPECT_EQ(state.live()[0]->expires_ns, 49'000u + 2'000u);
  EXPECT_EQ(state.live()[0]->deadline_ns, 49'000u + 2'500u);
}

// A ttl holds a key also after the job; the latest of several, in whatever order they are read.
TEST(durable_state, keys_are_held_by_the_latest_ttl_that_is_not_over) {
  const std::uint64_t now = moment(100).wall_ns;
  const job_id first = make_id(1, 5);
  const job_id second = make_id(2, 6);
  const auto with_ttl = [](job_id id, std::uint64_t key, std::uint64_t until) {
    submit_extras e;
    e.unique = submit_unique{{key, key}, unique_scope::queue, unique_until::finished, until};
    return submit(id, 1, e);
  };
  const auto ended = [](job_id id) {
    const ended_job one{id, 9};
    return group_of({ended_record{ended_record::way::completed, std::span(&one, 1)}});
  };
  std::vector<group_bytes> groups{
      names(),
      with_ttl(first, 1, now + 30),
      ended(first),
      with_ttl(second, 1, now + 20),
      ended(second),
      with_ttl(make_id(3, 1), 2, now),                                              // over
      with_ttl(make_id(4, 1), 3, 0),                                                // none
      group_of({key_record{{4, 4}, 7, key_record::held::until_time, first, now}}),  // over
      group_of({key_record{{5, 5}, 7, key_record::held::until_time, first, now + 1}}),
      group_of({key_record{{1, 1}, 7, key_record::held::until_time, first, now + 2}})};
  for (int order = 0; order < 2; ++order) {
    durable_state state(moment(100));
    ASSERT_TRUE(take(state, groups));
    ASSERT_TRUE(state.finish());
    ASSERT_EQ(state.keys().size(), 2u);
    const durable_key& held = state.keys().at({1, 1});
    EXPECT_EQ(held.until_wall_ns, now + 30);
    EXPECT_EQ(held.holder, first);
    EXPECT_EQ(held.order, 7u);
    EXPECT_EQ(state.keys().at({5, 5}).until_wall_ns, now + 1);
    std::reverse(groups.begin(), groups.end());
  }
}

TEST(durable_state, a_ttl_holds_a_key_that_was_said_to_be_free) {
  submit_extras e;
  e.unique =
      submit_unique{{1, 1}, unique_scope::queue, unique_until::finished, moment(101).wall_ns};
  durable_state state(moment(100));
  ASSERT_TRUE(take(state, {names(), submit(make_id(1, 5), 1, e),
                           group_of({key_record{{1, 1}, 7, key_record::held::free, {}, 0}})}));
  ASSERT_TRUE(state.finish());
  EXPECT_EQ(state.keys().at({1, 1}).state, key_record::held::until_time);
  EXPECT_EQ(state.keys().at({1, 1}).order, 8u) << "it is said again by the base";
}

TEST(durable_state, refuses_jobs_without_a_submit_or_a_name) {
  const auto why = [](const std::vector<group_bytes>& rings) {
    durable_state state(moment(1));
    status s = take(state, rings);
    if (s) s = state.finish();
    return s ? std::string() : std::string(s.error().where);
  };
  const job_id id = make_id(1, 1);
  EXPECT_EQ(why({names(), submit(id, 1)}), "");
  EXPECT_EQ(why({names(), again(id, 2, 0)}), "state: a job without its submit");
  EXPECT_EQ(why({names(), crashed(id, 2, true)}), "state: a job without its submit");
  EXPECT_EQ(why({submit(id, 1)}), "state: a job's queue has no name");
  EXPECT_EQ(why({names(), submit(make_id(2, 0), 1)}), "state: an id that cannot be");
  EXPECT_EQ(why({names(), group_of({name_record{name_space::queue, 1, "other"}})}),
            "state: a name was given twice");
  EXPECT_EQ(why({names(), group_of({name_record{name_space::queue, 2, "q"}})}),
            "state: a name was given twice");
  EXPECT_EQ(why({group_of({cursor_record{1, 1, {}}})}), "state: a cursor's source has no name");
  submit_extras tenant;
  tenant.tenant = 4;
  EXPECT_EQ(why({names(), submit(id, 1, tenant)}), "state: a job's tenant has no name");
}

// Each flipped bit is refused, or gives a state that can be looked at.
TEST(durable_state, survives_flipped_bits) {
  random_source random(fresh_seed());
  state_history h(random());
  for (int i = 0; i < 60; ++i) one_in(random, 6) ? h.thing() : h.step();
  group_bytes ring;
  for (const group_bytes& g : h.groups) ring.insert(ring.end(), g.begin(), g.end());
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < ring.size() * 8; bit += sanitized ? 7 : 1) {
    group_bytes bad = ring;
    bad[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    durable_state state(moment(1));
    if (take(state, {bad}) && state.finish()) {
      ASSERT_FALSE(text_of(state, job_order::same).empty());
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(durable_state, names_get_the_next_number_once) {
  durable_state state(moment(1));
  ASSERT_TRUE(take(state, {names()}));
  EXPECT_EQ(*state.add_name(name_space::kind, "k"), 1u);
  EXPECT_EQ(*state.add_name(name_space::kind, "new"), 2u);
  EXPECT_EQ(state.text_of(name_space::kind, 2), "new");
  EXPECT_EQ(state.next_number(name_space::tag), 1u);
  EXPECT_EQ(state.add_name(name_space::kind, "").error().code, errc::invalid);
  ASSERT_TRUE(take(state, {group_of({name_record{name_space::kind, UINT32_MAX, "last"}})}));
  EXPECT_EQ(state.add_name(name_space::kind, "more").error().code, errc::full);
}

}  // namespace
}  // namespace pawl::test
