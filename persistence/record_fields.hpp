// persistence/record_fields.hpp -- what the kinds of records are made of: times, lists of items, and a reader
// that remembers which rule was broken first.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.hpp"
#include "pawl/error.hpp"
#include "pawl/job.hpp"
#include "persistence/record.hpp"

namespace pawl {

enum class clock_name : std::uint8_t { boot, wall };

// When a job is due: nanoseconds of that clock.
struct clock_time {
  static constexpr std::size_t encoded_bytes = 9;
  clock_name clock = clock_name::boot;
  std::uint64_t ns = 0;
};
inline void write(clock_time t, byte_writer& w) noexcept {
  w.numbers(static_cast<std::uint8_t>(t.clock), t.ns);
}

// A version is a part of a job's state word (job/word.hpp).
inline constexpr std::uint64_t record_version_limit = std::uint64_t{1} << 48;

inline std::size_t text_bytes(std::string_view text) noexcept {
  return 2 + text.size();
}
inline void write_text(std::string_view text, byte_writer& w) noexcept {
  PAWL_CHECK(text.size() <= UINT16_MAX);
  w.u16(static_cast<std::uint16_t>(text.size()));
  w.bytes(as_bytes(text));
}

// Reads the fields of a record's body. The first rule that is broken is the reason of the failure, unless the
// bytes had run out before.
class field_reader {
 public:
  explicit field_reader(byte_span body) noexcept : bytes_(body) {}
  // The body of a record whose head must say what the page says of its kind.
  explicit field_reader(const record_view& r) noexcept : bytes_(r.body()) {
    require(r.needed == is_needed(r.kind) || r.kind == record_kind::setting, "record.needed");
    require((r.count != 0) == has_items(r.kind), "record.count");
  }

  std::uint8_t u8() noexcept { return bytes_.u8(); }
  std::uint16_t u16() noexcept { return bytes_.u16(); }
  std::uint32_t u32() noexcept { return bytes_.u32(); }
  std::uint64_t u64() noexcept { return bytes_.u64(); }
  template <std::size_t N>
  std::array<std::byte, N> array() noexcept {
    return bytes_.array<N>();
  }
  std::string_view text() noexcept { return as_text(bytes_.bytes(bytes_.u16())); }
  byte_span blob() noexcept { return bytes_.bytes(bytes_.u32()); }
  byte_span bytes(std::size_t n) noexcept { return bytes_.bytes(n); }

  // A number that names a constant: 0 to `last`.
  template <class Enum>
  Enum one_of(Enum last, const char* where) noexcept {
    const std::uint8_t value = u8();
    require(value <= static_cast<std::uint8_t>(last), where);
    return static_cast<Enum>(value);
  }
  bool flag(const char* where) noexcept {
    const std::uint8_t value = u8();
    require(value <= 1, where);
    return value == 1;
  }
  // A name's number, or an id.
  std::uint32_t number(const char* where) noexcept {
    const std::uint32_t value = u32();
    require(value != 0, where);
    return value;
  }
  job_id id(const char* where) noexcept {
    const std::uint64_t value = u64();
    require(value != 0, where);
    return {value};
  }
  std::uint64_t version(const char* where) noexcept {
    const std::uint64_t value = u64();
    require(value < record_version_limit, where);
    return value;
  }
  clock_time time(const char* where) noexcept {
    const clock_name clock = one_of(clock_name::wall, where);
    return {clock, u64()};
  }

  void require(bool holds, const char* where) noexcept {
    if (holds || !bytes_.ok() || broken_ != nullptr) return;
    broken_ = where;
  }
  [[nodiscard]] bool ok() const noexcept { return bytes_.ok() && broken_ == nullptr; }
  [[nodiscard]] byte_span rest() const noexcept { return bytes_.rest(); }

  // What was not in order, if anything; `where` is for a body that is too short or too long.
  [[nodiscard]] std::optional<failure> failed(const char* where) const noexcept {
    if (broken_ != nullptr) return failure{errc::corrupt, 0, broken_};
    if (!bytes_.is_at_end()) return failure{errc::corrupt, 0, where};
    return std::nullopt;
  }
  template <class T>
  result<T> finish(T value, const char* where) const noexcept {
    if (const auto why = failed(where)) return *why;
    return value;
  }

 private:
  byte_reader bytes_;
  const char* broken_ = nullptr;
};

// The items of a record: the writer's array of them, or bytes that were read and found good. Only looks at
// either. An Item knows read(field_reader&), size() and write(byte_writer&).
template <class Item>
class item_list {
 public:
  item_list() noexcept = default;
  template <std::convertible_to<std::span<const Item>> Array>
  item_list(const Array& array) noexcept {
    const std::span<const Item> items(array);
    array_ = items.data();
    size_ = items.size();
  }

  // Reads `count` items, as many as are good.
  static item_list read(field_reader& r, std::size_t count) noexcept {
    item_list list;
    const byte_span rest = r.rest();
    for (; list.size_ < count && r.ok(); ++list.size_) static_cast<void>(Item::read(r));
    list.bytes_ = rest.first(rest.size() - r.rest().size());
    return list;
  }

  class iterator {
   public:
    using value_type = Item;
    using difference_type = std::ptrdiff_t;

    iterator(const Item* array, byte_span bytes, std::size_t left) noexcept
        : array_(array), bytes_(bytes), left_(left) {}
    Item operator*() const noexcept {
      if (array_ != nullptr) return *array_;
      field_reader r(bytes_);
      return Item::read(r);
    }
    iterator& operator++() noexcept {
      if (array_ != nullptr) {
        ++array_;
      } else {
        bytes_ = bytes_.subspan((**this).size());
      }
      --left_;
      return *this;
    }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return i.left_ == 0;
    }

   private:
    const Item* array_;
    byte_span bytes_;
    std::size_t left_;
  };
  [[nodiscard]] iterator begin() const noexcept { return {array_, bytes_, size_}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  [[nodiscard]] std::size_t encoded_bytes() const noexcept {
    if (array_ == nullptr) return bytes_.size();
    std::size_t bytes = 0;
    for (const Item& item : std::span(array_, size_)) bytes += item.size();
    return bytes;
  }
  void write(byte_writer& w) const noexcept {
    if (array_ == nullptr) return w.bytes(bytes_);
    byte_writer here =
        w;  // its own, so that it stays in registers: what is written could be anybody's
    for (const Item& item : std::span(array_, size_)) item.write(here);
    w = here;
  }

 private:
  const Item* array_ = nullptr;
  byte_span bytes_;
  std::size_t size_ = 0;
};

}  // namespace pawl
