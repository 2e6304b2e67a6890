// persistence/state_history.hpp -- random jobs that live as the engine would let them, what the log is told
// of that, group by group, and what must be known of them in the end: the plainest bookkeeping that could work.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "job/id.hpp"
#include "persistence/durable_state.hpp"
#include "support/seed.hpp"

namespace pawl::test {

using group_bytes = std::vector<std::byte>;

inline group_bytes group_of(std::initializer_list<any_record> records) {
  group_bytes bytes;
  std::size_t left = records.size();
  for (const any_record& r : records) {
    const std::size_t at = bytes.size();
    bytes.resize(at + encoded_bytes(r));
    byte_writer w(std::span<std::byte>(bytes).subspan(at));
    encode(r, --left != 0 ? more::yes : more::no, w);
  }
  return bytes;
}

inline boot_moment moment(std::uint64_t boot_ns, int boot = 1) {
  boot_moment m{.wall_ns = 1'700'000'000'000'000'000 + boot_ns, .boot_ns = boot_ns, .boot_id = {}};
  m.boot_id[0] = static_cast<std::byte>(boot);
  return m;
}

class state_history {
 public:
  explicit state_history(std::uint64_t seed) : random_(seed) {
    for (std::uint32_t n = 1; n <= 3; ++n) {
      for (const name_space s : {name_space::queue, name_space::kind, name_space::tenant,
                                 name_space::source, name_space::tag}) {
        groups.push_back(group_of({name_record{s, n, "name " + std::to_string(n)}}));
      }
    }
  }

  std::vector<group_bytes> groups;
  std::map<std::uint32_t, durable_job> jobs;  // alive or dead, by slot
  std::map<std::uint64_t, std::string> results;

  void step() {
    const auto slot = static_cast<std::uint32_t>(random_() % 12);
    const auto at = jobs.find(slot);
    if (at == jobs.end()) return submit(slot);
    durable_job& job = at->second;
    const std::uint64_t before = job.version;
    job.version += 1 + random_() % 2;  // what runs is not told
    if (job.is_dead) return one_in(random_, 2) ? requeue(job) : end(slot, true);
    switch (random_() % 6) {
      case 0:
        return end(slot, false);
      case 1:
        return change(job);
      case 2:
        return crash(job, before);
      case 3:
        return die(job);
      default:
        return again(job);
    }
  }
  void thing() {
    const std::uint64_t order = ++order_;
    const auto n = static_cast<std::uint32_t>(1 + random_() % 3);
    groups.push_back(group_of(
        {cursor_record{n, order, as_bytes("position")},
         setting_record{scope::part::queue, n, {}, order, share_setting{n}},
         key_record{{n, n}, order, key_record::held::until_time, {7}, order},
         setting_record{scope::part::kind, n, {}, order, unknown_setting{99, as_bytes("later")}}}));
  }

 private:
  void submit(std::uint32_t slot) {
    std::uint64_t& version = versions_[slot];
    version += 1 + random_() % 3;
    durable_job job;
    job.id = make_id(slot, ++generation_);
    job.version = version;
    job.queue = number();
    job.kind = number();
    job.priority = static_cast<priority>(random_() % 8);
    job.attempts_max = 5;
    job.submitted_ns = random_() % 1000;
    submit_extras e;
    if (one_in(random_, 3)) job.due = e.due = {clock_name::wall, random_() % 1000};
    if (one_in(random_, 3)) job.tenant = e.tenant = number();
    if (one_in(random_, 3)) job.expires_ns = e.expires_ns = 1 + random_() % 1000;
    if (one_in(random_, 3)) {
      e.lane = submit_lane{"lane", random_() % 9};
      job.lane = durable_lane{"lane", e.lane->order};
    }
    give_rare_options(job, e);
    job.payload.resize(random_() % 20, std::byte{7});
    const submitted_job one{job.id, job.version, job.payload};
    groups.push_back(group_of({submit_record{
        {job.queue, job.kind, job.priority, job.attempts_max, 0, 0, job.submitted_ns},
        e,
        std::span(&one, 1)}}));
    jobs[slot] = job;
  }
  void give_rare_options(durable_job& job, submit_extras& e) {
    const auto some = [this] { return 1 + random_() % 1000; };
    if (one_in(random_, 4)) job.run_timeout_ns = e.run_timeout_ns = some();
    if (one_in(random_, 4)) job.deadline_ns = e.deadline_ns = some();
    if (one_in(random_, 4)) job.exact_priority = e.exact_priority = -7;
    if (one_in(random_, 4)) job.backoff = e.backoff = backoff::fixed(duration(9));
    if (one_in(random_, 4)) {
      job.unique = e.unique = submit_unique{{some(), 1}, unique_scope::kind, {}, some()};
    }
    if (one_in(random_, 4)) job.parent = e.parent = submit_parent{make_id(1, some()), 3};
    if (one_in(random_, 4)) job.tag = e.tag = number();
    if (one_in(random_, 4)) job.trace = e.trace = submit_trace{{}, {}, 1};
  }
  void again(durable_job& job) {
    add_error(job);
    ++job.attempt;
    job.pushbacks = static_cast<std::uint8_t>(random_() % 3);
    job.due = clock_time{clock_name::boot, 1 + random_() % 1000};
    const auto errors = views(job);
    groups.push_back(
        group_of({again_record{facts(job, errors), again_record::why::retry, *job.due}}));
  }
  void die(durable_job& job) {
    add_error(job);
    job.is_dead = true;
    job.cause = dead_cause::exhausted;
    job.due.reset();
    const auto errors = views(job);
    groups.push_back(group_of({died_record{facts(job, errors), job.cause}}));
  }
  void requeue(durable_job& job) {
    job.is_dead = false;
    job.cause = dead_cause::none;
    job.attempt = job.pushbacks = job.crashes = 0;
    job.state_wall_ns = 0;
    job.expires_ns.reset();
    job.priority = static_cast<priority>(random_() % 8);
    groups.push_back(group_of({requeued_record{job.id, job.version, job.priority}}));
  }
  void change(durable_job& job) {
    change_record r{job.id, job.version, {}, {}, {}};
    if (one_in(random_, 2)) r.due = job.due = clock_time{clock_name::wall, 5};
    if (one_in(random_, 2)) r.priority = job.priority = static_cast<priority>(random_() % 8);
    r.queue = job.queue = number();
    groups.push_back(group_of({r}));
  }
  void crash(durable_job& job, std::uint64_t before) {
    const bool alone = one_in(random_, 2) && job.crashes < 9;
    job.version = std::max(job.version, before + 1);
    if (alone) ++job.crashes;
    const crashed_job one{job.id, job.version, alone};
    groups.push_back(group_of({crashed_record{std::span(&one, 1)}}));
  }
  void end(std::uint32_t slot, bool purge) {
    const durable_job job = jobs.at(slot);
    versions_[slot] = job.version;
    jobs.erase(slot);
    const purged_job purged{job.id, job.version};
    if (purge) return groups.push_back(group_of({purged_record{std::span(&purged, 1)}}));
    const ended_job ended{job.id, job.version};
    const ended_record r{ended_record::way::completed, std::span(&ended, 1)};
    if (one_in(random_, 2)) return groups.push_back(group_of({r}));
    groups.push_back(group_of({result_record{job.id, job.version, as_bytes("value")}, r}));
    if (one_in(random_, 2)) {
      groups.push_back(group_of({purged_record{std::span(&purged, 1)}}));
    } else {
      results[job.id.value] = "value";
    }
  }

  std::uint32_t number() { return static_cast<std::uint32_t>(1 + random_() % 3); }
  void add_error(durable_job& job) {
    job.state_wall_ns = 100'000 + ++order_;
    job.errors.push_back({job.version, job.state_wall_ns, job.attempt, 3, "it failed"});
    if (job.errors.size() > attempt_error::kept_max) job.errors.erase(job.errors.begin());
  }
  static std::vector<attempt_error> views(const durable_job& job) {
    std::vector<attempt_error> v;
    for (const durable_error& e : job.errors)
      v.push_back({e.version, e.wall_ns, e.attempt, e.kind, e.text});
    return v;
  }
  static attempt_state facts(const durable_job& job, const std::vector<attempt_error>& errors) {
    return {job.id,      job.version,       job.attempt, job.pushbacks,
            job.crashes, job.state_wall_ns, errors};
  }

  random_source random_;
  std::map<std::uint32_t, std::uint64_t> versions_;
  std::uint64_t generation_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace pawl::test
