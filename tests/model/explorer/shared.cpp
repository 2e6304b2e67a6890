// The functions of shared.hpp: to the execution that runs now, or, outside of one, to the cell.
#include "explorer/shared.hpp"

#include "explorer/execution.hpp"

namespace pawl::model {

using order = std::memory_order;

std::uint64_t load(const cell& c, order o, place at) noexcept {
  execution* e = execution::running();
  return e != nullptr ? e->load(c, o, at) : execution::bits_of(c);
}
void store(cell& c, std::uint64_t bits, order o, place at) noexcept {
  execution* e = execution::running();
  if (e != nullptr) {
    e->store(c, bits, o, at);
  } else {
    execution::bits_of(c) = bits;
  }
}
std::uint64_t modify(cell& c, modifier change, std::uint64_t operand, order o, place at) noexcept {
  if (execution* e = execution::running()) return e->modify(c, change, operand, o, at);
  const std::uint64_t old = execution::bits_of(c);
  execution::bits_of(c) = change(old, operand);
  return old;
}
bool compare_exchange(cell& c, std::uint64_t& expected, std::uint64_t desired, order success,
                      order failure, place at) noexcept {
  if (execution* e = execution::running()) {
    return e->compare_exchange(c, expected, desired, success, failure, at);
  }
  std::uint64_t& bits = execution::bits_of(c);
  const bool same = bits == expected;
  expected = bits;
  if (same) bits = desired;
  return same;
}
std::uint64_t plain_read(const cell& c) noexcept {
  execution* e = execution::running();
  return e != nullptr ? e->plain_read(c) : execution::bits_of(c);
}
void plain_write(cell& c, std::uint64_t bits) noexcept {
  execution* e = execution::running();
  if (e != nullptr) {
    e->plain_write(c, bits);
  } else {
    execution::bits_of(c) = bits;
  }
}
std::uint64_t peek(const cell& c) noexcept {
  return execution::bits_of(c);
}

void pause(const char* file, int line) noexcept {
  if (execution* e = execution::running()) e->pause({file, line});
}
void nap(const char* file, int line) noexcept {
  if (execution* e = execution::running()) e->nap({file, line});
}
void futex_wait(cell& c, std::uint64_t expected, place at) noexcept {
  if (execution* e = execution::running()) e->futex_wait(c, expected, at);
}
void futex_wake(cell& c, unsigned count, place at) noexcept {
  if (execution* e = execution::running()) e->futex_wake(c, count, at);
}
void membarrier(const char* file, int line) noexcept {
  if (execution* e = execution::running()) e->membarrier({file, line});
}

void require(bool holds, const char* what) noexcept {
  if (holds) return;
  if (execution* e = execution::running()) e->fail(what);
}
void note(const char* text, std::uint64_t value) noexcept {
  execution* e = execution::running();
  if (e != nullptr && e->is_traced())
    e->write("-- %s %llx", text, static_cast<unsigned long long>(value));
}
unsigned choose(unsigned count) noexcept {
  execution* e = execution::running();
  return e != nullptr ? e->choose(count) : 0;
}
std::uint64_t own_operations() noexcept {
  execution* e = execution::running();
  return e != nullptr ? e->own_operations() : 0;
}

}  // namespace pawl::model
