// explorer/shared.hpp -- what base/atomic.hpp and base/futex.hpp become under PAWL_MODEL.
//
// atomic<T> and plain<T> keep their value as 64 bits in a cell; each operation goes to the
// execution that runs now (execution.hpp), which orders it, buffers it, checks it and writes it
// down. Outside an execution, such as in a scenario's constructor, an operation acts on the cell
// and that is all.
//
// Every operation takes the caller's file and line as default arguments, for the trace.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace pawl::model {

struct place {
  const char* file = "";
  int line = 0;
};

class cell {
 public:
  constexpr explicit cell(std::uint64_t bits) noexcept : bits_(bits) {}
  cell(const cell&) = delete;
  cell& operator=(const cell&) = delete;

 private:
  friend class execution;
  std::uint64_t bits_;
  mutable std::uint32_t number_ = 0;  // in the execution's table; means nothing to any other
};

using modifier = std::uint64_t (*)(std::uint64_t old, std::uint64_t operand);

std::uint64_t load(const cell& c, std::memory_order order, place at) noexcept;
void store(cell& c, std::uint64_t bits, std::memory_order order, place at) noexcept;
std::uint64_t modify(cell& c, modifier change, std::uint64_t operand, std::memory_order order,
                     place at) noexcept;
bool compare_exchange(cell& c, std::uint64_t& expected, std::uint64_t desired,
                      std::memory_order success, std::memory_order failure, place at) noexcept;
std::uint64_t plain_read(const cell& c) noexcept;
void plain_write(cell& c, std::uint64_t bits) noexcept;
// The bits in memory, now, by nobody: for what a scenario notes down about the run it is in.
std::uint64_t peek(const cell& c) noexcept;

template <class T>
std::uint64_t to_bits(T value) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<std::uintptr_t>(value);
  } else {
    return static_cast<std::uint64_t>(value);
  }
}
template <class T>
T from_bits(std::uint64_t bits) noexcept {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(static_cast<std::uintptr_t>(bits));
  } else {
    return static_cast<T>(bits);
  }
}

// The order a failed compare-and-swap gets when only one was given.
constexpr std::memory_order failure_order(std::memory_order success) noexcept {
  if (success == std::memory_order_acq_rel) return std::memory_order_acquire;
  if (success == std::memory_order_release) return std::memory_order_relaxed;
  return success;
}

// NOLINTBEGIN(google-explicit-constructor)
#define PAWL_MODEL_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

// A namespace of their own, so that an argument of these types does not make the functions below
// rivals of pawl's functions of the same name.
namespace types {

template <class T>
class atomic {
  static_assert(std::is_integral_v<T> || std::is_enum_v<T> || std::is_pointer_v<T>);
  using order = std::memory_order;

 public:
  atomic() noexcept : cell_(0) {}
  atomic(T value) noexcept : cell_(to_bits(value)) {}

  T load(order o = order::seq_cst, PAWL_MODEL_HERE) const noexcept {
    return from_bits<T>(model::load(cell_, o, {file, line}));
  }
  void store(T value, order o = order::seq_cst, PAWL_MODEL_HERE) noexcept {
    model::store(cell_, to_bits(value), o, {file, line});
  }
  T exchange(T value, order o = order::seq_cst, PAWL_MODEL_HERE) noexcept {
    return change([](std::uint64_t, std::uint64_t v) { return v; }, value, o, {file, line});
  }
  T fetch_add(T value, order o = order::seq_cst, PAWL_MODEL_HERE) noexcept {
    return change(
        [](std::uint64_t old, std::uint64_t v) {
          return to_bits(static_cast<T>(from_bits<T>(old) + from_bits<T>(v)));
        },
        value, o, {file, line});
  }
  T fetch_sub(T value, order o = order::seq_cst, PAWL_MODEL_HERE) noexcept {
    return change(
        [](std::uint64_t old, std::uint64_t v) {
          return to_bits(static_cast<T>(from_bits<T>(old) - from_bits<T>(v)));
        },
        value, o, {file, line});
  }
  T fetch_or(T value, order o = order::seq_cst, PAWL_MODEL_HERE) noexcept {
    return change([](std::uint64_t old, std::uint64_t v) { return old | v; }, value, o,
                  {file, line});
  }
  T fetch_and(T value, order o = order::seq_cst, PAWL_MODEL_HERE) noexcept {
    return change([](std::uint64_t old, std::uint64_t v) { return old & v; }, value, o,
                  {file, line});
  }
  bool compare_exchange_strong(T& expected, T desired, order success, order failure,
                               PAWL_MODEL_HERE) noexcept {
    std::uint64_t bits = to_bits(expected);
    const bool done =
        model::compare_exchange(cell_, bits, to_bits(desired), success, failure, {file, line});
    expected = from_bits<T>(bits);
    return done;
  }
  bool compare_exchange_strong(T& expected, T desired, order o = order::seq_cst,
                               PAWL_MODEL_HERE) noexcept {
    return compare_exchange_strong(expected, desired, o, failure_order(o), file, line);
  }
  // Never fails without a cause here, as on x86.
  bool compare_exchange_weak(T& expected, T desired, order success, order failure,
                             PAWL_MODEL_HERE) noexcept {
    return compare_exchange_strong(expected, desired, success, failure, file, line);
  }
  bool compare_exchange_weak(T& expected, T desired, order o = order::seq_cst,
                             PAWL_MODEL_HERE) noexcept {
    return compare_exchange_strong(expected, desired, o, failure_order(o), file, line);
  }

  [[nodiscard]] cell& inner() noexcept { return cell_; }
  [[nodiscard]] T peek() const noexcept { return from_bits<T>(model::peek(cell_)); }

 private:
  T change(modifier f, T operand, order o, place at) noexcept {
    return from_bits<T>(model::modify(cell_, f, to_bits(operand), o, at));
  }
  cell cell_;
};

// Data that something else orders. Two accesses, one of them a write, that nothing orders end the
// execution as a data race.
template <class T>
class plain {
 public:
  plain() noexcept : cell_(0) {}
  plain(T value) noexcept : cell_(to_bits(value)) {}
  plain& operator=(T value) noexcept {
    model::plain_write(cell_, to_bits(value));
    return *this;
  }
  plain& operator=(const plain& other) noexcept { return *this = static_cast<T>(other); }
  operator T() const noexcept { return from_bits<T>(model::plain_read(cell_)); }

 private:
  cell cell_;
};
// NOLINTEND(google-explicit-constructor)

}  // namespace types
using types::atomic;
using types::plain;

// A spin loop's turn. Who pauses goes on when somebody else has changed something.
void pause(PAWL_MODEL_HERE) noexcept;
// A sleep for a while: who naps goes on at any time. A switch away from it is free.
void nap(PAWL_MODEL_HERE) noexcept;

void futex_wait(cell& c, std::uint64_t expected, place at) noexcept;
void futex_wake(cell& c, unsigned count, place at) noexcept;
void membarrier(PAWL_MODEL_HERE) noexcept;

inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                       PAWL_MODEL_HERE) noexcept {
  futex_wait(word.inner(), expected, {file, line});
}
inline void futex_wake(atomic<std::uint32_t>& word, unsigned count, PAWL_MODEL_HERE) noexcept {
  futex_wake(word.inner(), count, {file, line});
}

// For scenarios.

// False: this interleaving breaks what must hold; the exploration ends and prints its trace.
void require(bool holds, const char* what) noexcept;
// A line in the trace.
void note(const char* text, std::uint64_t value = 0) noexcept;
// One of 0 to count - 1; all of them are explored.
unsigned choose(unsigned count) noexcept;
// Operations of all threads so far: tells how many a call took while nobody else ran.
std::uint64_t own_operations() noexcept;

#undef PAWL_MODEL_HERE

}  // namespace pawl::model
