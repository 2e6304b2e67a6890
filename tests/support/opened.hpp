// support/opened.hpp -- a scheduler for tests: opens it or ends the test program, and shortens what
// tests say all the time.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "pawl/scheduler.hpp"

namespace pawl::test {

// A test scheduler of two drains that keeps little and stops fast.
inline options small_options() {
  options o;
  o.drains = 2;
  o.jobs_max = 200'000;
  o.dead_in_memory = 1000;
  o.payload_memory_bytes_max = 64u << 20;
  o.stop_deadline = std::chrono::seconds(60);
  return o;
}

inline std::unique_ptr<scheduler> open_or_exit(const options& wanted, const registry& kinds) {
  auto opened = scheduler::open(wanted, kinds);
  if (!opened) {
    const failure f = opened.error();
    std::fprintf(stderr, "open: %s %.*s\n", std::string(name(f.code)).c_str(),
                 static_cast<int>(f.where.size()), f.where.data());
    std::abort();
  }
  return std::move(*opened);
}

inline queue_ref queue_or_exit(scheduler& s, std::string_view queue_name,
                               const queue_options& wanted = {}) {
  auto q = s.queue(queue_name, wanted);
  if (!q) {
    std::fprintf(stderr, "queue: %s\n", std::string(name(q.error().code)).c_str());
    std::abort();
  }
  return *q;
}

// A handler that has nothing to do.
inline outcome say_done(void*, context&, std::span<const std::byte>) {
  return outcome::done();
}

inline std::span<const std::byte> no_payload() {
  return {};
}

// Any trivially copyable value as payload bytes, and back.
template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span<const T, 1>(&value, 1));
}
template <class T>
T value_of(std::span<const std::byte> payload) {
  T value{};
  if (payload.size() == sizeof(T)) std::memcpy(&value, payload.data(), sizeof(T));
  return value;
}

}  // namespace pawl::test
