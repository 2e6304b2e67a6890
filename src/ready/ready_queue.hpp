// ready/ready_queue.hpp -- a named queue: its bands, its gate, its room.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/atomic.hpp"
#include "job/slot.hpp"
#include "pawl/job.hpp"
#include "pawl/options.hpp"
#include "policy/gcra.hpp"
#include "policy/retry.hpp"
#include "ready/band.hpp"
#include "ready/byte_room.hpp"
#include "ready/credits.hpp"
#include "ready/front_list.hpp"
#include "ready/live_breaker_rule.hpp"
#include "ready/order_heap.hpp"
#include "ready/permits.hpp"
#include "ready/queue_gate.hpp"
#include "ready/set_aside.hpp"
#include "ready/share_lines.hpp"

namespace pawl {

// See engine/sweeping.hpp.
struct sweep_state {
  atomic<std::uint64_t> cancels{0};  // since the last sweep
};

// What holds for the lanes of a queue.
struct lane_rule {
  std::uint32_t concurrency = 1;
  pawl::on_failure on_failure{};
  gcra_rate rate{};
  const live_breaker_rule* breaker = nullptr;  // null: none
  friend bool operator==(const lane_rule&, const lane_rule&) noexcept = default;
};

// What an ordered queue has in the place of a band.
inline std::unique_ptr<ordered_places> make_ordered_places(queue_order order) {
  if (order == queue_order::tenants) return std::make_unique<share_lines>();
  return std::make_unique<order_heap>();
}

class ready_queue {
 public:
  ready_queue(unsigned index, std::string name, const queue_options& o,
              memory_budget* budget = nullptr)
      : index_(index),
        order_(o.order),
        heaps_(o.order == queue_order::fifo ? nullptr : std::make_unique<heaps>()),
        name_(std::move(name)),
        gate_(index),
        room_(o.jobs_max),
        bytes_(o.bytes_max) {
    if (heaps_ != nullptr) {
      for (auto& h : *heaps_) {
        h = make_ordered_places(o.order);
        h->set_account({budget, memory_pool::places});
      }
    }
    apply(o, 0);
  }

  // With what it has on the heap from the beginning, about.
  static constexpr std::size_t bytes_of(queue_order order) noexcept {
    return sizeof(ready_queue) + priority_count * 1024 + 256 +
           (order == queue_order::fifo ? 0 : sizeof(heaps));
  }

  // Not for two threads at a time.
  void apply(const queue_options& o, std::uint64_t now_ns) noexcept {
    // relaxed: each option stands for itself, and applies from some moment on.
    when_full_.store(o.when_full, relaxed);
    block_for_ns_.store(o.block_for.count(), relaxed);
    weight_.store(o.weight, relaxed);
    retries_per_s_.store(o.retries_per_s_max, relaxed);
    keeps_results_.store(o.keep_results, relaxed);
    if (room_.bound() != o.jobs_max) room_.set_bound(o.jobs_max);
    bytes_.set_bound(o.bytes_max);
    limits_.set(o.limits, now_ns);
    const gcra_rate rate = gcra_of(o.lanes.rate);
    lane_concurrency_.store(o.lanes.concurrency, relaxed);
    lane_failure_.store(o.lanes.on_failure, relaxed);
    lane_interval_ns_.store(rate.interval_ns, relaxed);
    lane_tolerance_ns_.store(rate.tolerance_ns, relaxed);
    lane_breaker_.set(o.lanes.breaker);
    starts_strictly_.store(o.strict_start, relaxed);
    log_marks_.store(has_log_ ? log_marks_of(o.durability, o.strict_start) : std::uint8_t{0},
                     relaxed);
  }

  [[nodiscard]] unsigned index() const noexcept { return index_; }
  // Is there a log at all?
  [[nodiscard]] bool has_log() const noexcept { return has_log_; }
  // Before anyone else knows of the queue.
  void give_log(durability d) noexcept {
    has_log_ = true;
    log_marks_.store(log_marks_of(d, starts_strictly()), relaxed);
  }
  // Of its jobs, in slot::marks. 0: nothing is logged of them.
  [[nodiscard]] std::uint8_t log_marks() const noexcept { return log_marks_.load(relaxed); }
  [[nodiscard]] bool starts_strictly() const noexcept { return starts_strictly_.load(relaxed); }
  [[nodiscard]] bool keeps_results() const noexcept { return keeps_results_.load(relaxed); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] pawl::when_full when_full() const noexcept { return when_full_.load(relaxed); }
  [[nodiscard]] duration block_for() const noexcept {
    return duration(block_for_ns_.load(relaxed));
  }
  [[nodiscard]] unsigned weight() const noexcept { return weight_.load(relaxed); }

  [[nodiscard]] lane_rule lanes() const noexcept {
    return {lane_concurrency_.load(relaxed),
            lane_failure_.load(relaxed),
            {lane_interval_ns_.load(relaxed), lane_tolerance_ns_.load(relaxed)},
            lane_breaker_.is_on() ? &lane_breaker_ : nullptr};
  }
  [[nodiscard]] const live_breaker_rule& lane_breaker() const noexcept { return lane_breaker_; }

  // Takes a retry from the queue's budget: when it may be due that was wanted at `due_ns`.
  std::uint64_t spend_retry(std::uint64_t due_ns) noexcept {
    const std::uint32_t per_s = retries_per_s_.load(relaxed);
    if (per_s == 0) return due_ns;
    std::uint64_t arrival = retry_arrival_ns_.load(relaxed);
    for (;;) {
      const budget_answer a = pawl::spend_retry(arrival, due_ns, per_s);
      // relaxed: the number stands for itself.
      if (retry_arrival_ns_.compare_exchange_weak(arrival, a.arrival_ns, relaxed)) return a.due_ns;
    }
  }

  [[nodiscard]] queue_gate& gate() noexcept { return gate_; }
  [[nodiscard]] const queue_gate& gate() const noexcept { return gate_; }
  [[nodiscard]] credits& room() noexcept { return room_; }
  [[nodiscard]] const credits& room() const noexcept { return room_; }
  [[nodiscard]] credit_recall& recall() noexcept { return recall_; }

  // Payload bytes of its jobs; see engine/weighing.hpp. Once it counts them it always will.
  [[nodiscard]] byte_room& bytes() noexcept { return bytes_; }
  [[nodiscard]] const byte_room& bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool counts_bytes() const noexcept { return counts_bytes_.load(seq_cst) != 0; }
  void count_bytes() noexcept { counts_bytes_.exchange(1, seq_cst); }
  // What the caller stored before is visible to who finds that it counts from after this.
  void order_looks() noexcept { counts_bytes_.fetch_or(0, seq_cst); }

  [[nodiscard]] band& band_of(unsigned b) noexcept { return bands_[b]; }
  [[nodiscard]] front_list& front_of(unsigned b) noexcept { return fronts_[b]; }
  [[nodiscard]] queue_order order() const noexcept { return order_; }
  [[nodiscard]] bool is_ordered() const noexcept { return heaps_ != nullptr; }
  // What an ordered queue has in the place of a band. Null: it is first in, first out.
  [[nodiscard]] ordered_places* heap_of(unsigned b) noexcept {
    return heaps_ == nullptr ? nullptr : (*heaps_)[b].get();
  }
  // The same of one that its tenants share. Null: they do not.
  [[nodiscard]] share_lines* shares_of(unsigned b) noexcept {
    return order_ == queue_order::tenants ? static_cast<share_lines*>(heap_of(b)) : nullptr;
  }

  [[nodiscard]] permits& limits() noexcept { return limits_; }
  [[nodiscard]] const permits& limits() const noexcept { return limits_; }

  [[nodiscard]] bool takes_jobs() const noexcept { return !intake_closed_.load(relaxed); }
  void close_intake(bool closed) noexcept { intake_closed_.store(closed, relaxed); }

  // Jobs in it that are ready and have a permit of something. seq_cst: who gives one adds, then looks at
  // the gate; who closes the gate looks here afterwards (engine/gating.cpp).
  void note_equipped(std::int32_t change) noexcept {
    equipped_.fetch_add(static_cast<std::uint32_t>(change), seq_cst);
  }
  [[nodiscard]] bool has_equipped() const noexcept { return equipped_.load(seq_cst) != 0; }

  // Since when the job was ready that was taken last from band b; 0: it was found empty since. What is in
  // the band now has not been ready for longer. relaxed: a number for reports.
  void note_served(unsigned b, std::uint64_t ready_since_ns) noexcept {
    served_[b].store(ready_since_ns, relaxed);
  }
  [[nodiscard]] std::uint64_t served_ns(unsigned b) const noexcept {
    return served_[b].load(relaxed);
  }

  // When a pause and a hold end by themselves. Under the lock of verbs. UINT64_MAX: not.
  std::uint64_t resume_at_ns = UINT64_MAX;
  std::uint64_t held_until_ns = 0;

  [[nodiscard]] sweep_state& sweep_of(unsigned b) noexcept { return sweeps_[b]; }
  // Of the whole queue: the gate has one bit for it.
  [[nodiscard]] std::mutex& sweeping() noexcept { return sweeping_; }

  [[nodiscard]] bool band_has_jobs(unsigned b) const noexcept {
    if (!fronts_[b].looks_empty()) return true;
    return is_ordered() ? !(*heaps_)[b]->looks_empty() : !bands_[b].looks_empty();
  }

 private:
  using heaps = std::array<std::unique_ptr<ordered_places>, priority_count>;

  const unsigned index_;
  const queue_order order_;
  const std::unique_ptr<heaps> heaps_;  // here, because a submit reads the index
  credit_recall recall_;                // and this
  atomic<std::uint8_t> log_marks_{0};
  bool has_log_ = false;
  atomic<std::uint8_t> counts_bytes_{0};
  const std::string name_;
  atomic<pawl::when_full> when_full_{};
  atomic<std::int64_t> block_for_ns_{};
  atomic<unsigned> weight_{};
  atomic<std::uint32_t> retries_per_s_{0};
  atomic<bool> keeps_results_{false};
  atomic<bool> starts_strictly_{false};
  atomic<std::uint64_t> retry_arrival_ns_{0};  // state of the retry budget
  atomic<bool> intake_closed_{false};
  atomic<std::uint32_t> lane_concurrency_{1};
  atomic<pawl::on_failure> lane_failure_{};
  atomic<std::uint64_t> lane_interval_ns_{0};
  atomic<std::uint64_t> lane_tolerance_ns_{0};
  live_breaker_rule lane_breaker_;
  queue_gate gate_;
  permits limits_;
  atomic<std::uint32_t> equipped_{0};
  credits room_;
  byte_room bytes_;
  std::array<band, priority_count> bands_;
  std::array<front_list, priority_count> fronts_;
  alignas(cache_line_bytes) std::array<atomic<std::uint64_t>, priority_count> served_{};
  std::array<sweep_state, priority_count> sweeps_;
  std::mutex sweeping_;
};

}  // namespace pawl
