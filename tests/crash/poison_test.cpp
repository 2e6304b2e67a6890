// A job that takes its process down, again and again: it is found, blamed only for what it did alone, and
// dead in the end; who ran beside it is not blamed and loses nothing.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <thread>

#include "pawl/scheduler.hpp"
#include "support/opened.hpp"
#include "support/scratch_directory.hpp"
#include "support/threads.hpp"

namespace pawl::test {
namespace {

// What the lives of a process leave to the test.
struct facts {
  std::atomic<int> running{0};
  std::atomic<int> completed{0};
  std::atomic<int> beside_poison{0};  // others that ran when it struck, in the last life
  std::atomic<int> poison_starts{0};
  std::atomic<int> slow_starts{0};
  std::atomic<unsigned> crashes_seen{0};  // context::crashes() of the last start
  std::atomic<bool> go{false};
};

class shared_facts {
 public:
  shared_facts()
      : at_(::mmap(nullptr, sizeof(facts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                   0)) {
    std::construct_at(static_cast<facts*>(at_));
  }
  ~shared_facts() { ::munmap(at_, sizeof(facts)); }
  shared_facts(const shared_facts&) = delete;
  shared_facts& operator=(const shared_facts&) = delete;
  facts* operator->() const noexcept { return static_cast<facts*>(at_); }
  facts& operator*() const noexcept { return *static_cast<facts*>(at_); }

 private:
  void* const at_;
};

constexpr std::uint64_t poison = 0;

// One of the others.
outcome run_other(facts& seen) {
  ++seen.running;
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  --seen.running;
  ++seen.completed;
  return outcome::done();
}

// In its first life it strikes when somebody runs beside it, later when somebody would.
outcome run_poison(facts& seen, context& job) {
  seen.crashes_seen = job.crashes();
  if (++seen.poison_starts == 1) {
    static_cast<void>(eventually([&] { return seen.running != 0; }));
  } else {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  seen.beside_poison = seen.running.load();
  ::kill(::getpid(), SIGKILL);
  return outcome::done();
}

outcome run_any(void* user, context& job, std::span<const std::byte> payload) {
  auto& seen = *static_cast<facts*>(user);
  return value_of<std::uint64_t>(payload) == poison ? run_poison(seen, job) : run_other(seen);
}

options options_in(const scratch_directory& directory) {
  options o = small_options();
  o.directory = directory.path();
  o.segment_bytes = 256u << 10;
  return o;
}

// A process that does `what` and leaves, or is killed. What waitpid() says of it.
int live(const std::function<void()>& what) {
  const pid_t child = ::fork();
  if (child == 0) {
    what();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int how = 0;
  EXPECT_EQ(::waitpid(child, &how, 0), child);
  return how;
}
bool was_killed(int how) {
  return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}
bool ended_well(int how) {
  return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

class poison_of : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(kinds, poison_of, ::testing::Values(false, true),
                         [](const auto& param) { return param.param ? "blocking" : "plain"; });

TEST_P(poison_of, is_found_by_what_it_does_alone_and_dies_of_it) {
  constexpr int others = 30;
  scratch_directory directory;
  shared_facts seen;
  registry kinds;
  const kind_ref kind = kinds.add("any", run_any, &*seen, {.blocking = GetParam()});
  const auto submit_all = [&](scheduler& s) {
    const queue_ref q = queue_or_exit(s, "q");
    ticket last;
    for (std::uint64_t n = 0; n <= others; ++n) {
      const auto answer = s.submit(q, kind, bytes_of(n));
      if (!answer) ::_exit(2);
      last = answer.ticket;
    }
    EXPECT_TRUE(s.wait_durable(last, patience));
  };
  // Accepted all, started nothing.
  ASSERT_TRUE(ended_well(live([&] {
    options o = options_in(directory);
    o.dispatch = false;
    submit_all(*open_or_exit(o, kinds));
  })));
  const auto run_until_empty = [&] {
    const auto s = open_or_exit(options_in(directory), kinds);
    EXPECT_TRUE(eventually(
        [&] { return s->read_counters().ended() == s->read_counters().accepted; }, patience));
    EXPECT_TRUE(s->stop(patience));
  };
  ASSERT_TRUE(was_killed(live(run_until_empty)));
  EXPECT_GE(seen->beside_poison, 1);
  for (unsigned alone = 1; alone <= 3; ++alone) {
    seen->running = 0;
    ASSERT_TRUE(was_killed(live(run_until_empty))) << alone;
    EXPECT_EQ(seen->beside_poison, 0) << "it runs alone";
    EXPECT_EQ(seen->crashes_seen, alone - 1) << "in company it was not to blame";
  }
  seen->running = 0;
  ASSERT_TRUE(ended_well(live([&] {
    const auto s = open_or_exit(options_in(directory), kinds);
    EXPECT_TRUE(eventually(
        [&] { return s->read_counters().ended() == s->read_counters().accepted; }, patience));
    const auto dead = s->list_dead({}, 0, 10);
    EXPECT_TRUE(dead && dead->letters.size() == 1);
    if (!dead || dead->letters.size() != 1) return;
    EXPECT_EQ(dead->letters[0].status.cause, dead_cause::crashed);
    EXPECT_EQ(dead->letters[0].crashes, 3u);
    EXPECT_TRUE(s->stop(patience));
  })));
  EXPECT_EQ(seen->poison_starts, 4);
  EXPECT_GE(seen->completed, others) << "at least once each";
}

// Starts the slow job and is killed in it.
void die_in_slow_job(const scratch_directory& directory, const registry& kinds, facts& seen,
                     const std::function<void(scheduler&, queue_ref)>& before_the_end) {
  const int how = live([&] {
    const auto s = open_or_exit(options_in(directory), kinds);
    const queue_ref q = queue_or_exit(*s, "slow");
    const auto answer = s->submit(q, kind_ref{0}, no_payload());
    EXPECT_TRUE(answer && s->wait_durable(answer.ticket, patience));
    EXPECT_TRUE(eventually([&] { return seen.slow_starts == 1; }));
    before_the_end(*s, q);
    ::kill(::getpid(), SIGKILL);
  });
  ASSERT_TRUE(was_killed(how));
}

outcome run_slow(void* user, context&, std::span<const std::byte>) {
  auto& seen = *static_cast<facts*>(user);
  ++seen.slow_starts;
  static_cast<void>(eventually([&] { return seen.go.load(); }, patience));
  return outcome::done();
}
outcome run_quick(void* user, context&, std::span<const std::byte>) {
  auto& seen = *static_cast<facts*>(user);
  ++seen.completed;
  seen.go = true;
  return outcome::done();
}

registry slow_and_quick(facts& seen) {
  registry kinds;
  static_cast<void>(kinds.add("slow", run_slow, &seen));
  static_cast<void>(kinds.add("quick", run_quick, &seen));
  return kinds;
}

// Opens the directory with its one suspect again, and brings a quick job, which starts when the quarantine is
// over; until so many have completed.
void go_on_with_quick_job(const options& o, const registry& kinds, std::uint64_t completed) {
  const auto s = open_or_exit(o, kinds);
  EXPECT_EQ(s->health().log.suspects, 1u);
  EXPECT_TRUE(s->submit(queue_or_exit(*s, "quick"), kind_ref{1}, no_payload()));
  EXPECT_TRUE(eventually([&] { return s->read_counters().completed == completed; }, patience));
  EXPECT_FALSE(s->health().log.quarantine);
  EXPECT_TRUE(s->stop(patience));
}

TEST(suspect, that_outlives_its_quarantine_keeps_nobody_waiting) {
  scratch_directory directory;
  shared_facts seen;
  const registry kinds = slow_and_quick(*seen);
  die_in_slow_job(directory, kinds, *seen, [](scheduler&, queue_ref) {});
  options o = options_in(directory);
  o.quarantine = std::chrono::milliseconds(200);
  // The slow one waits for the quick one.
  ASSERT_TRUE(ended_well(live([&] { go_on_with_quick_job(o, kinds, 2); })));
  EXPECT_EQ(seen->slow_starts, 2);
}

TEST(suspect, in_a_paused_queue_keeps_nobody_waiting) {
  scratch_directory directory;
  shared_facts seen;
  const registry kinds = slow_and_quick(*seen);
  die_in_slow_job(directory, kinds, *seen, [](scheduler& s, queue_ref q) {
    const auto paused = s.pause(q);
    EXPECT_TRUE(paused && s.wait_durable(*paused, patience));
  });
  options o = options_in(directory);
  o.quarantine = std::chrono::hours(1);
  ASSERT_TRUE(ended_well(live([&] { go_on_with_quick_job(o, kinds, 1); })));
  EXPECT_EQ(seen->slow_starts, 1);
}

// Whoever runs when the power fails is not to blame, and a directory without its board is as good.
TEST(suspect, is_nobody_without_a_board) {
  scratch_directory directory;
  shared_facts seen;
  const registry kinds = slow_and_quick(*seen);
  die_in_slow_job(directory, kinds, *seen, [](scheduler&, queue_ref) {});
  ASSERT_EQ(::unlink((directory.path() + "/board").c_str()), 0);
  seen->go = true;
  ASSERT_TRUE(ended_well(live([&] {
    const auto s = open_or_exit(options_in(directory), kinds);
    EXPECT_EQ(s->health().log.suspects, 0u);
    EXPECT_EQ(s->health().log.recovered_jobs, 1u);
    EXPECT_TRUE(eventually([&] { return s->read_counters().completed == 1; }, patience));
    EXPECT_TRUE(s->stop(patience));
  })));
}

}  // namespace
}  // namespace pawl::test
