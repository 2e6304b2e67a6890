// engine/wal.hpp -- the running log of a scheduler: the thread that collects what others publish and has it
// written, what is durable, and up to which generation ids may be given.
//
// Idle, the thread sleeps without end: five milliseconds after the last cut it writes a seal, and
// makes the next segment if more than half of this one is used. On a full disk it tries again, after 10 ms
// first and each second in the end; nothing is lost by that. After a failed write or sync it writes nothing any
// more, and nobody waits for it: what is published then is dropped.
// Once it has written parts::bytes_max it goes on, but asks that nothing new be accepted.
//
// Roles       start, close, abandon: the owner.   step: the owner of a log without a thread, as of a stepped
//             scheduler; such a log is used by one thread at a time, and waiting for it takes steps.
//             Appenders: see there.   The others: any thread, between construction and destruction.
// Progress    may_give, refusal, durable_lsn, now_lsn, state: wait-free.   wait_*: block, holding no lock.
//
// State       field        written by     read by       order
//             state_       log's thread   any           release / acquire [state]: fault_ is there
//             refusal_     log's thread   any           relaxed: a job more or less is refused
//             stop_        the owner      log's thread  seq_cst, then call(): wal_sleep.hpp, I1
//             written_...  log's thread   any           relaxed: figures
//
// Invariants  I1  A state is ok or full until it is failed or closed, for good.
//             I2  durable_lsn() comes to each LSN that publish() gave, in bounded time, unless the disk is full
//                 or the log fails: the thread begins a cut, an empty one if need be, after it took a
//                 want, and after it announced that it sleeps.
//
// Sleep and wake: engine/wal_sleep.hpp. Waiting: engine/wal_waiters.hpp.
// Checked by tests/engine/wal_test.cpp, tests/model/wal_sleep_model.cpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/atomic.hpp"
#include "base/clock.hpp"
#include "engine/generation_floor.hpp"
#include "engine/log_appender.hpp"
#include "engine/messages.hpp"
#include "engine/wal_sleep.hpp"
#include "engine/wal_waiters.hpp"
#include "pawl/error.hpp"
#include "pawl/health.hpp"
#include "pawl/job.hpp"
#include "persistence/log_collector.hpp"

namespace pawl {

class wal {
 public:
  // All that is referred to must outlive it. The writer has begun its epoch and written its base.
  struct parts {
    log_writer& writer;
    const clock_source& clock;
    id_bytes boot_id{};
    std::uint64_t next_lsn = 1;  // of the first cut: above all of the base
    std::uint64_t floor = 1;     // of the base, durable
    std::uint64_t epoch = 1;
    commit_rule rule{};
    std::uint64_t bytes_max = 0;  // of what the writer has written and will; 0: no bound
    // All of these are called on the log's thread, and must not wait for the log.
    std::function<void(std::uint64_t lsn)> on_durable;       // after durable_lsn() says so
    std::function<void(std::uint64_t generation)> on_floor;  // ids below it may be given now
    std::function<void(log_state)> on_state;                 // ok, full, failed
    std::function<std::uint64_t()> live_jobs;                // that are logged, about; with a bound
    messages* say = nullptr;
  };

  explicit wal(parts p);
  ~wal();  // as abandon()
  wal(const wal&) = delete;
  wal& operator=(const wal&) = delete;

  // Starts its thread. Errors: memory (the system has no more threads).
  status start();
  // For a log without a thread: one round, which waits for nothing but the disk. False: there is nothing to do
  // until something comes or time passes.
  bool step();
  // The end, once nobody publishes any more: writes what there is, the exact floor (the largest generation
  // that was given, and one) and `closed`, and waits until they are durable. Its thread has ended then.
  // Errors: no_space, io (the log has failed, now or before); it is not a clean end then.
  status close(std::uint64_t first_free_generation);
  // The end without that. What was not durable may be lost.
  void abandon() noexcept;

  // A thread's way into the log.
  [[nodiscard]] std::unique_ptr<log_appender> make_appender();

  [[nodiscard]] std::uint64_t durable_lsn() const noexcept { return collector_.durable_lsn(); }
  [[nodiscard]] std::uint64_t now_lsn() const noexcept { return cut_.now(); }
  // The same for a ticket of what was published before: it will be durable although nothing follows.
  std::uint64_t ask() noexcept {
    const std::uint64_t lsn = now_lsn();
    sleep_.want();
    return lsn;
  }
  [[nodiscard]] log_state state() const noexcept { return state_.load(acquire); }  // [state]
  // Failed or closed.
  [[nodiscard]] bool is_over() const noexcept { return state() >= log_state::failed; }
  // Of one that has failed: why and where.
  [[nodiscard]] std::optional<log_fault> fault() const noexcept;
  // Why nothing that must be written may be accepted now: none, no_space, log_too_long, log_failed.
  [[nodiscard]] reject refusal() const noexcept { return refusal_.load(relaxed); }

  // Waits until that LSN is durable; it was given by publish() or now_lsn(). Errors:
  //   timeout   `limit` has passed
  //   io        the log has failed before it was; sys_errno says how
  //   stopping  the log was closed before it was
  status wait_durable(std::uint64_t lsn, duration limit);

  // Of a log without a thread: takes steps until that LSN is durable. False: there is a thread, or the disk is full, or
  // the log is over.
  bool write_now(std::uint64_t lsn) {
    return !has_thread_ && take_steps([this, lsn] { return durable_lsn() >= lsn; });
  }

  // Whether an id of that generation may be given. Asks for a higher floor when it is time to.
  [[nodiscard]] bool may_give(std::uint64_t generation) noexcept {
    if (generation >= floor_.soft_ceiling() && floor_.ask(generation)) sleep_.want();
    return floor_.may_give(generation);
  }
  // Blocks until it may be, or the log is over: ids are unique for the life of the process only then.
  void wait_for_floor(std::uint64_t generation) noexcept;
  // Generations below this need no question: so much may be given, and nothing is to be asked for.
  [[nodiscard]] std::uint64_t soft_ceiling() const noexcept { return floor_.soft_ceiling(); }

  // Since the epoch began.
  struct figures {
    std::uint64_t bytes = 0;   // written
    std::uint64_t frames = 0;  // written
    std::uint64_t syncs = 0;
    std::uint64_t cuts = 0;      // begun
    std::uint64_t segments = 0;  // begun
    std::uint64_t rounds = 0;    // of the log's thread: none when nothing happens
  };
  [[nodiscard]] figures read() const noexcept;

 private:
  friend class log_appender;
  enum class stop : std::uint8_t { none, close, abandon };

  // For appenders. Null: no memory, or no more rings.
  thread_ring* add_ring(std::size_t bytes) noexcept;
  // Waits until is_over() says so. A log without a thread takes steps instead, as long as there are any.
  template <class IsOver>
  bool wait_until(duration limit, IsOver is_over);
  template <class IsOver>
  bool take_steps(IsOver is_over);

  void run();
  log_collector::next_look look();
  void settle(const log_collector::next_look& next);
  void rest(const log_collector::next_look& next);
  void nap(log_sleep how, std::uint64_t limit_ns);
  bool tidy_up();
  void publish_floor();
  void note_progress();
  void note_figures() noexcept;
  void look_at_bound();
  void change(log_state to, reject refusal);
  void fail(const log_fault& fault);
  void end_thread(stop how) noexcept;
  void finish() noexcept;
  status write_end();
  [[nodiscard]] boot_moment now() const noexcept;

  const parts parts_;
  log_writer& writer_;
  cut_count cut_;
  wal_sleep sleep_;
  wal_waiters waiters_;
  generation_floor floor_;
  std::mutex rings_mutex_;
  std::vector<std::unique_ptr<thread_ring>> rings_;  // under it
  log_collector collector_;
  thread_ring* own_ring_;    // of the log's thread, for its own records
  bool has_thread_ = false;  // or had; set before others use the log
  std::optional<std::thread> thread_;
  atomic<stop> stop_{stop::none};
  atomic<log_state> state_{log_state::ok};
  atomic<reject> refusal_{reject::none};
  std::uint64_t first_free_ = 0;      // the owner's, before stop_: for close()
  status closing_{std::monostate{}};  // the log's thread's, read after it has ended
  std::optional<log_fault> fault_;    // written before [state]
  // The log's thread's.
  bool is_wanted_ = false;             // a want was taken, and no cut begun since
  std::uint64_t last_cut_ns_ = 0;      // when the last one was begun that had something
  std::uint64_t retry_ns_ = 0;         // how long to wait for room on the disk
  std::uint64_t told_lsn_;             // to on_durable
  std::uint64_t coming_floor_ = 0;     // published, not durable; 0: none is
  std::uint64_t floor_lsn_ = 0;        // of it
  bool is_too_long_ = false;           // for good
  std::uint64_t next_look_bytes_ = 0;  // written, when the bound is looked at again
  std::uint64_t rounds_ = 0;
  struct published_figures {
    atomic<std::uint64_t> bytes{0}, frames{0}, syncs{0}, segments{0}, rounds{0};
  };
  published_figures figures_;
};

template <class IsOver>
bool wal::take_steps(IsOver is_over) {
  for (;;) {
    sleep_.want();
    const bool has_done = step();
    if (is_over()) return true;
    if (!has_done) return false;
  }
}

template <class IsOver>
bool wal::wait_until(duration limit, IsOver is_over) {
  if (is_over()) return true;
  if (!has_thread_) return take_steps(is_over);
  constexpr duration longest = std::chrono::hours(24 * 365);
  const auto end = std::chrono::steady_clock::now() + std::min(limit, longest);
  return waiters_.wait(
      end, [this] { sleep_.want(); }, is_over);
}

}  // namespace pawl
