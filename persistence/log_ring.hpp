// persistence/log_ring.hpp -- what one thread has to say to the log, until it is collected into a cut.
//
// A thread writes the records of a group behind each other and publishes them together. The collector counts
// up the cut and then takes from each ring what was published before: exactly the publishes whose tag is
// not above the old count. That set is closed under happened-before, which two looks at all the tails are not.
//
// Roles       has_room, room, publish: the thread that has the ring.   The others: the collector.
// Progress    wait-free. A ring without room says so, and the thread changes nothing then.
// Memory      Storage: a power of two of bytes, whose positions go round and whose spans do not break.
//
// State       field     written by   read by     order
//             bytes     owner        collector   plain, by tail_ and head_
//             tail_     owner        collector   seq_cst [publish]: the bytes before it are there; and I2, I4
//             head_     collector    owner       release / acquire [free]: the bytes before it were read
//             the cut   collector    owners      seq_cst: see I2
//
// Invariants  I1  head_ <= tail_ <= head_ + size. The owner writes between tail_ and head_ + size only.
//             I2  If publish P happened before publish Q, and Q is in a cut, P is in that cut or in one before.
//                 Q's tag is read after P's tail was stored. Say the cut that took Q counted from e to e + 1
//                 and then read P's tail too early to see it. Then that read, and the count before it, came before
//                 P's store, and that before Q's look at the count: Q's tag is above e, so Q was not taken. This
//                 needs that the collector's read does not pass its count (both are seq_cst), and that
//                 who knows of P's store does not see an older count: that store is a seq_cst
//                 read-modify-write, which no later look of its owner passes, at the count or at anything by
//                 which P becomes known. So it holds for an owner that goes on in another ring, too.
//             I3  A ring's publishes are taken in their order, each once.
//             I4  A publish, then the owner's look whether the collector sleeps; the collector's word that it
//                 sleeps, then is_empty(): all seq_cst, so one of the two sees the other.
//
// Checked by tests/persistence/log_ring_test.cpp, log_ring_stress_test.cpp, tests/model/log_ring_model.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.hpp"
#include "base/check.hpp"
#include "base/seeded_bug.hpp"

namespace pawl {

// How many cuts were begun. An LSN is a number of these.
class cut_count {
 public:
  explicit cut_count(std::uint64_t first) noexcept : count_(first) {}
  // The cut that what is published now will be in, or a later one.
  [[nodiscard]] std::uint64_t now() const noexcept { return count_.load(seq_cst); }
  // The collector: begins the next one; what has this number or a smaller one is in this.
  std::uint64_t begin() noexcept { return count_.fetch_add(1, seq_cst); }

 private:
  atomic<std::uint64_t> count_;
};

// In front of each publish.
struct publish_head {
  std::uint64_t tag = 0;
  std::uint64_t bytes = 0;
};
inline constexpr std::size_t publish_head_bytes = 16;

template <class Storage>
class log_ring {
 public:
  explicit log_ring(Storage storage) noexcept : storage_(static_cast<Storage&&>(storage)) {}

  // Whether so many bytes can be published now; more of them later, as the collector goes on.
  [[nodiscard]] bool has_room(std::size_t bytes) noexcept {
    if (is_known_to_have(bytes)) return true;
    head_seen_ = head_.load(acquire);  // [free]
    return is_known_to_have(bytes);
  }
  // What has_room() has seen, without a look.
  [[nodiscard]] bool is_known_to_have(std::size_t bytes) const noexcept {
    return position_ + taken_by(bytes) - head_seen_ <= storage_.size();
  }
  // Where to write them: has_room() was true. They are of no effect before publish().
  [[nodiscard]] decltype(auto) room(std::size_t bytes) noexcept {
    return storage_.span(position_ + publish_head_bytes, bytes);
  }
  // Publishes what was written into room(): whole groups. The owner then looks for a collector that sleeps.
  void publish(std::size_t bytes, const cut_count& cut) noexcept {
    storage_.put(position_, {cut.now(), bytes});
    position_ += taken_by(bytes);
    tail_.exchange(position_, seq_cst);  // [publish] I2, I4
  }

  // Calls f(bytes) for each publish that is in the cut `last`, or in one before and was not taken. They stay as
  // they are until give_back().
  template <class F>
  void take(std::uint64_t last, F f) {
    const std::uint64_t tail = tail_.load(seq_cst);  // [publish]
    const std::uint64_t head = head_.load(relaxed);  // its own
    std::uint64_t at = head;
    while (at != tail) {
      const publish_head next = storage_.get(at);
      if (next.tag > last && !PAWL_SEEDED(wrong_cut)) break;
      f(storage_.span(at + publish_head_bytes, static_cast<std::size_t>(next.bytes)));
      at += taken_by(static_cast<std::size_t>(next.bytes));
      PAWL_CHECK(at - head <= tail - head);
    }
    taken_ = at;
  }
  // What was taken is copied: the owner may have its room.
  void give_back() noexcept { head_.store(taken_, release); }  // [free]
  // Bytes that are published and not given back, with their heads.
  [[nodiscard]] std::uint64_t published_bytes() const noexcept {
    return tail_.load(acquire) - head_.load(relaxed);  // relaxed: its own
  }
  // The look of a collector that is about to sleep: it has announced that, so whoever publishes wakes it.
  [[nodiscard]] bool is_empty() const noexcept {
    return tail_.load(seq_cst) == head_.load(relaxed);  // relaxed: its own
  }

 private:
  static constexpr std::uint64_t taken_by(std::size_t bytes) noexcept {
    return publish_head_bytes + (bytes + 7) / 8 * 8;
  }

  Storage storage_;
  std::uint64_t position_ = 0;   // the owner's: of the next publish
  std::uint64_t head_seen_ = 0;  // the owner's
  alignas(cache_line_bytes) atomic<std::uint64_t> tail_{0};
  alignas(cache_line_bytes) atomic<std::uint64_t> head_{0};
  std::uint64_t taken_ = 0;  // the collector's: head_ after give_back()
};

}  // namespace pawl
