// ready/start_rates.hpp -- the rates of all scopes of a job: a start counts in each of them, or in none.
//
// A thread that starts many jobs of the same scopes takes starts of the rates for several of them at once
// (held_starts), so that most starts cost a decrement of its own number. It does so only while each rate is
// far from its bound, and for a short span: what it has not used by then is lost, never more than a quarter
// of the burst (policy/gcra.hpp). Who is refused meanwhile asks again at a time that time alone brings, so
// nobody need be told of starts that were not used.
//
// Roles       held_starts, start_trail: the one thread that has them.
//
// Invariant   I1  A start that was held and is used counts as if it had been taken at that moment: it is not
//                 used after its span, nor after the rate has changed (`changes`, see start_pass.hpp).
//
// Checked by tests/ready/start_rates_test.cpp, tests/model/rate_model.cpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/clock.hpp"
#include "ready/permits.hpp"

namespace pawl {

// What was taken last of which rates.
class start_trail {
 public:
  void clear() noexcept { count_ = 0; }
  [[nodiscard]] bool is_empty() const noexcept { return count_ == 0; }
  void add(permits& of, const permits::step& made) noexcept { steps_[count_++] = {&of, made}; }
  void undo() noexcept {
    while (count_ != 0) {
      --count_;
      steps_[count_].of->undo(steps_[count_].made);
    }
  }

 private:
  struct one {
    permits* of;
    permits::step made;
  };
  std::array<one, 4> steps_{};
  unsigned count_ = 0;
};

class start_rates {
 public:
  // `tenant`: may be null. In this order they are asked.
  start_rates(permits& kind, permits* tenant, permits& queue, permits& all) noexcept {
    for (permits* const p : {&kind, tenant, &queue, &all}) {
      if (p != nullptr && p->has_rate()) rates_[count_++] = p;
    }
  }
  [[nodiscard]] bool has_any() const noexcept { return count_ != 0; }

  // The first that lets nothing start now. Null: there is none.
  [[nodiscard]] permits* refusing(std::uint64_t now_ns) const noexcept {
    for (unsigned i = 0; i < count_; ++i) {
      if (rates_[i]->starts_ready(now_ns, 1) == 0) return rates_[i];
    }
    return nullptr;
  }

  // A start. Null: it is counted, and on the trail; else who refuses it.
  permits* try_start(std::uint64_t now_ns, start_trail& trail) const noexcept {
    trail.clear();
    for (unsigned i = 0; i < count_; ++i) {
      permits::step made;
      if (rates_[i]->try_start(now_ns, made) != 0) {
        trail.undo();
        return rates_[i];
      }
      trail.add(*rates_[i], made);
    }
    return nullptr;
  }

  // Up to `most` starts, each for any moment up to `until_ns`. 0, or 2 and more.
  [[nodiscard]] std::uint32_t take_ahead(std::uint64_t now_ns, std::uint64_t until_ns,
                                         std::uint32_t most) const noexcept {
    for (unsigned i = 0; i < count_; ++i) most = rates_[i]->ready_ahead(now_ns, until_ns, most);
    if (most < 2) return 0;
    start_trail trail;
    for (unsigned i = 0; i < count_; ++i) {
      permits::step made;
      if (!rates_[i]->try_take_ahead(now_ns, until_ns, most, made)) {
        trail.undo();
        return 0;
      }
      trail.add(*rates_[i], made);
    }
    return most;
  }

 private:
  std::array<permits*, 4> rates_{};
  unsigned count_ = 0;
};

// What a thread has taken of the rates.
class held_starts {
 public:
  // Long enough for a batch, short enough that nobody misses what is lost.
  static constexpr std::uint64_t span_ns = 65'536;
  static constexpr std::uint32_t count_max = 256;

  // A start for a job of these scopes, of those that it holds. `now_ns` may be clock_source::recent_ns_max
  // old.
  [[nodiscard]] bool use(std::uint64_t scopes, std::uint64_t changes,
                         std::uint64_t now_ns) noexcept {
    return scopes == scopes_ && changes == changes_ && use_next(now_ns);
  }
  // For a job of the same scopes as the one that used or took the last, with nothing changed since.
  [[nodiscard]] bool use_next(std::uint64_t now_ns) noexcept {
    if (left_ == 0 || now_ns > until_ns_) return false;
    --left_;
    return true;
  }
  [[nodiscard]] bool has_any() const noexcept { return left_ != 0; }

  // A start from the rates, and some for the jobs after it. Null: it is counted; else who refuses it.
  permits* take(const start_rates& rates, std::uint64_t scopes, std::uint64_t changes,
                std::uint64_t now_ns) noexcept {
    if (permits* const by = rates.refusing(now_ns)) return by;
    choose_count(scopes, changes, now_ns);
    scopes_ = scopes;
    changes_ = changes;
    until_ns_ = now_ns + span_ns - clock_source::recent_ns_max;
    left_ = count_ < 2 ? 0 : rates.take_ahead(now_ns, now_ns + span_ns, count_);
    if (left_ == 0) return rates.try_start(now_ns, last_);
    --left_;
    last_.clear();
    return nullptr;
  }
  // The job for which one was used or taken last did not start.
  void take_back() noexcept {
    if (last_.is_empty()) {
      ++left_;
    } else {
      last_.undo();
    }
  }

 private:
  // How many to take: twice as many as last time if those were used in their span, half as many if not.
  void choose_count(std::uint64_t scopes, std::uint64_t changes, std::uint64_t now_ns) noexcept {
    if (scopes != scopes_ || changes != changes_) {
      count_ = 1;
    } else if (left_ != 0) {
      count_ = std::max(count_ / 2, 1u);
    } else if (now_ns <= until_ns_) {
      count_ = std::min(2 * count_, count_max);
    }
  }

  std::uint64_t scopes_ = UINT64_MAX;  // no job has those
  std::uint64_t changes_ = 0;
  std::uint64_t until_ns_ = 0;
  std::uint32_t left_ = 0;
  std::uint32_t count_ = 1;
  start_trail last_;  // empty: the last was one of those held
};

}  // namespace pawl
