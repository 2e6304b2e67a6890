// ready/active_set.hpp -- which queues have work of which priority, in one look.
//
// Per band a two-level bitmap: a bit for each of 4,096 queues, and a summary word with a bit for each
// word of them. Queues set and clear their own bits by the rules of queue_gate.hpp; drains read.
//
// Roles       set, clear: any thread.  next, any: any thread.
// Progress    next, has, any: wait-free.  set, clear: lock-free; settle() repeats only while others
//             change the same word.
//
// State       field     written by             read by   order
//             word_     set: fetch_or          all       seq_cst: the eventcount's and the gate's
//                       clear: fetch_and                 look-again rules rest on it
//             summary_  settle(): by who made     all       the same
//                       a word zero or non-zero
//
// Invariants  I1  When no set or clear is in progress: summary bit == (word != 0).
//             I2  A set in progress may be invisible through the summary until it returns; who
//                 made the word non-zero wakes a drain after that (queue_gate.hpp), and who only
//                 found it non-zero may rely on them.
//
// Checked by tests/ready/active_set_test.cpp, tests/model/gate_model.cpp.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/atomic.hpp"
#include "pawl/job.hpp"

namespace pawl {

#ifdef PAWL_MODEL
inline constexpr unsigned queues_max = 2;
inline constexpr unsigned queues_per_word = 2;
#else
inline constexpr unsigned queues_max = 4096;
inline constexpr unsigned queues_per_word = 64;
#endif
inline constexpr unsigned no_queue = ~0u;

class active_set {
 public:
  void set(unsigned queue, unsigned band) noexcept {
    atomic<std::uint64_t>& word = levels_[band].words[queue / queues_per_word];
    if (word.fetch_or(bit(queue), seq_cst) == 0) settle(summary_[band], word, summary_bit(queue));
  }

  void clear(unsigned queue, unsigned band) noexcept {
    atomic<std::uint64_t>& word = levels_[band].words[queue / queues_per_word];
    if ((word.fetch_and(~bit(queue), seq_cst) & ~bit(queue)) != 0) return;
    settle(summary_[band], word, summary_bit(queue));
  }

  [[nodiscard]] bool has(unsigned band) const noexcept { return summary_[band].load(seq_cst) != 0; }

  // Is there anything to do in any band? The look of a drain that is about to sleep.
  [[nodiscard]] bool any() const noexcept {
    for (unsigned band = 0; band < priority_count; ++band) {
      if (has(band)) return true;
    }
    return false;
  }

  // Is nothing active but, perhaps, that queue in that band?
  [[nodiscard]] bool is_alone(unsigned queue, unsigned band) const noexcept {
    for (unsigned b = 0; b < priority_count; ++b) {
      if (b != band && has(b)) return false;
    }
    const unsigned other = next(band, queue + 1);
    return other == no_queue || other == queue;
  }

  // The first active queue of the band at or after `from` (modulo queues_max), cyclically;
  // no_queue: none was seen.
  [[nodiscard]] unsigned next(unsigned band, unsigned from) const noexcept {
    const level& l = levels_[band];
    const std::uint64_t summary = summary_[band].load(seq_cst);
    if (summary == 0) return no_queue;
    from %= queues_max;
    const unsigned first_word = from / queues_per_word;
    // The words from `from` on, then those before it, then the first bits of its own word.
    if (const unsigned q = look(l, first_word, bits_from(from % queues_per_word)); q != no_queue) {
      return q;
    }
    for (std::uint64_t left = std::rotr(summary, static_cast<int>(first_word)) & ~std::uint64_t{1};
         left != 0; left &= left - 1) {
      const unsigned word =
          (first_word + static_cast<unsigned>(std::countr_zero(left))) % words_max;
      if (const unsigned q = look(l, word, ~std::uint64_t{0}); q != no_queue) return q;
    }
    return look(l, first_word, ~bits_from(from % queues_per_word));
  }

 private:
  static constexpr unsigned words_max = 64;  // bits of the summary

  struct level {
    alignas(
        cache_line_bytes) std::array<atomic<std::uint64_t>, queues_max / queues_per_word> words{};
  };

  static constexpr std::uint64_t bit(unsigned queue) noexcept {
    return std::uint64_t{1} << (queue % queues_per_word);
  }
  static constexpr std::uint64_t summary_bit(unsigned queue) noexcept {
    return std::uint64_t{1} << (queue / queues_per_word);
  }
  static constexpr std::uint64_t bits_from(unsigned first) noexcept {
    return ~std::uint64_t{0} << first;
  }

  // By whoever turned the word to or from zero. The last one to write the summary looks at the word
  // after that, so the two agree at rest (I1).
  static void settle(atomic<std::uint64_t>& summary, const atomic<std::uint64_t>& word,
                     std::uint64_t mask) noexcept {
    bool wanted = word.load(seq_cst) != 0;
    for (;;) {
      if (wanted) {
        summary.fetch_or(mask, seq_cst);
      } else {
        summary.fetch_and(~mask, seq_cst);
      }
      const bool now = word.load(seq_cst) != 0;
      if (now == wanted) return;
      wanted = now;
    }
  }

  static unsigned look(const level& l, unsigned word, std::uint64_t wanted) noexcept {
    if (word >= l.words.size()) return no_queue;
    const std::uint64_t bits = l.words[word].load(seq_cst) & wanted;
    if (bits == 0) return no_queue;
    return word * queues_per_word + static_cast<unsigned>(std::countr_zero(bits));
  }

  // One line for all bands: they are written only when a word turns to or from zero, and looked at
  // together with each pick.
  alignas(cache_line_bytes) std::array<atomic<std::uint64_t>, priority_count> summary_{};
  std::array<level, priority_count> levels_;
};

}  // namespace pawl
