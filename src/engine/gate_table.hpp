// engine/gate_table.hpp -- the gates of all kinds and tenants, by number; tenants also by name.
//
// Roles       of_kind, of_tenant: any thread, lock-free.  find_or_add, for_each: any thread, under a lock.
// State       chunks_[i]   written once, release   read by all, acquire
#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic.hpp"
#include "job/memory_budget.hpp"
#include "ready/start_gate.hpp"

namespace pawl {

// What a line of parked jobs, and a timer's entry, is of: a part in the upper bits, its number below. Of a
// lane it is a part of its tag (engine/lanes.hpp).
enum class gate_part : std::uint32_t { queue = 0, kind = 1, tenant = 2, lane = 3 };
inline constexpr unsigned gate_number_bits = 27;
constexpr std::uint32_t make_gate_id(gate_part part, std::uint32_t number) noexcept {
  return (static_cast<std::uint32_t>(part) << gate_number_bits) | number;
}
constexpr gate_part part_of_gate(std::uint32_t id) noexcept {
  return static_cast<gate_part>(id >> gate_number_bits);
}
constexpr std::uint32_t number_of_gate(std::uint32_t id) noexcept {
  return id & ((1u << gate_number_bits) - 1);
}
// In the place of a queue's: the scheduler.
inline constexpr std::uint32_t scheduler_number = (1u << gate_number_bits) - 1;

class gate_table {
 public:
  static constexpr unsigned tenants_max = 65'535;

  gate_table(std::size_t kinds, memory_budget* budget) : account_(budget, memory_pool::queues) {
    for (std::size_t i = 0; i < kinds; ++i) {
      kinds_.push_back(std::make_unique<start_gate>(
          make_gate_id(gate_part::kind, static_cast<std::uint32_t>(i))));
    }
  }

  [[nodiscard]] start_gate& of_kind(unsigned kind) const noexcept { return *kinds_[kind]; }
  // Null: there is no such tenant.
  [[nodiscard]] start_gate* of_tenant(unsigned tenant) const noexcept {
    const chunk* const c = chunks_[tenant / chunk_tenants].load(acquire);
    return c == nullptr ? nullptr : (*c)[tenant % chunk_tenants].load(acquire);
  }

  // The number of the tenant of that name; 0: no memory, or `full`.
  unsigned find_or_add(std::string_view name, bool& full) noexcept {
    full = false;
    const std::lock_guard lock(mutex_);
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
    const auto number = static_cast<unsigned>(tenants_.size()) + 1;
    full = number > tenants_max;
    if (full) return 0;
    // With its name and a node of the map; now and then a chunk, counted with those it is for.
    const std::size_t bytes = sizeof(start_gate) + name.size() + 160;
    if (!account_.take(bytes, need::wanted)) return 0;
    try {
      if (chunks_[number / chunk_tenants].load(relaxed) ==
          nullptr) {  // relaxed: written under the lock
        owned_chunks_.push_back(std::make_unique<chunk>());
        chunks_[number / chunk_tenants].store(owned_chunks_.back().get(), release);
      }
      auto gate = std::make_unique<start_gate>(make_gate_id(gate_part::tenant, number));
      tenants_.reserve(tenants_.size() + 1);
      numbers_.emplace(name, number);
      tenants_.push_back(std::move(gate));
    } catch (const std::bad_alloc&) {
      account_.give(bytes);
      return 0;
    }
    (*chunks_[number / chunk_tenants].load(relaxed))[number % chunk_tenants].store(
        tenants_.back().get(), release);
    return number;
  }

  // Null: a gate of a queue.
  [[nodiscard]] start_gate* at(std::uint32_t id) const noexcept {
    switch (part_of_gate(id)) {
      case gate_part::kind:
        return &of_kind(number_of_gate(id));
      case gate_part::tenant:
        return of_tenant(number_of_gate(id));
      case gate_part::queue:
      case gate_part::lane:
        break;
    }
    return nullptr;
  }

 private:
  static constexpr unsigned chunk_tenants = 256;
  using chunk = std::array<atomic<start_gate*>, chunk_tenants>;

  const memory_account account_;
  std::vector<std::unique_ptr<start_gate>> kinds_;
  mutable std::array<atomic<chunk*>, (tenants_max + 1) / chunk_tenants> chunks_{};
  std::mutex mutex_;
  std::map<std::string, unsigned, std::less<>> numbers_;
  std::vector<std::unique_ptr<start_gate>> tenants_;
  std::vector<std::unique_ptr<chunk>> owned_chunks_;
};

}  // namespace pawl
