// Ids of processes that die: none is given twice, neither to jobs that are logged nor to others. Method: lives over
// one directory write each id that they are given into memory that the test sees too, until they are killed: at
// a number of ids, so that some die with the first ones of an opening, or at any moment.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <thread>
#include <unordered_set>
#include <vector>

#include "pawl/scheduler.hpp"
#include "pawl/testing.hpp"
#include "support/opened.hpp"
#include "support/scale.hpp"
#include "support/scratch_directory.hpp"
#include "support/seed.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

constexpr kind_ref some_kind{0};
constexpr std::size_t ids_max = std::size_t{1} << 20;

struct given_ids {
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> ids[ids_max];

  void note(job_id id) {
    const std::uint64_t n = count.load();
    if (n == ids_max) return;
    ids[n] = id.value;
    count = n + 1;
  }
};

// Pages that are not written take no memory.
class shared_ids {
 public:
  shared_ids()
      : at_(::mmap(nullptr, sizeof(given_ids), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0)) {}
  ~shared_ids() { ::munmap(at_, sizeof(given_ids)); }
  shared_ids(const shared_ids&) = delete;
  shared_ids& operator=(const shared_ids&) = delete;
  given_ids* operator->() const noexcept { return static_cast<given_ids*>(at_); }

 private:
  void* const at_;
};

outcome run(void*, context&, std::span<const std::byte>) {
  return outcome::done();
}

class ids_of_processes_that_die : public ::testing::Test {
 protected:
  ids_of_processes_that_die() { kinds_.add("some/1", run); }

  options wanted() const {
    options o = small_options();
    o.directory = directory_.path();
    o.segment_bytes = 256u << 10;
    return o;
  }
  // Takes jobs of all sorts, in few slots, so that their generations grow: most are cancelled at once. Until it
  // was given so many ids.
  void take_ids(scheduler& s, std::uint64_t count) {
    const queue_ref logged = queue_or_exit(s, "logged");
    const queue_ref not_logged = queue_or_exit(s, "not", {.durability = durability::none});
    for (const std::uint64_t end = seen_->count + count; seen_->count < end;) {
      const std::uint64_t n = seen_->count;
      const bool is_logged = n % 16 == 1;
      const bool runs = n % 8 == 3;
      const auto answer = s.submit(is_logged ? logged : not_logged, some_kind, no_payload(),
                                   {.after = runs ? duration(0) : duration(1h)});
      if (!answer) continue;  // the disk, or who runs jobs, is behind
      seen_->note(answer.ticket.id);
      const bool stays = n % 64 == 1;
      if (!runs && !stays) static_cast<void>(s.cancel(answer.ticket.id));
    }
  }
  [[noreturn]] static void die() {
    ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  // Takes so many ids and dies; or is killed before that, after a while. A log without a thread writes nothing but
  // what an opening does, unless somebody waits for it.
  void live(std::uint64_t count, std::chrono::microseconds limit, bool log_has_thread = true) {
    const pid_t child = ::fork();
    if (child == 0 && log_has_thread) {
      const auto s = open_or_exit(wanted(), kinds_);
      take_ids(*s, count);
      die();
    }
    if (child == 0) {
      const auto s = testing::test_scheduler::open(wanted(), kinds_, 1);
      if (!s) ::_exit(1);
      take_ids(***s, count);
      die();
    }
    pid_t ended = 0;
    const auto until = std::chrono::steady_clock::now() + limit;
    while (ended == 0 && std::chrono::steady_clock::now() < until) {
      ended = ::waitpid(child, &how_, WNOHANG);
      std::this_thread::sleep_for(50us);
    }
    if (ended == 0) {
      ::kill(child, SIGKILL);
      ended = ::waitpid(child, &how_, 0);
    }
    expect_killed(child, ended);
  }
  void expect_killed(pid_t child, pid_t ended) const {
    ASSERT_EQ(ended, child);
    ASSERT_TRUE(WIFSIGNALED(how_) && WTERMSIG(how_) == SIGKILL) << how_;
  }
  // All that were given since it last looked are new.
  void check() {
    const std::uint64_t count = seen_->count;
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(ids_.insert(seen_->ids[i]).second)
          << job_id{seen_->ids[i]}.value << ", the " << i << "th, was given before";
    }
    seen_->count = 0;
  }

  registry kinds_;
  const scratch_directory directory_;
  const shared_ids seen_;
  std::unordered_set<std::uint64_t> ids_;
  int how_ = 0;  // the last child ended
};

TEST_F(ids_of_processes_that_die, are_never_given_twice) {
  random_source random(fresh_seed());
  for (int life = 0; life < scaled(30); ++life) {
    // Of any order of magnitude: beyond 512 in one slot the floor of generations must have been raised.
    const std::uint64_t count = 1 + random() % (std::uint64_t{2} << random() % 14);
    const bool is_killed = one_in(random, 3);
    live(count, is_killed ? std::chrono::microseconds(random() % 30'000) : 60s);
    ASSERT_NO_FATAL_FAILURE(check()) << "life " << life;
  }
  // In a life that is not killed, what has remained has the ids that it had.
  const auto s = open_or_exit(wanted(), kinds_);
  take_ids(*s, 2'000);
  ASSERT_NO_FATAL_FAILURE(check());
  EXPECT_TRUE(s->stop(10s));
  std::printf("%zu ids\n", ids_.size());
}

TEST_F(ids_of_processes_that_die, are_never_given_twice_though_nothing_was_written) {
  random_source random(fresh_seed());
  for (int life = 0; life < 8; ++life) {
    live(life % 2 == 0 ? 1 + random() % 4 : random() % 1'500, 60s, false);
    ASSERT_NO_FATAL_FAILURE(check()) << "life " << life;
  }
}

// Each waits for the directory until the one before has died.
TEST_F(ids_of_processes_that_die, are_never_given_twice_by_lives_that_wait_for_each_other) {
  random_source random(fresh_seed());
  options quiet = wanted();
  quiet.log = {.write = [](void*, const log_record&) {}};
  std::uint64_t wanted_ids = 0;
  std::vector<pid_t> children;
  for (int life = 0; life < 8; ++life) {
    const std::uint64_t count = life % 2 == 0 ? 1 + random() % 4 : random() % 4'000;
    wanted_ids += count;
    children.push_back(::fork());
    if (children.back() != 0) continue;
    auto s = scheduler::open(quiet, kinds_);
    while (!s && s.error().code == errc::busy) {
      std::this_thread::sleep_for(1ms);
      s = scheduler::open(quiet, kinds_);
    }
    if (!s) ::_exit(1);
    take_ids(**s, count);
    die();
  }
  for (const pid_t child : children) expect_killed(child, ::waitpid(child, &how_, 0));
  EXPECT_EQ(seen_->count, wanted_ids);
  check();
}

}  // namespace
}  // namespace pawl::test
