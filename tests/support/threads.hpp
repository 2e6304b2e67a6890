// support/threads.hpp -- small tools for tests with threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

namespace pawl::test {

// Long enough for anything on a busy machine; a test that waits this long has failed, and not by
// chance: tools/test knows these words.
inline constexpr std::chrono::seconds patience{60};
inline bool out_of_patience() {
  std::fputs("STALLED: waited a minute in vain\n", stderr);
  return false;
}

// Threads that wait() go on once it is open. Also tells when the n-th has arrived.
class door {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  // False: not within `patience`.
  bool wait_for_arrivals(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return arrived_ >= count; }) ||
           out_of_patience();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrived_ = 0;
};

// Calls body(index) on `count` threads at the same time, and waits for all of them.
template <class F>
void on_threads(int count, F body) {
  door start;
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.wait();
      body(i);
    });
  }
  static_cast<void>(start.wait_for_arrivals(count));
  start.open();
  for (std::thread& t : threads) t.join();
}

// Asks until `done()` says true. False: not within `limit`.
template <class F>
bool eventually(F done, std::chrono::nanoseconds limit = patience) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) {
      return done() || (limit >= patience && out_of_patience());
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace pawl::test
