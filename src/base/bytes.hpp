// base/bytes.hpp -- numbers and bytes as they lie in files: little-endian, of fixed width, one behind the
// other. A reader trusts nothing; a writer has been given room enough.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/check.hpp"

namespace pawl {

using byte_span = std::span<const std::byte>;

inline byte_span as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(byte_span bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

namespace detail {

// The number whose bytes in memory are those of `value` with the smallest first. Compilers see a loop over
// single bytes as one move in one direction only: g++ 12 when it writes, clang 14 when it reads.
template <std::unsigned_integral T>
constexpr T little_endian(T value) noexcept {
  if constexpr (std::endian::native == std::endian::big) {
    T turned = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      turned = static_cast<T>((std::uint64_t{turned} << 8) | ((value >> (8 * i)) & 0xff));
    }
    return turned;
  }
  return value;
}

}  // namespace detail

// Reads `bytes` from front to back. What asks for more than is left gets zeros or nothing, and from then
// on ok() is false: so a decoder reads all it wants and asks once.
class byte_reader {
 public:
  explicit byte_reader(byte_span bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }
  [[nodiscard]] byte_span rest() const noexcept { return rest_; }
  // Everything was there, and nothing is left.
  [[nodiscard]] bool is_at_end() const noexcept { return ok_ && rest_.empty(); }

  std::uint8_t u8() noexcept { return number<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return number<std::uint16_t>(); }
  std::uint32_t u32() noexcept { return number<std::uint32_t>(); }
  std::uint64_t u64() noexcept { return number<std::uint64_t>(); }

  // The next `n` bytes, which stay where they are; empty if there are fewer.
  byte_span bytes(std::size_t n) noexcept {
    if (!ok_ || n > rest_.size()) {
      fail();
      return {};
    }
    const byte_span taken = rest_.first(n);
    rest_ = rest_.subspan(n);
    return taken;
  }
  template <std::size_t N>
  std::array<std::byte, N> array() noexcept {
    std::array<std::byte, N> a{};
    const byte_span taken = bytes(N);
    if (!taken.empty()) std::memcpy(a.data(), taken.data(), N);
    return a;
  }
  // The next `n` bytes must be zeros.
  void zeros(std::size_t n) noexcept {
    for (const std::byte b : bytes(n)) {
      if (b != std::byte{0}) fail();
    }
  }
  // For a decoder that finds a value it cannot accept.
  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }

 private:
  template <std::unsigned_integral T>
  T number() noexcept {
    const byte_span taken = bytes(sizeof(T));
    T value = 0;
    if (!taken.empty()) std::memcpy(&value, taken.data(), sizeof(T));
    return detail::little_endian(value);
  }

  byte_span rest_;
  bool ok_ = true;
};

// Writes into `room` from front to back. To run out of it is a programming mistake: who writes has asked
// for the length before.
class byte_writer {
 public:
  explicit byte_writer(std::span<std::byte> room) noexcept
      : begin_(room.data()), at_(begin_), end_(begin_ + room.size()) {}

  // So many bytes were written.
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
  // So many more have room.
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  void u8(std::uint8_t v) noexcept { numbers(v); }
  void u16(std::uint16_t v) noexcept { numbers(v); }
  void u32(std::uint32_t v) noexcept { numbers(v); }
  void u64(std::uint64_t v) noexcept { numbers(v); }
  // Several behind each other, each as wide as its type, for one look at the room.
  template <std::unsigned_integral... T>
  void numbers(T... values) noexcept {
    std::byte* place = take((sizeof(T) + ...));
    (put(place, values), ...);
  }
  void bytes(byte_span b) noexcept {
    std::byte* const place = take(b.size());
    if (!b.empty()) std::memcpy(place, b.data(), b.size());
  }
  void zeros(std::size_t n) noexcept {
    std::byte* const place = take(n);
    if (n != 0) std::memset(place, 0, n);
  }

 private:
  std::byte* take(std::size_t n) noexcept {
    PAWL_CHECK(n <= left());
    std::byte* const place = at_;
    at_ += n;
    return place;
  }
  template <std::unsigned_integral T>
  static void put(std::byte*& place, T value) noexcept {
    value = detail::little_endian(value);
    std::memcpy(place, &value, sizeof(T));
    place += sizeof(T);
  }

  std::byte* begin_;
  std::byte* at_;
  std::byte* end_;
};

}  // namespace pawl
