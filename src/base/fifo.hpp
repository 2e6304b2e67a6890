// base/fifo.hpp -- a queue of values between any number of threads.
//
// moodycamel::ConcurrentQueue behind a small type. Its order is per producer: values pushed through
// one token leave in that order. "Empty" means that each producer's part looked empty when it was
// looked at; a push that happened before the look is seen. Explicit tokens only: implicit producers
// of the packaged version (1.0.3) are not recycled and have a hole in their memory order.
#pragma once

#include <concurrentqueue/concurrentqueue.h>

#include <cstddef>
#include <span>

namespace pawl {

template <class T>
class fifo {
  struct traits : moodycamel::ConcurrentQueueDefaultTraits {
    static const std::size_t BLOCK_SIZE = 256;                         // values
    static const std::size_t INITIAL_IMPLICIT_PRODUCER_HASH_SIZE = 0;  // explicit tokens only
  };
  using queue = moodycamel::ConcurrentQueue<T, traits>;

 public:
  // One a thread (and queue); not shared between threads. Making one allocates.
  using producer = moodycamel::ProducerToken;
  using consumer = moodycamel::ConsumerToken;

  fifo() : values_(0) {}

  [[nodiscard]] producer make_producer() { return producer(values_); }
  [[nodiscard]] consumer make_consumer() { return consumer(values_); }

  // False: no memory. Allocates when there are more values than ever before.
  bool push(producer& token, T value) noexcept { return values_.enqueue(token, value); }
  bool push(producer& token, std::span<const T> values) noexcept {
    return values_.enqueue_bulk(token, values.data(), values.size());
  }
  // How many were written to the front of `into`.
  std::size_t pop(consumer& token, std::span<T> into) noexcept {
    return values_.try_dequeue_bulk(token, into.data(), into.size());
  }
  // Exact when nobody pushes or pops.
  [[nodiscard]] std::size_t size() const noexcept { return values_.size_approx(); }
  [[nodiscard]] bool looks_empty() const noexcept { return size() == 0; }

 private:
  queue values_;
};

}  // namespace pawl
