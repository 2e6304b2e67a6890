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
  static constexpr std::size_t block_values = 256;
  // With words of its own, and two entries in its producer's index, which doubles.
  static constexpr std::size_t block_bytes = block_values * sizeof(T) + 128;

  struct traits : moodycamel::ConcurrentQueueDefaultTraits {
    static const std::size_t BLOCK_SIZE = block_values;
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

  // False: no memory. Allocates a block when its producer has more values in it than ever before.
  bool push(producer& token, T value) noexcept { return values_.enqueue(token, value); }
  bool push(producer& token, std::span<const T> values) noexcept {
    return values_.enqueue_bulk(token, values.data(), values.size());
  }
  // The same, where account.take(bytes, why) is asked before each block, and account.give(bytes) told when it
  // was not to be had.
  template <class Account, class Why>
  bool push(producer& token, T value, const Account& account, Why why) noexcept {
    return values_.try_enqueue(token, value) || push_with_growth(token, value, account, why);
  }
  // g++ 12 takes the token for one without a producer, which it could only be after valid() said so.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstringop-overflow"
#endif
  template <class Account, class Why>
  bool push(producer& token, std::span<const T> values, const Account& account, Why why) noexcept {
    return values_.try_enqueue_bulk(token, values.data(), values.size()) ||
           push_with_growth(token, values, account, why);
  }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
  // How many were written to the front of `into`.
  std::size_t pop(consumer& token, std::span<T> into) noexcept {
    return values_.try_dequeue_bulk(token, into.data(), into.size());
  }
  // Exact when nobody pushes or pops.
  [[nodiscard]] std::size_t size() const noexcept {
    return values_.size_approx();
  }
  [[nodiscard]] bool looks_empty() const noexcept {
    return size() == 0;
  }

 private:
  // There was no block for them, so that many are needed: exactly one where there are not more values than
  // in a block.
  template <class Account, class Why>
  [[gnu::noinline, gnu::cold]] bool push_with_growth(producer& token, std::span<const T> values,
                                                     const Account& account, Why why) noexcept {
    const std::size_t bytes = (values.size() + block_values - 1) / block_values * block_bytes;
    if (!account.take(bytes, why)) return false;
    if (values_.enqueue_bulk(token, values.data(), values.size())) return true;
    account.give(bytes);
    return false;
  }
  template <class Account, class Why>
  [[gnu::noinline, gnu::cold]] bool push_with_growth(producer& token, T value,
                                                     const Account& account, Why why) noexcept {
    return push_with_growth(token, std::span<const T>(&value, 1), account, why);
  }

  queue values_;
};

}  // namespace pawl
