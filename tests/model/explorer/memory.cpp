// What the threads see: the memory half of an execution. execution.hpp states the rules.
#include "explorer/execution.hpp"

namespace pawl::model {
namespace {

using order = std::memory_order;

bool acquires(order o) noexcept {
  return o == order::acquire || o == order::acq_rel || o == order::seq_cst;
}
bool releases(order o) noexcept {
  return o == order::release || o == order::acq_rel || o == order::seq_cst;
}
const char* name(order o) noexcept {
  switch (o) {
    case order::relaxed:
      return "relaxed";
    case order::acquire:
      return "acquire";
    case order::release:
      return "release";
    case order::acq_rel:
      return "acq_rel";
    default:
      return "seq_cst";
  }
}
unsigned long long wide(std::uint64_t bits) noexcept {
  return bits;
}

}  // namespace

execution::cell_record& execution::record(const cell& c) {
  if (c.number_ >= cells_.size() || cells_[c.number_].address != &c) {
    c.number_ = static_cast<std::uint32_t>(cells_.size());
    cells_.push_back({&c, {}, 0, 0, {}});
  }
  return cells_[c.number_];
}

// ---- stores on their way out ----

// A release store leaves after all that were made before it, any store after older ones to its
// cell. False: one of those is leaving just now.
bool execution::may_leave(const thread& t, std::size_t index) const {
  const buffered& b = t.buffer[index];
  for (std::size_t i = 0; i < index; ++i) {
    const buffered& older = t.buffer[i];
    if (older.state == leaving::gone || (!b.releases && older.target != b.target)) continue;
    if (older.state == leaving::leaves || !may_leave(t, i)) return false;
  }
  return true;
}

void execution::leave(unsigned owner, std::size_t index) {
  std::vector<buffered>& buffer = threads_[owner].buffer;
  buffer[index].state = leaving::leaves;
  for (std::size_t i = 0; i < index; ++i) {
    const buffered& older = buffer[i];
    const bool first = buffer[index].releases || older.target == buffer[index].target;
    if (first && older.state == leaving::waits) leave(owner, i);
  }
  buffered& b = buffer[index];
  expose(*b.target, owner);  // another thread's store to the same cell may come first
  b.target->bits_ = b.bits;
  record(*b.target).released = b.releases ? b.clock : vector_clock{};
  b.state = leaving::gone;
  count_change(owner);
  write("                    t%u's @%u = %llx is visible now", owner, b.target->number_,
        wide(b.bits));
}

// Somebody other than `owner` is about to touch `c` in memory: each store to it that waits in a
// buffer has become visible by now, or has not.
void execution::expose(const cell& c, unsigned except) {
  for (unsigned i = 0; i < count_; ++i) {
    if (i == except) continue;
    thread& t = threads_[i];
    for (std::size_t k = 0; k < t.buffer.size(); ++k) {
      const buffered& b = t.buffer[k];
      if (b.target != &c || b.state != leaving::waits || !may_leave(t, k)) continue;
      if (choices_.choose(2) == 0) break;
      leave(i, k);
    }
  }
}

void execution::empty_buffer(unsigned owner) {
  std::vector<buffered>& buffer = threads_[owner].buffer;
  for (std::size_t i = 0; i < buffer.size(); ++i) {
    if (buffer[i].state == leaving::waits) leave(owner, i);
  }
  buffer.clear();
}

// A buffer does not keep a store for ever. False: there was none.
bool execution::empty_buffers() {
  const std::uint64_t before = changes_;
  for (unsigned i = 0; i < count_; ++i) empty_buffer(i);
  return changes_ != before;
}

bool execution::is_buffered_elsewhere(const cell& c) const {
  for (unsigned i = 0; i < count_; ++i) {
    if (i == current_) continue;
    for (const buffered& b : threads_[i].buffer) {
      if (b.target == &c && b.state == leaving::waits) return true;
    }
  }
  return false;
}

// ---- clocks ----

void execution::acquire_from(const cell& c, order o) {
  if (acquires(o)) self().clock.join(record(c).released);
}

// By a read-modify-write: what the cell carried already is handed on.
void execution::release_to(const cell& c, order o) {
  if (!releases(o)) return;
  record(c).released.join(self().clock);
  tick();
}

// ---- atomic operations ----

std::uint64_t execution::load(const cell& c, order o, place at) {
  point(at);
  record(c);
  std::vector<buffered>& buffer = self().buffer;
  std::size_t newest = buffer.size();
  for (std::size_t i = 0; i < buffer.size(); ++i) {
    if (buffer[i].target == &c && buffer[i].state == leaving::waits) newest = i;
  }
  if (newest != buffer.size()) {
    if (!is_buffered_elsewhere(c) || choices_.choose(2) == 0) {
      write("load %s @%u: %llx (its own, buffered)", name(o), c.number_, wide(buffer[newest].bits));
      return buffer[newest].bits;
    }
    leave(current_, newest);
  }
  expose(c, current_);
  acquire_from(c, o);
  write("load %s @%u: %llx", name(o), c.number_, wide(c.bits_));
  return c.bits_;
}

void execution::store(cell& c, std::uint64_t bits, order o, place at) {
  if (o == order::seq_cst) {
    point(at);
    empty_buffer(current_);
    expose(c, current_);
    put(c, bits);
    record(c).released = self().clock;
    tick();
    write("store seq_cst @%u = %llx", c.number_, wide(bits));
    return;
  }
  // Only its own thread can tell that the store is in the buffer: no point of choice.
  thread& t = self();
  t.last = at;
  ++t.operations;
  record(c);
  if (resting_) {
    c.bits_ = bits;
    return;
  }
  std::erase_if(t.buffer, [](const buffered& b) { return b.state == leaving::gone; });
  t.buffer.push_back({&c, bits, releases(o), leaving::waits, t.clock});
  if (releases(o)) tick();
  count_change(current_);
  write("store %s @%u = %llx (buffered)", name(o), c.number_, wide(bits));
}

void execution::put(cell& c, std::uint64_t bits) {
  if (c.bits_ != bits) count_change(current_);
  c.bits_ = bits;
}

std::uint64_t execution::modify(cell& c, modifier change, std::uint64_t operand, order o,
                                place at) {
  point(at);
  empty_buffer(current_);
  expose(c, current_);
  record(c);
  const std::uint64_t old = c.bits_;
  put(c, change(old, operand));
  acquire_from(c, o);
  release_to(c, o);
  write("modify %s @%u: %llx -> %llx", name(o), c.number_, wide(old), wide(c.bits_));
  return old;
}

bool execution::compare_exchange(cell& c, std::uint64_t& expected, std::uint64_t desired,
                                 order success, order failure, place at) {
  point(at);
  empty_buffer(current_);
  expose(c, current_);
  record(c);
  const std::uint64_t old = c.bits_;
  if (old != expected) {
    acquire_from(c, failure);
    write("swap @%u: %llx, not the expected %llx", c.number_, wide(old), wide(expected));
    expected = old;
    return false;
  }
  put(c, desired);
  acquire_from(c, success);
  release_to(c, success);
  write("swap %s @%u: %llx -> %llx", name(success), c.number_, wide(old), wide(desired));
  return true;
}

// ---- plain data ----

std::uint64_t execution::plain_read(const cell& c) {
  cell_record& r = record(c);
  write("read plain @%u: %llx", c.number_, wide(c.bits_));
  if (!self().clock.includes(r.writer, r.written)) {
    fail("data race: t" + std::to_string(current_) + " reads plain @" + std::to_string(c.number_) +
         ", written by t" + std::to_string(r.writer) + ", in no order");
  }
  r.reads.time[current_] = self().clock.time[current_];
  return c.bits_;
}

void execution::plain_write(cell& c, std::uint64_t bits) {
  cell_record& r = record(c);
  write("write plain @%u = %llx", c.number_, wide(bits));
  unsigned other = nobody;
  if (!self().clock.includes(r.writer, r.written)) other = r.writer;
  for (unsigned i = 0; i < count_; ++i) {
    if (!self().clock.includes(i, r.reads.time[i])) other = i;
  }
  if (other != nobody) {
    fail("data race: t" + std::to_string(current_) + " writes plain @" + std::to_string(c.number_) +
         ", used by t" + std::to_string(other) + ", in no order");
  }
  r.writer = current_;
  r.written = self().clock.time[current_];
  c.bits_ = bits;
}

// ---- the kernel ----

void execution::futex_wait(cell& c, std::uint64_t expected, place at) {
  point(at);
  empty_buffer(current_);
  expose(c, current_);
  record(c);
  if (c.bits_ != expected) {
    write("futex_wait @%u: %llx, does not sleep", c.number_, wide(c.bits_));
    return;
  }
  if (spurious_wakes_left_ != 0 && choices_.choose(2) != 0) {
    --spurious_wakes_left_;
    write("futex_wait @%u returns for no reason", c.number_);
    return;
  }
  write("futex_wait @%u: sleeps", c.number_);
  self().now = phase::asleep;
  self().sleeps_on = &c;
  switch_to(pick());
}

void execution::futex_wake(cell& c, unsigned count, place at) {
  point(at);
  empty_buffer(current_);
  record(c);
  for (; count != 0; --count) {
    unsigned sleepers[threads_max];
    unsigned found = 0;
    for (unsigned i = 0; i < count_; ++i) {
      if (threads_[i].now == phase::asleep && threads_[i].sleeps_on == &c) sleepers[found++] = i;
    }
    if (found == 0) {
      write("futex_wake @%u: nobody sleeps", c.number_);
      return;
    }
    const unsigned chosen = sleepers[choices_.choose(found)];
    threads_[chosen].now = phase::ready;
    count_change(current_);
    write("futex_wake @%u: t%u wakes", c.number_, chosen);
  }
}

// The other threads make their barrier one after another, while the rest goes on.
void execution::membarrier(place at) {
  point(at);
  empty_buffer(current_);
  write("membarrier begins");
  for (unsigned i = 0; i < count_; ++i) {
    if (i == current_) continue;
    point(at);
    empty_buffer(i);
    const vector_clock mine = self().clock;
    self().clock.join(threads_[i].clock);
    threads_[i].clock.join(mine);
    ++threads_[i].clock.time[i];
    write("membarrier: t%u has made it", i);
  }
  tick();
}

}  // namespace pawl::model
