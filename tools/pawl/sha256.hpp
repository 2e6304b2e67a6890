// sha256.hpp -- SHA-256 as OpenSSL computes it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace pawl_tool {

// Used by one thread at a time, for one message after the other.
class sha256 {
 public:
  sha256();
  ~sha256();

  // False: OpenSSL refuses, as it does where its configuration forbids the algorithm.
  [[nodiscard]] bool begin() noexcept;
  [[nodiscard]] bool add(const void* bytes, std::size_t count) noexcept;
  // 64 hexadecimal digits; empty: OpenSSL failed.
  [[nodiscard]] std::string end();

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace pawl_tool
