// crash/job_life.hpp -- a process that runs durable jobs until it is killed, and another that keeps what it was
// told. A number that was read from the pipe between them counts; nothing else does.
#pragma once

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "pawl/scheduler.hpp"
#include "support/opened.hpp"
#include "support/seed.hpp"

namespace pawl::test {

// What a life says: of all jobs below that number, or of the one with it.
struct life_message {
  enum class what : std::uint64_t { accepted_below, started, completed, over };
  what said = what::over;
  std::uint64_t number = 0;
};

inline void say(int pipe, life_message m) {
  if (::write(pipe, &m, sizeof m) != sizeof m) ::_exit(3);  // in one piece
}

// Opens the directory and goes on. Each third job fails once before it does well.
class job_worker {
 public:
  static constexpr std::uint64_t batch_max = 200;
  static constexpr std::uint64_t fence_number = UINT64_MAX - 1;  // not a multiple of 3

  job_worker(const std::string& directory, bool io_uring, int pipe) : pipe_(pipe) {
    kinds_.add("life/1", &job_worker::run, this,
               {.max_attempts = 100, .backoff = backoff::fixed(std::chrono::milliseconds(1))});
    options o = small_options();
    o.directory = directory;
    o.segment_bytes = 256u << 10;
    o.io_uring = io_uring;
    o.hooks = {.on_end = &job_worker::note_end, .user = this};
    opened_ = open_or_exit(o, kinds_);
    queue_ = queue_or_exit(*opened_, "life");
  }

  // Jobs from `next` on, acknowledged by the batch, until it is killed.
  void live(std::uint64_t next, std::uint64_t seed) {
    random_source random(seed);
    for (;;) {
      ticket last;
      for (const std::uint64_t end = next + 1 + random() % batch_max; next < end; ++next) {
        last = submit(next, how(next));
      }
      wait_for(last);
      say(pipe_, {life_message::what::accepted_below, next});
      tell_completed();
    }
  }
  // Until all is done.
  void finish() {
    const auto is_empty = [this] {
      const counters c = opened_->read_counters();
      return c.accepted + c.requeued == c.ended();
    };
    while (!is_empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    tell_completed();
    if (!opened_->stop(std::chrono::seconds(60))) ::_exit(2);
    opened_.reset();
    say(pipe_, {life_message::what::over, 0});
  }

 private:
  static job_options how(std::uint64_t number) {
    job_options o;
    if (number % 5 == 0) o.after = std::chrono::microseconds(number % 7'000);
    o.priority = static_cast<priority>(number % priority_count);
    return o;
  }
  ticket submit(std::uint64_t number, const job_options& with) {
    const auto answer = opened_->submit(queue_, kind_ref{0}, bytes_of(number), with);
    if (!answer) ::_exit(2);
    return answer.ticket;
  }
  void wait_for(const ticket& t) {
    if (!opened_->wait_durable(t, std::chrono::seconds(60))) ::_exit(2);
  }
  static outcome run(void* user, context& job, std::span<const std::byte> payload) {
    const auto& self = *static_cast<job_worker*>(user);
    running = value_of<std::uint64_t>(payload);
    say(self.pipe_, {life_message::what::started, running});
    return running % 3 == 0 && job.attempt() == 1 ? outcome::fail() : outcome::done();
  }
  static void note_end(void* user, const job_change& change) {
    if (change.state != job_state::completed) return;
    auto& self = *static_cast<job_worker*>(user);
    const std::lock_guard lock(self.mutex_);
    self.completed_.push_back(running);
  }
  // What is said later is durable only together with what was said before it.
  void tell_completed() {
    std::vector<std::uint64_t> completed;
    {
      const std::lock_guard lock(mutex_);
      completed.swap(completed_);
    }
    wait_for(submit(fence_number, {}));
    for (const std::uint64_t n : completed) say(pipe_, {life_message::what::completed, n});
  }

  static inline thread_local std::uint64_t running = 0;
  const int pipe_;
  registry kinds_;
  std::mutex mutex_;
  std::vector<std::uint64_t> completed_;  // and not told
  std::unique_ptr<scheduler> opened_;
  queue_ref queue_;
};

// Keeps what lives said, and whether it fits together.
class job_oracle {
 public:
  // Where the next life may begin: the one before may have submitted a batch of which it said nothing.
  [[nodiscard]] std::uint64_t next() const { return next_; }

  void hear(life_message m) {
    switch (m.said) {
      case life_message::what::accepted_below:
        for (std::uint64_t n = begin_; n < m.number; ++n) accepted_.insert(n);
        begin_ = m.number;
        break;
      case life_message::what::started:
        EXPECT_FALSE(completed_.contains(m.number)) << m.number << " ran again";
        started_.insert(m.number);
        next_ = std::max(next_, m.number < job_worker::fence_number ? m.number + 1 : 0);
        break;
      case life_message::what::completed:
        if (m.number != job_worker::fence_number) completed_.insert(m.number);  // of many jobs
        break;
      case life_message::what::over:
        is_over_ = true;
        break;
    }
  }
  void end_life() {
    next_ = std::max(next_, begin_) + job_worker::batch_max + 1;
    begin_ = next_;
  }
  void check_end() const {
    EXPECT_TRUE(is_over_);
    EXPECT_FALSE(accepted_.empty());
    for (const std::uint64_t n : accepted_) {
      if (!started_.contains(n)) ADD_FAILURE() << "job " << n << " was accepted and never ran";
    }
  }
  [[nodiscard]] std::size_t accepted() const { return accepted_.size(); }
  [[nodiscard]] std::size_t completed() const { return completed_.size(); }

 private:
  std::uint64_t begin_ = 0;  // of what this life's next message is about
  std::uint64_t next_ = 0;
  std::set<std::uint64_t> accepted_;
  std::set<std::uint64_t> started_;
  std::set<std::uint64_t> completed_;
  bool is_over_ = false;
};

// A child in which a worker lives; `last`: until all is done, else until it is killed.
class job_life {
 public:
  job_life(const std::string& directory, bool io_uring, const job_oracle& oracle,
           std::uint64_t seed, bool last) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    heard_ = ends[0];
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      job_worker worker(directory, io_uring, ends[1]);
      if (!last) worker.live(oracle.next(), seed);
      worker.finish();
      ::_exit(0);
    }
    ::close(ends[1]);
  }
  ~job_life() {
    if (heard_ >= 0) ::close(heard_);
  }
  job_life(const job_life&) = delete;
  job_life& operator=(const job_life&) = delete;

  // Hears it for so long, then kills it; what it had said by then counts.
  void end_after(std::chrono::microseconds span, job_oracle& oracle) {
    const auto until = std::chrono::steady_clock::now() + span;
    while (std::chrono::steady_clock::now() < until) {
      if (!hear(oracle, 1)) break;
    }
    ::kill(child_, SIGKILL);
    expect_end(oracle, [](int how) { return WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL; });
    oracle.end_life();
  }
  void wait_for_end(job_oracle& oracle) {
    expect_end(oracle, [](int how) { return WIFEXITED(how) && WEXITSTATUS(how) == 0; });
  }

 private:
  // False: it has ended.
  bool hear(job_oracle& oracle, int wait_ms) const {
    pollfd said{.fd = heard_, .events = POLLIN, .revents = 0};
    if (::poll(&said, 1, wait_ms) == 0) return true;
    life_message m;
    if (::read(heard_, &m, sizeof m) != sizeof m) return false;
    oracle.hear(m);
    return true;
  }
  template <class F>
  void expect_end(job_oracle& oracle, F is_expected) {
    while (hear(oracle, 1'000)) {
    }
    int how = 0;
    ASSERT_EQ(::waitpid(child_, &how, 0), child_);
    EXPECT_TRUE(is_expected(how)) << "the life ended with " << how;
  }

  pid_t child_ = -1;
  int heard_ = -1;
};

}  // namespace pawl::test
