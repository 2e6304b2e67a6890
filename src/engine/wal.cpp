#include "engine/wal.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "base/thread.hpp"
#include "persistence/record_epoch.hpp"
#include "policy/log_bound.hpp"

namespace pawl {
namespace {

constexpr std::size_t own_ring_bytes = 64u << 10;
constexpr std::uint64_t idle_ns =
    5'000'000;  // without a cut, before the thread tidies up and sleeps
constexpr std::uint64_t retry_ns_min = 10'000'000;
constexpr std::uint64_t retry_ns_max = 1'000'000'000;

bool is_want_of_disk(const failure& f) noexcept {
  return f.code == errc::no_space || f.sys_errno == ENOSPC || f.sys_errno == EDQUOT;
}

std::string text_of(const log_fault& f, std::uint64_t durable_lsn) {
  std::string text(f.cause.where);
  if (f.cause.sys_errno != 0) text += ": " + std::generic_category().message(f.cause.sys_errno);
  return text + "; segment " + std::to_string(f.segment) + ", offset " + std::to_string(f.offset) +
         ", frame " + std::to_string(f.frame) + "; durable up to LSN " +
         std::to_string(durable_lsn) + "; nothing is written any more until the next opening";
}

template <class Record>
void publish_record(thread_ring& ring, const cut_count& cut, const Record& record) {
  const std::size_t bytes = encoded_bytes(record);
  PAWL_CHECK(ring.has_room(bytes));  // few are there at a time
  byte_writer w(ring.room(bytes));
  encode(record, more::no, w);
  ring.publish(bytes, cut);
}

}  // namespace

wal::wal(parts p)
    : parts_(std::move(p)),
      writer_(parts_.writer),
      cut_(parts_.next_lsn),
      floor_(parts_.floor),
      collector_(writer_, cut_, parts_.rule),
      own_ring_(add_ring(own_ring_bytes)),
      last_cut_ns_(parts_.clock.boot_ns()),
      told_lsn_(collector_.durable_lsn()) {
  PAWL_CHECK(own_ring_ != nullptr);
}

wal::~wal() {
  abandon();
}

status wal::start() {
  thread_ = start_thread("pawl-w", 0, [this] { run(); });
  if (!thread_) return failure{.code = errc::memory, .sys_errno = EAGAIN, .where = "log: thread"};
  has_thread_ = true;
  return std::monostate{};
}

bool wal::step() {
  if (is_over()) return false;
  const log_collector::next_look next = look();
  settle(next);
  return next.again || next.is_under_way;
}

status wal::close(std::uint64_t first_free_generation) {
  first_free_ = first_free_generation;
  end_thread(stop::close);
  return closing_;
}

void wal::abandon() noexcept {
  end_thread(stop::abandon);
}

void wal::end_thread(stop how) noexcept {
  if (!has_thread_) {
    if (is_over()) return;
    stop_.store(how, seq_cst);
    finish();
    return;
  }
  if (!thread_) return;  // it has ended before
  stop_.store(how, seq_cst);
  sleep_.call();
  thread_->join();
  thread_.reset();
}

std::unique_ptr<log_appender> wal::make_appender() {
  return std::make_unique<log_appender>(*this);
}

thread_ring* wal::add_ring(std::size_t bytes) noexcept {
  auto memory = mirrored_memory::make(bytes);
  if (!memory) return nullptr;
  try {
    auto ring = std::make_unique<thread_ring>(ring_memory(std::move(*memory)));
    const std::lock_guard lock(rings_mutex_);
    rings_.reserve(rings_.size() + 1);
    if (!collector_.add(*ring)) return nullptr;
    return rings_.emplace_back(std::move(ring)).get();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

// --- Waiting ---

status wal::wait_durable(std::uint64_t lsn, duration limit) {
  const bool ended = wait_until(limit, [&] { return durable_lsn() >= lsn || is_over(); });
  const log_state s = state();  // before the LSN: it is told no more after a failure
  if (durable_lsn() >= lsn) return std::monostate{};
  if (s == log_state::failed) return fault_->cause;
  if (s == log_state::closed) return failure{.code = errc::stopping, .where = "log: closed"};
  PAWL_CHECK(!ended);
  return failure{.code = errc::timeout, .where = "log: sync"};
}

void wal::wait_for_floor(std::uint64_t generation) noexcept {
  PAWL_CHECK(generation <= generation_max);
  while (!wait_until(duration::max(), [&] { return may_give(generation) || is_over(); })) {
    parts_.clock.sleep_for(retry_ns_min);
  }
}

std::optional<log_fault> wal::fault() const noexcept {
  if (state() != log_state::failed) return std::nullopt;
  return fault_;
}

wal::figures wal::read() const noexcept {
  // relaxed: figures, each true at some moment.
  return {.bytes = figures_.bytes.load(relaxed),
          .frames = figures_.frames.load(relaxed),
          .syncs = figures_.syncs.load(relaxed),
          .cuts = cut_.now() - parts_.next_lsn,
          .segments = figures_.segments.load(relaxed),
          .rounds = figures_.rounds.load(relaxed)};
}

// --- The log's thread ---

boot_moment wal::now() const noexcept {
  return {.wall_ns = parts_.clock.wall_ns(),
          .boot_ns = parts_.clock.boot_ns(),
          .boot_id = parts_.boot_id};
}

void wal::run() {
  while (!is_over() && stop_.load(seq_cst) == stop::none) {
    const log_collector::next_look next = look();
    settle(next);
    if (!is_over() && !next.again && !next.is_under_way) rest(next);
  }
  finish();
}

// One look at what is published, and what is to be done about it; waits for what is under way.
log_collector::next_look wal::look() {
  publish_floor();
  if (sleep_.take_wants()) is_wanted_ = true;
  const boot_moment moment = now();
  log_collector::next_look next = collector_.step(moment, is_wanted_);
  if (collector_.has_failed()) return next;
  if (next.again) last_cut_ns_ = moment.boot_ns;
  const bool is_empty = !next.again && next.refused.sys_errno == 0 && next.wait_ns == 0;
  // What somebody waits for was in a cut already; his LSN is that of the next.
  if (is_empty && is_wanted_) next = collector_.cut(moment);
  if (next.again) {
    is_wanted_ = false;
  } else if (next.is_under_way) {
    collector_.await();
  }
  return next;
}

// What has come of it, for everybody else.
void wal::settle(const log_collector::next_look& next) {
  note_progress();
  if (collector_.has_failed()) {
    fail(*writer_.failed());
  } else if (next.refused.sys_errno != 0) {
    if (!is_want_of_disk(next.refused)) {
      fail({.cause = next.refused});
    } else if (state() == log_state::ok) {
      change(log_state::full, reject::no_space);
    }
  } else if (next.again && state() == log_state::full) {
    retry_ns_ = 0;
    change(log_state::ok, is_too_long_ ? reject::log_too_long : reject::none);
  }
  note_figures();
  look_at_bound();
  waiters_.look();
}

void wal::rest(const log_collector::next_look& next) {
  if (next.refused.sys_errno != 0) {
    retry_ns_ = std::clamp(2 * retry_ns_, retry_ns_min, retry_ns_max);
    return nap(log_sleep::deaf, retry_ns_);
  }
  if (next.wait_ns != 0) return nap(log_sleep::napping, next.wait_ns);
  const std::uint64_t idle = parts_.clock.boot_ns() - last_cut_ns_;
  if (idle < idle_ns) return nap(log_sleep::asleep, idle_ns - idle);
  if (tidy_up()) nap(log_sleep::asleep, 0);
}

// True: there is nothing under way.
bool wal::tidy_up() {
  const boot_moment moment = now();
  // Neither must succeed now: who needs the segment will be told, and a log without a seal is a log.
  if (writer_.is_half_used()) (void)writer_.prepare(moment);
  if (!writer_.failed()) (void)writer_.write_seal(moment);
  return !writer_.failed() && writer_.is_all_durable();
}

void wal::nap(log_sleep how, std::uint64_t limit_ns) {
  sleep_.announce(how);
  const bool is_called = stop_.load(seq_cst) != stop::none ||
                         (how != log_sleep::deaf && sleep_.is_wanted()) ||
                         (how == log_sleep::asleep && collector_.has_published());
  if (is_called) return sleep_.withdraw();
  if (limit_ns == 0) {
    // LSNs that were given since the last cut became durable: wal.hpp, I2.
    settle(collector_.cut(now()));
    if (is_over() || !writer_.is_all_durable() || collector_.has_published()) {
      return sleep_.withdraw();
    }
  }
  sleep_.sleep(how, limit_ns);
}

void wal::publish_floor() {
  if (coming_floor_ != 0) return;
  coming_floor_ = floor_.next();
  if (coming_floor_ == 0) return;
  publish_record(*own_ring_, cut_, floor_record{coming_floor_});
  floor_lsn_ = cut_.now();
  is_wanted_ = true;
}

void wal::note_progress() {
  const std::uint64_t lsn = collector_.durable_lsn();
  if (coming_floor_ != 0 && lsn >= floor_lsn_) {
    floor_.raise(coming_floor_);
    if (parts_.on_floor) parts_.on_floor(coming_floor_);
    coming_floor_ = 0;
  }
  if (lsn == told_lsn_) return;
  told_lsn_ = lsn;
  if (parts_.on_durable) parts_.on_durable(lsn);
}

void wal::note_figures() noexcept {
  // relaxed: see read().
  figures_.bytes.store(writer_.bytes(), relaxed);
  figures_.frames.store(writer_.frames(), relaxed);
  figures_.syncs.store(writer_.syncs(), relaxed);
  figures_.segments.store(writer_.segments(), relaxed);
  figures_.rounds.store(++rounds_, relaxed);
}

// What is published already, and what comes of it, is written all the same.
void wal::look_at_bound() {
  if (parts_.bytes_max == 0 || is_too_long_ || is_over()) return;
  if (writer_.bytes() < next_look_bytes_) return;
  next_look_bytes_ = writer_.bytes() + bytes_between_looks(parts_.bytes_max);
  is_too_long_ = is_too_long(writer_.bytes(), parts_.live_jobs(), parts_.bytes_max);
  if (!is_too_long_) return;
  if (state() == log_state::ok)
    refusal_.store(reject::log_too_long, relaxed);  // else it comes to that
  if (parts_.say == nullptr) return;
  parts_.say->say(
      log_level::error, "log.too_long",
      "options.log_bytes_max is reached: no job that is logged is accepted until the next "
      "opening, which makes the log short");
}

void wal::change(log_state to, reject refusal) {
  refusal_.store(refusal, relaxed);
  state_.store(to, release);  // [state]
  if (parts_.say != nullptr && to == log_state::full) {
    parts_.say->say(log_level::error, "log.full",
                    "the disk is full: the log waits for room and tries again");
  }
  if (parts_.say != nullptr && to == log_state::ok) {
    parts_.say->say(log_level::info, "log.ok", "the log has room again, and nothing was lost");
  }
  if (parts_.on_state) parts_.on_state(to);
}

void wal::fail(const log_fault& fault) {
  fault_ = fault;
  closing_ = fault.cause;
  if (parts_.say != nullptr) {
    parts_.say->say(log_level::error, "log.failed", text_of(fault, collector_.durable_lsn()));
  }
  change(log_state::failed, reject::log_failed);
  floor_.open();
}

// The end of everything, on the log's thread if there is one.
void wal::finish() noexcept {
  if (!is_over() && stop_.load(seq_cst) == stop::close) {
    closing_ = write_end();
    note_progress();
    if (collector_.has_failed()) fail(*writer_.failed());
    note_figures();
  }
  if (!is_over()) {
    floor_.open();
    state_.store(log_state::closed, release);  // [state]
  }
  waiters_.look();
}

// `closed` comes behind all others, in a cut of its own.
status wal::write_end() {
  if (status s = collector_.flush(now()); !s) return s;
  publish_record(*own_ring_, cut_, floor_record{std::min(first_free_, generation_floor::last)});
  publish_record(*own_ring_, cut_, closed_record{parts_.epoch});
  return collector_.flush(now());
}

}  // namespace pawl
