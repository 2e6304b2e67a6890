// engine/source_table.hpp -- the sources from which jobs are taken, and how far each has been read.
//
// Roles       find, find_or_add: any thread. The members of `source` but for its name are under its mutex.
// Order       A position gets its order, and is said to the log, under the mutex of its source: so who comes
//             later has seen what came before, and no cut has the later one alone.
// Memory      a source and its name, never given back; positions are in place.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <string_view>

#include "base/atomic.hpp"
#include "pawl/source.hpp"

namespace pawl {

class source_table {
 public:
  static constexpr unsigned sources_max = 4'096;

  struct source {
    explicit source(std::string_view n) : name(n) {}
    const std::string name;
    std::mutex mutex;
    std::uint64_t order = 0;  // of what was said of it last
    std::uint64_t lsn = 0;    // that says so; 0: nothing does, or it was recovered
    std::size_t bytes = 0;
    std::array<std::byte, position_bytes_max> space;

    [[nodiscard]] std::span<const std::byte> position() const noexcept {
      return std::span(space).first(bytes);
    }
    void move_to(std::span<const std::byte> to) noexcept {
      std::copy(to.begin(), to.end(), space.begin());
      bytes = to.size();
    }
  };

  // Null: there is none of that number.
  [[nodiscard]] source* find(unsigned index) const noexcept {
    return index < count_.load(acquire) ? sources_[index].get() : nullptr;
  }

  // The number of the source of that name; sources_max: there are so many. Throws std::bad_alloc.
  unsigned find_or_add(std::string_view name) {
    const std::lock_guard lock(mutex_);
    const unsigned count = count_.load(relaxed);  // relaxed: written under the lock
    for (unsigned i = 0; i < count; ++i) {
      if (sources_[i]->name == name) return i;
    }
    if (count == sources_max) return count;
    sources_[count] = std::make_unique<source>(name);
    count_.store(count + 1, release);
    return count;
  }

 private:
  std::mutex mutex_;
  atomic<unsigned> count_{0};
  std::array<std::unique_ptr<source>, sources_max> sources_;
};

}  // namespace pawl
