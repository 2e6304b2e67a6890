// Who goes on: the scheduling half of an execution.
#include "explorer/execution.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "base/check.hpp"

namespace pawl::model {
namespace {

execution* running_now = nullptr;

std::array<fiber, threads_max>& fibers() {
  static std::array<fiber, threads_max> all;
  return all;
}

const char* file_name(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

}  // namespace

execution* execution::running() noexcept {
  return running_now;
}

execution::execution(scenario& s, const effort& e, unsigned preemptions_max, choices& c,
                     bool traced)
    : scenario_(s),
      choices_(c),
      operations_max_(e.operations_max),
      preemptions_max_(preemptions_max),
      traced_(traced),
      spurious_wakes_left_(e.spurious_wakes ? 1 : 0),
      count_(s.thread_count()),
      threads_(count_ + 1) {
  PAWL_CHECK(count_ < threads_max);
  // Time 0 is the scenario's constructor, which comes before all.
  for (unsigned i = 0; i <= count_; ++i) threads_[i].clock.time[i] = 1;
  threads_[count_].now = phase::ended;
  cells_.reserve(64);
}

execution::~execution() {
  running_now = nullptr;
}

const std::string& execution::run() {
  for (unsigned i = 0; i <= count_; ++i) fibers()[i].start(enter);
  running_now = this;
  current_ = pick();
  switch_between(driver_, fibers()[current_].here);
  running_now = nullptr;
  return failure_;
}

// The first function of each fiber.
void execution::enter() noexcept {
  execution& e = *running_now;
  if (e.resting_) {
    e.scenario_.at_rest();
    e.leave_current();
  }
  e.scenario_.run(e.current_);
  e.self().now = phase::ended;
  e.count_change(e.current_);
  e.write("ends");
  e.switch_to(e.pick());
}

// Back to the driver, for good.
void execution::leave_current() {
  _longjmp(driver_.at, 1);
}

void execution::fail(const std::string& what) {
  failure_ = what;
  write("FAILS: %s", what.c_str());
  leave_current();
  std::abort();
}

void execution::switch_to(unsigned next) {
  if (next == current_) return;
  const unsigned before = current_;
  current_ = next;
  switch_between(fibers()[before].here, fibers()[next].here);
}

// Before each operation that others could notice: somebody else may go first.
void execution::point(place at) {
  self().last = at;
  ++self().operations;
  if (resting_) return;
  if (++operations_ > operations_max_) {
    fail("step limit: a thread goes round for ever: " + describe_threads());
  }
  switch_to(pick());
}

bool execution::is_ready(const thread& t) const noexcept {
  return t.now == phase::ready ||
         (t.now == phase::paused && changes_by_others(t) != t.changes_seen);
}

// Who makes the next operation. Does not return when nobody can and that is a failure.
unsigned execution::pick() {
  for (;;) {
    unsigned able[threads_max];
    unsigned able_count = 0;
    const bool goes_on = current_ != nobody && self().now == phase::ready;
    if (goes_on) able[able_count++] = current_;
    if (!goes_on || preemptions_ < preemptions_max_) {
      const unsigned first = current_ == nobody ? 0 : current_ + 1;
      for (unsigned i = 0; i < count_; ++i) {
        const unsigned other = (first + i) % count_;
        if (other != current_ && is_ready(threads_[other])) able[able_count++] = other;
        // A thread that pauses while something has changed may be the only one left.
        if (other == current_ && !goes_on && is_ready(threads_[other])) able[able_count++] = other;
      }
    }
    if (able_count != 0) {
      const unsigned answer = choices_.choose(able_count);
      if (goes_on && answer != 0) ++preemptions_;
      threads_[able[answer]].now = phase::ready;
      return able[answer];
    }
    if (wake_fresh() || empty_buffers()) continue;
    bool at_rest = true;
    for (unsigned i = 0; i < count_; ++i) {
      const phase p = threads_[i].now;
      at_rest = at_rest && (p == phase::ended || (p == phase::asleep && scenario_.may_sleep(i)));
    }
    if (!at_rest) fail("deadlock: " + describe_threads());
    resting_ = true;
    for (unsigned i = 0; i < count_; ++i) threads_[count_].clock.join(threads_[i].clock);
    threads_[count_].now = phase::ready;
    return count_;
  }
}

// Lets those go round once more who saw something change since their last pause: they may have
// looked before the change.
bool execution::wake_fresh() {
  bool any = false;
  for (unsigned i = 0; i < count_; ++i) {
    thread& t = threads_[i];
    if (t.now != phase::paused || !t.fresh) continue;
    t.now = phase::ready;
    t.fresh = false;
    any = true;
  }
  return any;
}

void execution::pause(place at) {
  thread& t = self();
  t.last = at;
  if (++operations_ > operations_max_) {
    fail("step limit: a thread goes round for ever: " + describe_threads());
  }
  t.fresh = t.changes_seen != changes_by_others(t);
  t.changes_seen = changes_by_others(t);
  t.now = phase::paused;
  write("pauses");
  switch_to(pick());
}

// A pause that something has changed since, for whoever asks.
void execution::nap(place at) {
  thread& t = self();
  t.last = at;
  if (++operations_ > operations_max_) {
    fail("step limit: a thread goes round for ever: " + describe_threads());
  }
  const std::uint64_t seen = t.changes_seen;
  t.changes_seen = changes_by_others(t) - 1;
  t.now = phase::paused;
  write("naps");
  switch_to(pick());
  t.changes_seen = seen;
}

std::uint64_t execution::own_operations() const noexcept {
  return threads_[current_].operations;
}

std::string execution::describe_threads() const {
  std::string all;
  for (unsigned i = 0; i < count_; ++i) {
    const thread& t = threads_[i];
    const char* what = t.now == phase::ended    ? "has ended"
                       : t.now == phase::asleep ? "sleeps"
                       : t.now == phase::paused ? "spins"
                                                : "could go on";
    all += "t" + std::to_string(i) + " " + what;
    if (t.now != phase::ended) {
      all += std::string(" at ") + file_name(t.last.file) + ":" + std::to_string(t.last.line);
    }
    all += i + 1 < count_ ? ", " : "";
  }
  return all;
}

void execution::write(const char* format, ...) {
  if (!traced_) return;
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  char line[400];
  if (current_ == nobody) {
    std::snprintf(line, sizeof(line), "      %s\n", text);
  } else {
    const place at = self().last;
    std::snprintf(line, sizeof(line), "  %s%u  %-24s %s\n", resting_ ? "end " : "t", current_,
                  (std::string(file_name(at.file)) + ":" + std::to_string(at.line)).c_str(), text);
  }
  trace_ += line;
}

}  // namespace pawl::model

// PAWL_CHECK of the code that is explored: a failure of the interleaving, with its trace, where
// src/base/check.cpp would end the process.
void pawl::check_failed(const char* expression, const char* file, int line) noexcept {
  if (pawl::model::execution* e = pawl::model::execution::running()) {
    e->fail(std::string("check failed: ") + expression);
  }
  std::fprintf(stderr, "explorer: check failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}
