// engine/lanes.hpp -- who of a lane may start, and what follows when one has.
//
// A job joins the line of its lane with its submit, or when it is due; its place goes into its queue's
// band like any other. Whose turn in the queue has come asks pass_lane(): the first of the line is let go
// if the lane has room, everyone else is blocked and keeps only the place in line. Whatever could let the
// first one go looks whether that is blocked, and if so sends it back through the front list of its
// queue, where it asks again.
//
// Roles       join: the holder of a free slot.  pass: who has the job's place.  move: the holder of its
//             attempt, or whoever owns its end.  The rest: any thread.
// Progress    one of 64 locks, found by the key. Under it an entry may be put into the wheel's inbox and a
//             place into a front list, under that one's lock; nothing that is locked there comes back here.
//             It may itself be taken under the locks of the dead letters and of a unique key. No handler
//             or hook is called under it.
// Memory      job/key_table.hpp: follows the number of lanes.
//
// State       A shard's table, its lanes, their lines, and their members' notes are its lock's.
//
// Invariants  I1  Who is let go was the first of its line: starts have the order of the numbers.
//             I2  `running` is the number of members with that note, and at most the concurrency that held
//                 when the last of them was let go.
//             I3  At rest: if the first of a line is parked, then the lane is closed, has no room, or
//                 waits for its rate or its breaker, and for what only time brings a timer is set. Who is
//                 behind a parked one is looked at when that has been let go.
//             I4  A job that is alive, or dead and kept, is a member; its end is worked out under the lock,
//                 so whoever finds under the lock that its word names a place may believe its notes.
//             I5  A lane is there while it has members, is marked, its rate remembers a start, or its breaker
//                 something against it.
//             I6  A breaker hears of each start it let happen once: of what came of it, or that it counts
//                 for nothing. So while it is not closed, no more trials are out than its rule says. All
//                 of it is under the lock; there is nothing for the explorer here.
//
// Checked by tests/engine/lanes_test.cpp, lane_breakers_test.cpp, lanes_property_test.cpp,
// lanes_stress_test.cpp, tests/model/lane_model.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "base/atomic.hpp"
#include "base/key_hash.hpp"
#include "job/key_table.hpp"
#include "job/slab.hpp"
#include "job/slot.hpp"
#include "pawl/job.hpp"
#include "pawl/lane.hpp"
#include "pawl/metrics.hpp"
#include "policy/lane.hpp"
#include "ready/lane.hpp"

namespace pawl {

struct core;
class ready_queue;
class thread_context;

class lane_table {
 public:
  lane_table(std::size_t slots, memory_budget* budget) noexcept : lot_(slots), members_(slots) {
    for (shard& s : shards_) s.lanes.set_account({budget, memory_pool::keys});
  }
  [[nodiscard]] bool is_ready() const noexcept { return lot_.is_ready() && members_.is_ready(); }

  // Makes the job in a free slot a member of the lane, which is made if need be; with `has_place` it is
  // the last of the line. reject::memory, or reject::intake_closed. `order`: grows with each of a lane.
  reject join(core& c, thread_context& context, std::uint32_t slot_index, std::string_view key,
              bool has_place, std::uint64_t& order) noexcept;
  // Orders go on above this one. Before the first join.
  void number_from(std::uint64_t order) noexcept {
    for (shard& s : shards_) s.joined = order;
  }

  // May the job start whose place this is? `lets_go`: if so, it does, and its permits are the thread's. False:
  // the place is gone, because the job waits in line, or because it is stale.
  bool pass(core& c, thread_context& context, band_entry place, bool lets_go) noexcept;

  // The member is not running any more, or not where it was. With lane_place::out it is none any more.
  // `facts`: of its attempt, if it made one that the lane's breaker has not heard of.
  void move(core& c, thread_context& context, std::uint32_t slot_index, lane_place to,
            const breaker_facts& facts = {}) noexcept;
  // What came of the member's attempt, where its move() comes later.
  void tell(core& c, thread_context& context, std::uint32_t slot_index,
            const breaker_facts& facts) noexcept;
  // The same to in_line, unless is_still() says under the lock that the job is another one by now.
  template <class F>
  void come_back(std::uint32_t slot_index, F is_still) noexcept {
    shard& s = shard_of(members_.key_of(slot_index));
    const std::lock_guard lock(s.mutex);
    if (is_still()) enter(s, slot_index);
  }

  // A lane closes, or opens, for one of its marks; it is made if need be. `until_ns`: when it does so by
  // itself (UINT64_MAX: it does not); of holds the latest counts. False: no memory.
  bool close(core& c, thread_context& context, lane_ref of, lane::mark why,
             std::uint64_t until_ns) noexcept;
  void open(core& c, thread_context& context, lane_ref of, lane::mark why) noexcept;
  // The queue's lane_options have changed. `before`: the breakers' rule until then.
  void look_again(core& c, thread_context& context, const ready_queue& queue,
                  const breaker_rule& before) noexcept;
  // A timer of some lane has fired: the rest of its entry in the wheel.
  void fire(core& c, thread_context& context, std::uint64_t tag) noexcept;

  [[nodiscard]] lane_status look(const core& c, lane_ref of) noexcept;
  [[nodiscard]] lane_metrics sum() const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  static constexpr unsigned shard_bits = 6;
  struct alignas(cache_line_bytes) shard {
    mutable std::mutex mutex;
    key_table<lane> lanes;
    std::uint64_t parked = 0;   // members with that note
    std::uint64_t stopped = 0;  // the same: stopping
    std::uint64_t tripped = 0;  // lanes whose breaker is not closed
    std::uint64_t opened = 0;   // times one has opened
    std::uint64_t joined = 0;   // jobs
  };
  // A job that has been sent on its way.
  struct sent {
    std::uint64_t place = 0;  // 0: none was
    ready_queue* queue = nullptr;
    unsigned band = 0;
  };

  // The table goes by the other half of the hash.
  shard& shard_of(const key_hash& key) noexcept { return shards_[key.high >> (64 - shard_bits)]; }
  bool prepare_rows(slab& jobs) noexcept;
  static std::uint64_t tag_of(const key_hash& key) noexcept;
  lane* find_or_add(shard& s, const key_hash& key, std::uint16_t queue) noexcept;
  lane& lane_of(shard& s, std::uint32_t slot_index) noexcept;
  [[nodiscard]] bool is_in_line(std::uint32_t slot_index) const noexcept {
    return lot_.owner_of(slot_index) != 0;
  }
  void enter(shard& s, std::uint32_t slot_index) noexcept;
  static void set_breaker(shard& s, lane& l, breaker_word w) noexcept;
  void hear(const core& c, shard& s, lane& l, std::uint32_t slot_index,
            const breaker_facts& facts) noexcept;
  void take_out(shard& s, lane& l, std::uint32_t slot_index) noexcept;
  sent advance(core& c, thread_context& context, shard& s, lane& l) noexcept;
  void forget_if_over(core& c, thread_context& context, shard& s, lane& l) noexcept;
  static void set_timer(core& c, thread_context& context, lane& l, std::uint64_t at_ns) noexcept;
  static void deliver(core& c, const sent& one) noexcept;

  parking_lot lot_;  // owner 1: in line
  lane_members members_;
  atomic<bool> has_rows_{false};  // relaxed: set after the slab has counted them, and never reset
  std::array<shard, 1u << shard_bits> shards_;
};

}  // namespace pawl
