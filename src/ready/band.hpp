// ready/band.hpp -- the FIFO of one priority of one queue.
//
// moodycamel::ConcurrentQueue behind a small type. Its order is per producer: places pushed through
// one token leave in that order. "Empty" means that each producer's part looked empty when it was
// looked at; a push that happened before the look is seen. Explicit tokens only: implicit producers
// of the packaged version (1.0.3) are not recycled and have a hole in their memory order.
#pragma once

#include <concurrentqueue/concurrentqueue.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace pawl {

class band {
  struct traits : moodycamel::ConcurrentQueueDefaultTraits {
    static const std::size_t BLOCK_SIZE = 256;                         // 2 KB of places
    static const std::size_t INITIAL_IMPLICIT_PRODUCER_HASH_SIZE = 0;  // explicit tokens only
  };
  using queue = moodycamel::ConcurrentQueue<std::uint64_t, traits>;

 public:
  // One a thread (and band); not shared between threads. Making one allocates.
  using producer = moodycamel::ProducerToken;
  using consumer = moodycamel::ConsumerToken;

  band() : places_(0) {}

  [[nodiscard]] producer make_producer() { return producer(places_); }
  [[nodiscard]] consumer make_consumer() { return consumer(places_); }

  // False: no memory. Allocates when there are more places than ever before.
  bool push(producer& token, std::uint64_t place) noexcept { return places_.enqueue(token, place); }
  bool push(producer& token, std::span<const std::uint64_t> places) noexcept {
    return places_.enqueue_bulk(token, places.data(), places.size());
  }
  // How many were written to the front of `into`.
  std::size_t pop(consumer& token, std::span<std::uint64_t> into) noexcept {
    return places_.try_dequeue_bulk(token, into.data(), into.size());
  }
  // Exact when nobody pushes or pops.
  [[nodiscard]] std::size_t size() const noexcept { return places_.size_approx(); }
  [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }

 private:
  queue places_;
};

}  // namespace pawl
