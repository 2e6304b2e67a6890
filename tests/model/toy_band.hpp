// toy_band.hpp -- a band for the models: the part of moodycamel's queue that its users can notice.
//
// A producer's tail moves by a release store that may still be in its buffer when push() returns. A
// consumer first looks whether the claims leave something, then claims, then looks at the tail; if
// it claimed too much it gives the claim back. Until then others may find nothing, although there
// is something. size() counts what was really taken, so it cannot be fooled that way: it misses
// only what was pushed in no order with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/atomic.hpp"

namespace pawl::model {

// One producer, any number of consumers.
class toy_lane {
 public:
  void push(std::uint32_t value) noexcept {
    const std::uint32_t tail = tail_.load(relaxed);
    values_[tail] = value;
    tail_.store(tail + 1, release);
  }

  bool try_pop(std::uint32_t& value) noexcept {
    const std::uint32_t over = over_.peek();
    if (left(claims_.peek() - over, tail_.load(relaxed)) <= 0) return false;
    const std::uint32_t mine = claims_.fetch_add(1, relaxed);
    if (left(mine - over, tail_.load(acquire)) <= 0) {
      over_.fetch_add(1, release);
      return false;
    }
    value = values_[head_.fetch_add(1, acq_rel)];
    return true;
  }

  [[nodiscard]] std::uint32_t size() const noexcept {
    const std::int32_t n = left(head_.peek(), tail_.load(relaxed));
    return n > 0 ? static_cast<std::uint32_t>(n) : 0;
  }

 private:
  static std::int32_t left(std::uint32_t head, std::uint32_t tail) noexcept {
    return static_cast<std::int32_t>(tail - head);
  }

  atomic<std::uint32_t> tail_{0};
  atomic<std::uint32_t> claims_{0};
  atomic<std::uint32_t> over_{0};
  atomic<std::uint32_t> head_{0};
  plain<std::uint32_t> values_[4];
};

template <unsigned Producers>
class toy_band {
 public:
  void push(unsigned producer, std::uint32_t value) noexcept { lanes_[producer].push(value); }
  bool try_pop(std::uint32_t& value) noexcept {
    for (toy_lane& lane : lanes_) {
      if (lane.try_pop(value)) return true;
    }
    return false;
  }
  // As many as there is room for, from each lane in turn.
  std::size_t pop(std::span<std::uint64_t> room) noexcept {
    std::size_t count = 0;
    for (toy_lane& lane : lanes_) {
      std::uint32_t value = 0;
      while (count < room.size() && lane.try_pop(value)) room[count++] = value;
    }
    return count;
  }
  [[nodiscard]] bool has_some() const noexcept {
    for (const toy_lane& lane : lanes_) {
      if (lane.size() != 0) return true;
    }
    return false;
  }

 private:
  toy_lane lanes_[Producers];
};

}  // namespace pawl::model
