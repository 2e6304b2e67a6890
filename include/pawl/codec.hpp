// pawl/codec.hpp -- how a typed payload becomes bytes and back.
//
// The codec that ships copies the object representation of a trivially copyable struct without
// padding: two equal values have equal bytes, and no stray memory is stored. Floating-point members
// have no unique representation; a type that is meant anyway opts in:
//   template <> inline constexpr bool pawl::is_plain_payload<reading> = true;
// Other types specialise codec<T> with encode() and decode() of the same shape.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace pawl {

template <class T>
inline constexpr bool is_plain_payload =
    std::is_trivially_copyable_v<T>&& std::has_unique_object_representations_v<T>;

template <class T>
struct codec {
  static_assert(is_plain_payload<T>,
                "pawl: T has padding, floating point or a constructor of its own: opt in with "
                "is_plain_payload<T>, or specialise codec<T>");
  static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>);

  // The bytes of `value`; valid as long as `value`.
  static std::span<const std::byte> encode(const T& value) noexcept {
    return std::as_bytes(std::span<const T, 1>(&value, 1));
  }
  // Nothing: the bytes are not a T. The job ends as dead(decode).
  static std::optional<T> decode(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T value{};
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
};

}  // namespace pawl
