// explorer/execution.hpp -- one interleaving of one scenario.
//
// Every model thread is a fiber of the one real thread. It runs until its next operation that
// others could notice or be noticed by; there the choices say who goes on. What only touches the
// thread's own state (plain data, a store into its own buffer) is no such point.
//
// The memory, weaker than x86 in one respect and as strong in the others:
//   - A store that is not seq_cst goes into its thread's buffer. It leaves at any time after; but a
//     release store not before the stores made before it, and no store before an older one to the
//     same cell. (x86 keeps relaxed stores in order too.)
//   - seq_cst stores, read-modify-writes (also a compare-and-swap that fails), futex calls and the
//     end of a membarrier empty the buffer and act on memory at once.
//   - A load takes the newest store of its own buffer to the cell, else memory. Loads are not
//     reordered, and a value is visible to all other threads at the same time.
// When a buffered store leaves only matters to another thread that looks at the cell, and to the
// order of two stores to it. So there, and only there, the choice is made (memory.cpp: expose);
// this leaves out interleavings that nobody could tell apart.
//
// Order between threads is kept as vector clocks: a release operation leaves its thread's clock
// with the cell, an acquire operation that reads the cell takes it, a read-modify-write hands on
// what it finds. plain<T> is checked against these clocks alone, whatever the buffers did.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explorer/choices.hpp"
#include "explorer/clock.hpp"
#include "explorer/explorer.hpp"
#include "explorer/fiber.hpp"
#include "explorer/shared.hpp"

namespace pawl::model {

class execution {
 public:
  execution(scenario& s, const effort& e, unsigned preemptions_max, choices& c, bool traced);
  execution(const execution&) = delete;
  execution& operator=(const execution&) = delete;
  ~execution();

  // Empty: all went well.
  const std::string& run();
  [[nodiscard]] const std::string& trace() const noexcept { return trace_; }

  // The one that runs now; null outside.
  static execution* running() noexcept;

  // Called by the threads of the scenario; see shared.hpp.
  std::uint64_t load(const cell& c, std::memory_order order, place at);
  void store(cell& c, std::uint64_t bits, std::memory_order order, place at);
  std::uint64_t modify(cell& c, modifier change, std::uint64_t operand, std::memory_order order,
                       place at);
  bool compare_exchange(cell& c, std::uint64_t& expected, std::uint64_t desired,
                        std::memory_order success, std::memory_order failure, place at);
  std::uint64_t plain_read(const cell& c);
  void plain_write(cell& c, std::uint64_t bits);
  void pause(place at);
  void nap(place at);
  void futex_wait(cell& c, std::uint64_t expected, place at);
  void futex_wake(cell& c, unsigned count, place at);
  void membarrier(place at);
  unsigned choose(unsigned count) { return choices_.choose(count); }
  [[noreturn]] void fail(const std::string& what);
  void write(const char* format, ...) __attribute__((format(printf, 2, 3)));
  [[nodiscard]] bool is_traced() const noexcept { return traced_; }
  [[nodiscard]] std::uint64_t own_operations() const noexcept;

  static std::uint64_t& bits_of(cell& c) noexcept { return c.bits_; }
  static std::uint64_t bits_of(const cell& c) noexcept { return c.bits_; }

 private:
  enum class phase : std::uint8_t { ready, paused, asleep, ended };
  enum class leaving : std::uint8_t { waits, leaves, gone };

  // A store that others cannot see yet.
  struct buffered {
    cell* target;
    std::uint64_t bits;
    bool releases;
    leaving state;
    vector_clock clock;
  };
  struct thread {
    phase now = phase::ready;
    bool fresh = false;  // paused: somebody else had changed something since the pause before
    std::uint64_t changes = 0;       // by itself
    std::uint64_t changes_seen = 0;  // by others, at the last pause
    std::uint64_t operations = 0;
    const cell* sleeps_on = nullptr;
    place last;
    vector_clock clock;
    std::vector<buffered> buffer;
  };
  // What is known of a cell besides its bits.
  struct cell_record {
    const cell* address;
    vector_clock released;  // what an acquire of the present value takes
    unsigned writer;        // plain data: the last write and reads
    std::uint32_t written;
    vector_clock reads;
  };

  // execution.cpp: who goes on.
  static void enter() noexcept;
  void point(place at);
  unsigned pick();
  void switch_to(unsigned next);
  void leave_current();
  [[nodiscard]] bool is_ready(const thread& t) const noexcept;
  bool wake_fresh();
  [[nodiscard]] std::string describe_threads() const;

  // memory.cpp: what they see.
  thread& self() noexcept { return threads_[current_]; }
  cell_record& record(const cell& c);
  void count_change(unsigned by) noexcept {
    ++changes_;
    ++threads_[by].changes;
  }
  [[nodiscard]] std::uint64_t changes_by_others(const thread& t) const noexcept {
    return changes_ - t.changes;
  }
  void put(cell& c, std::uint64_t bits);
  void acquire_from(const cell& c, std::memory_order order);
  void release_to(const cell& c, std::memory_order order);
  void tick() { ++self().clock.time[current_]; }
  [[nodiscard]] bool may_leave(const thread& t, std::size_t index) const;
  void leave(unsigned owner, std::size_t index);
  void expose(const cell& c, unsigned except);
  void empty_buffer(unsigned owner);
  bool empty_buffers();
  [[nodiscard]] bool is_buffered_elsewhere(const cell& c) const;

  static constexpr unsigned nobody = ~0u;

  scenario& scenario_;
  choices& choices_;
  const unsigned operations_max_;
  const unsigned preemptions_max_;
  const bool traced_;
  unsigned spurious_wakes_left_;

  const unsigned count_;
  unsigned current_ = nobody;
  unsigned preemptions_ = 0;
  bool resting_ = false;
  std::uint64_t operations_ = 0;
  std::uint64_t changes_ = 0;
  std::vector<thread> threads_;  // count_, then the look at the end
  std::vector<cell_record> cells_;
  std::string failure_;
  std::string trace_;
  resume_point driver_;
};

}  // namespace pawl::model
