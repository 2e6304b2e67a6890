// ready/share_lines.hpp -- one priority of a queue whose tenants share handler time: a line for each
// tenant, first in, first out, and a heap that says whose line is next.
//
// The rule is in policy/shares.hpp. Who takes jobs says afterwards, once for a batch, how long each kept its
// thread (settle): then the tags of their tenants move, and nothing else has to.
//
// Memory      grows, while it holds more places than ever before, and with the largest number of a tenant
//             that it meets, 72 bytes each; gives nothing back.
//
// State       all of it belongs to the lock, but for ordered_places::count_
//
// Invariants  I1  The heap holds the tenants that have places and are not held; each with the tag that its
//                 share had when it was touched last. Its smallest tag is the next one's; among equal
//                 ones goes first who was not taken from for longest.
//             I2  The places of a tenant leave in the order of their numbers (order_marks.hpp): those that
//                 came with a growing number are a list, others a heap beside it.
//             I3  A tenant is held as often as somebody said so and has not taken it back: by
//                 engine/gate_line.hpp, once for each job of it that waits in the line of its own gate. What
//                 is held is not counted, so that no drain looks for it; who ends it announces.
//
// Checked by tests/ready/share_lines_test.cpp, tests/sim/shares_sim_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "job/slot.hpp"
#include "policy/shares.hpp"
#include "ready/ordered_places.hpp"

namespace pawl {

inline constexpr std::uint32_t tenants_max = 65'535;

// A job that was taken, and what became of it.
struct share_claim {
  std::uint32_t tenant = 0;
  share_use use;
};

class share_lines final : public ordered_places {
 public:
  bool put_back(const order_marks& marks, std::span<const std::uint64_t> places) noexcept override;
  // For those that are going to wait elsewhere: nothing is expected of them.
  std::size_t pop(std::span<std::uint64_t> into) noexcept override;

  // The next ones, in order, to be started: as many as are worth `batch_target_ns`, at least one. The claims
  // are to be settled, each once. weight_of(tenant): 1 to share_weight_max; called under the lock.
  template <class WeightOf>
  std::size_t take(std::span<std::uint64_t> places, std::span<share_claim> claims,
                   WeightOf weight_of) noexcept {
    if (looks_empty()) return 0;
    const std::lock_guard lock(mutex_);
    std::size_t taken = 0;
    std::uint64_t expected = 0;
    while (taken < places.size() && !heap_.empty()) {
      const std::uint32_t tenant = heap_.front().tenant;
      expected += expected_ns(lines_[tenant].share, mean_ns_);
      if (taken != 0 && expected > batch_target_ns) break;
      places[taken] = take_first(tenant, weight_of(tenant));
      claims[taken++] = {tenant, {.in_hand = true}};
    }
    set_size(visible_);
    return taken;
  }

  template <class WeightOf>
  void settle(std::span<const share_claim> claims, WeightOf weight_of) noexcept {
    const std::lock_guard lock(mutex_);
    for (const share_claim& c : claims) {
      if (c.tenant < lines_.size()) settle_one(c, weight_of(c.tenant));
    }
  }

  // Nothing is taken of that tenant until each hold() was answered by an unhold(). True: there may be places
  // of it now, which the caller announces.
  void hold(std::uint32_t tenant) noexcept;
  bool unhold(std::uint32_t tenant) noexcept;

  // The tenant's weight is another from now on, also for what it had before.
  void set_weight(std::uint32_t tenant, std::uint32_t weight) noexcept;

  // For tests: that every field agrees with the others.
  [[nodiscard]] bool is_consistent() noexcept;

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  struct line {
    tenant_share share;
    std::uint64_t turn = 0;         // when it was taken from last
    std::uint32_t first = none;     // the list
    std::uint32_t last = none;      // of the list
    std::uint32_t returned = none;  // the heap beside it: its root
    std::uint32_t size = 0;         // of both
    std::uint32_t holds = 0;
    std::uint32_t at = none;  // where it is in heap_
  };
  struct node {
    std::uint64_t place;
    std::uint64_t number;
    std::uint32_t next;   // in the list, or of the free nodes; in the heap, the right child
    std::uint32_t child;  // in the heap, the left one
  };
  struct entry {
    std::int64_t tag;
    std::uint64_t turn;
    std::uint32_t tenant;
  };
  static bool is_before(const entry& a, const entry& b) noexcept {
    if (a.tag != b.tag) return a.tag < b.tag;
    return a.turn != b.turn ? a.turn < b.turn : a.tenant < b.tenant;
  }

  bool add(const order_marks& marks, std::span<const std::uint64_t> places,
           need why) noexcept override;
  void keep_those(keep_place is_kept, void* keep) noexcept override;

  // Under the lock.
  static std::uint32_t tenant_of(const order_mark& mark) noexcept;
  bool make_room(const order_marks& marks, std::span<const std::uint64_t> places,
                 need why) noexcept;
  void insert(std::uint32_t tenant, std::uint64_t number, std::uint64_t place) noexcept;
  void link(line& l, std::uint32_t n) noexcept;
  std::uint32_t unlink_first(line& l) noexcept;
  std::uint32_t merge(std::uint32_t a, std::uint32_t b) noexcept;
  std::uint64_t remove_first(std::uint32_t tenant) noexcept;
  std::uint64_t take_first(std::uint32_t tenant, std::uint32_t weight) noexcept;
  void settle_one(const share_claim& c, std::uint32_t weight) noexcept;
  void set_clock_back() noexcept;

  // The heap of tenants.
  void touch(std::uint32_t tenant) noexcept;
  void leave_heap(line& l) noexcept;
  void put_entry(std::size_t at, const entry& e) noexcept;
  void sift(std::size_t at) noexcept;

  std::mutex mutex_;
  std::vector<node> nodes_;
  std::uint32_t free_ = none;  // nodes
  std::size_t free_count_ = 0;
  std::vector<line> lines_;                // by tenant; 0: of jobs without one
  std::vector<entry> heap_;                // I1; smallest first
  std::size_t visible_ = 0;                // places of those in the heap
  std::int64_t clock_ = 0;                 // of virtual time
  std::uint64_t mean_ns_ = first_mean_ns;  // of all attempts lately
  std::uint64_t turns_ = 0;
  std::uint64_t next_number_ = 0;
};

}  // namespace pawl
