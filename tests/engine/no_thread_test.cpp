// When the system has no more threads, blocking jobs still run. Method: a child of fork() opens a
// scheduler and then has the kernel refuse it every new thread, as a full system does (EAGAIN from
// clone); handlers note the name of the thread they run on. The child leaves with the number of the
// first thing that was wrong, and says it on standard error.
#include <errno.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/opened.hpp"
#include "support/process.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::eventually;
using test::no_payload;

constexpr int cannot_refuse_threads = 77;

bool threads_are_refused() {
  try {
    std::thread([] {}).join();
    return false;
  } catch (const std::system_error&) {
    return true;
  }
}

// From here on no thread of this process can start another. False: neither way works here.
bool refuse_threads() {
  const auto when = [](unsigned number) {
    return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number};
  };
  const sock_filter refuse{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EAGAIN};
  sock_filter lines[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      when(SYS_clone),
      refuse,
      when(SYS_clone3),
      refuse,
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  const sock_fprog program{sizeof lines / sizeof lines[0], lines};
  // TSYNC: for the threads that are there too, since drains start the threads of the pool.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0) {
    return threads_are_refused();
  }
  const rlimit none{0, 0};  // for the whole user; does not bind root
  return setrlimit(RLIMIT_NPROC, &none) == 0 && threads_are_refused();
}

struct world {
  std::mutex mutex;
  std::vector<std::string> ran_on;
  test::door way;
  std::atomic<int> warnings{0};
  std::atomic<scheduler*> asked{nullptr};  // by the log sink

  static outcome note(void* self, context&, std::span<const std::byte>) {
    auto& w = *static_cast<world*>(self);
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    const std::lock_guard lock(w.mutex);
    w.ran_on.emplace_back(name);
    return outcome::done();
  }
  static outcome enter(void* self, context&, std::span<const std::byte>) {
    static_cast<world*>(self)->way.wait();
    return outcome::done();
  }
  static void log(void* self, const log_record& r) {
    auto& w = *static_cast<world*>(self);
    if (r.event != "blocking.no_thread" || r.level != log_level::warning) return;
    if (scheduler* const s = w.asked.load())
      static_cast<void>(s->health());  // takes the pool's lock
    ++w.warnings;
  }
  // How many ran on a thread whose name begins with that.
  std::size_t count_on(const std::string& prefix) {
    const std::lock_guard lock(mutex);
    std::size_t count = 0;
    for (const std::string& name : ran_on) count += name.rfind(prefix, 0) == 0 ? 1u : 0u;
    return count;
  }
};

// In the child: the number of the first claim that is false.
class claims {
 public:
  void operator()(bool holds, const char* what) {
    ++number_;
    if (holds || first_false_ != 0) return;
    first_false_ = number_;
    std::fprintf(stderr, "in the child: not so: %s\n", what);
  }
  [[nodiscard]] int first_false() const { return first_false_; }

 private:
  int number_ = 0;
  int first_false_ = 0;
};

void expect_in_child(const std::function<int(world&, claims&)>& body) {
  const int code = test::exit_code_of_child([&] {
    world w;
    claims claim;
    const int answer = body(w, claim);
    return answer != 0 ? answer : claim.first_false();
  });
  if (code == cannot_refuse_threads) {
    GTEST_SKIP() << "NOT TESTED: neither seccomp(2) nor RLIMIT_NPROC can refuse threads here";
  }
  EXPECT_EQ(code, 0);
}

TEST(no_thread, a_drain_runs_blocking_jobs_itself_and_says_so) {
  expect_in_child([](world& w, claims& claim) {
    registry kinds;
    const kind_ref blocking = kinds.add("b", world::note, &w, {.blocking = true});
    const kind_ref plain = kinds.add("k", world::note, &w);
    options o = test::small_options();
    o.log = {world::log, &w};
    const auto s = test::open_or_exit(o, kinds);
    const queue_ref q = test::queue_or_exit(*s, "q");
    w.asked = s.get();
    if (!refuse_threads()) return cannot_refuse_threads;
    constexpr std::uint64_t each = 50;
    for (std::uint64_t i = 0; i < each; ++i) {
      claim(bool(s->submit(q, blocking, no_payload())), "a blocking job was accepted");
      claim(bool(s->submit(q, plain, no_payload())), "a plain job was accepted");
    }
    claim(eventually([&] { return s->read_counters().completed == 2 * each; },
                     std::chrono::seconds(10)),
          "every job has ended");
    claim(w.count_on("pawl-d") == 2 * each, "all on drains");
    claim(w.warnings >= 1, "a warning was logged");
    claim(s->health().blocking_threads == 0, "health() counts no thread");
    claim(bool(s->stop(test::patience)), "the stop is clean: no thread is waited for");
    return 0;
  });
}

TEST(no_thread, a_pool_that_has_one_thread_keeps_its_jobs_for_it) {
  // Better late than on a drain: the one thread will come to them.
  expect_in_child([](world& w, claims& claim) {
    registry kinds;
    const kind_ref holds = kinds.add("h", world::enter, &w, {.blocking = true});
    const kind_ref blocking = kinds.add("b", world::note, &w, {.blocking = true});
    const kind_ref plain = kinds.add("k", world::note, &w);
    options o = test::small_options();
    o.log = {world::log, &w};
    const auto s = test::open_or_exit(o, kinds);
    const queue_ref q = test::queue_or_exit(*s, "q");
    claim(bool(s->submit(q, holds, no_payload())), "accepted");
    claim(w.way.wait_for_arrivals(1), "the pool has a thread");
    if (!refuse_threads()) {
      w.way.open();
      return cannot_refuse_threads;
    }
    for (int i = 0; i < 20; ++i) claim(bool(s->submit(q, blocking, no_payload())), "accepted");
    for (int i = 0; i < 20; ++i) claim(bool(s->submit(q, plain, no_payload())), "accepted");
    claim(eventually([&] { return s->read_counters().completed == 20; }), "plain ones go on");
    claim(eventually([&] { return s->health().drains_asleep == 2; }), "all were handed over");
    claim(w.count_on("pawl-b") == 0 && w.count_on("pawl-d") == 20, "blocking ones wait");
    claim(w.warnings >= 1, "a warning was logged");
    w.way.open();
    claim(eventually([&] { return s->read_counters().completed == 41; }), "every job has ended");
    claim(w.count_on("pawl-b") == 20, "the blocking ones on the pool's thread");
    claim(bool(s->stop(test::patience)), "the stop is clean");
    return 0;
  });
}

}  // namespace
}  // namespace pawl
