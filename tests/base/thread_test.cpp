// Threads of ours: named, deaf to signals. Method: ask the kernel from inside the thread.
#include "base/thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <string>

namespace pawl {
namespace {

TEST(start_thread, blocks_signals_there_and_leaves_the_callers_mask_alone) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  int open = 0;
  auto thread = start_thread("pawl-x", 7, [&open] {
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, nullptr, &mine);
    for (const int s : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM,
                        SIGCHLD, SIGPROF, SIGWINCH, SIGRTMIN, SIGRTMAX}) {
      if (sigismember(&mine, s) == 0) ++open;
    }
  });
  ASSERT_TRUE(thread);
  thread->join();
  EXPECT_EQ(open, 0);
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int s = 1; s < SIGRTMAX; ++s)
    EXPECT_EQ(sigismember(&before, s), sigismember(&after, s)) << s;
}

TEST(start_thread, has_its_name_before_its_body_runs) {
  // Many, because a name set from outside is often in time by luck.
  for (unsigned i = 0; i < 200; ++i) {
    std::string seen;
    auto thread = start_thread("pawl-t", i, [&seen] {
      char name[32] = "";
      pthread_getname_np(pthread_self(), name, sizeof name);
      seen = name;
    });
    ASSERT_TRUE(thread);
    thread->join();
    char wanted[32];
    std::snprintf(wanted, sizeof wanted, "pawl-t%02u", i);
    ASSERT_EQ(seen, wanted);
  }
}

}  // namespace
}  // namespace pawl
