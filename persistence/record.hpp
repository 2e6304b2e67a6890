// persistence/record.hpp -- the records of a ring one after the other: their heads, their groups, and what to
// do about kinds that this release does not know. FORMAT.md, section 4, is the law; the files record_*.hpp
// beside this one have the kinds, record_any.hpp all of them at once.
//
// Reading trusts nothing: every count, length, number and bit is looked at, nothing is allocated by what a file
// says, and what is read are views into its bytes. Each value has one coding, so what was read and is written
// again gives the same bytes. Writing trusts its caller: he asks encoded_bytes() for the length, has that much
// room, and keeps to the rules of the page; lengths that do not fit are a programming mistake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "pawl/error.hpp"

namespace pawl {

inline constexpr std::size_t record_head_bytes = 8;
inline constexpr std::size_t record_bytes_max = 2'097'152;
inline constexpr std::size_t record_items_max = 65'535;

// Numbers are for ever. Those up to record_kind_last are given out, known to this release or reserved.
enum class record_kind : std::uint8_t {
  name = 1,
  submit,
  ended,
  again,
  died,
  change,
  requeued,
  purged,
  result,
  crashed,
  key,
  cursor,
  setting,
  floor,
  opened,
  closed,
  note,
};
// The last kind that this release reads.
inline constexpr auto record_kind_last = record_kind::note;
// From here on no number is ever given out, and neither is 0.
inline constexpr std::uint8_t record_kind_never = 128;

// The kind's own name.
[[nodiscard]] std::string_view name(record_kind kind) noexcept;

// What the page says of a kind's head: that who does not know it must refuse it (a setting says so by
// itself), and that `count` is that of its items, at least one, and not zero.
constexpr bool is_needed(record_kind kind) noexcept {
  return kind != record_kind::opened && kind != record_kind::note;
}
constexpr bool has_items(record_kind kind) noexcept {
  return kind == record_kind::submit || kind == record_kind::ended || kind == record_kind::purged ||
         kind == record_kind::crashed;
}

// Whether its group goes on with the next record of the ring.
enum class more : bool { no, yes };

// One record as it lies there. Only its head has been looked at.
struct record_view {
  record_kind kind{};  // known to this release
  bool needed = false;
  pawl::more more = pawl::more::no;
  std::uint16_t count = 0;
  byte_span bytes;  // all of it

  [[nodiscard]] byte_span body() const noexcept { return bytes.subspan(record_head_bytes); }
};

// Takes the bytes of a ring apart, those of whole cuts.
//
//   record_walk walk(bytes);
//   while (const auto record = walk.next()) ...
//   if (const auto ended = walk.end(); !ended) return ended.error();
class record_walk {
 public:
  explicit record_walk(byte_span bytes) noexcept : bytes_(bytes) {}

  // The next record of a known kind; none at the end, or where a rule is broken: end() tells which.
  // Records of unknown kinds are passed over if they say that they may be.
  std::optional<record_view> next() noexcept;

  // Once next() has given none: whether the bytes were records in whole groups.
  //   errc::corrupt  a head breaks a rule, or the last group is not whole; failure::where says which
  //   errc::version  a kind is needed that this release does not know
  [[nodiscard]] status end() const noexcept;

  // Where the next record begins; after next() has given none, the broken one.
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }
  // Whether the last record that was read, or passed over, is the last of its group.
  [[nodiscard]] bool is_between_groups() const noexcept { return more_ == more::no; }

 private:
  std::optional<record_view> stop(errc code, const char* where) noexcept;

  byte_span bytes_;
  std::size_t offset_ = 0;
  more more_ = more::no;
  std::optional<failure> broken_;
};

// Writes the head of a record of `bytes` in all.
inline void write_record_head(record_kind kind, bool needed, more m, std::size_t count,
                              std::size_t bytes, byte_writer& w) noexcept {
  PAWL_CHECK(bytes <= record_bytes_max && count <= record_items_max);
  const unsigned flags = (needed ? 1u : 0u) | (m == more::yes ? 2u : 0u);
  w.numbers(static_cast<std::uint32_t>(bytes), static_cast<std::uint8_t>(kind),
            static_cast<std::uint8_t>(flags), static_cast<std::uint16_t>(count));
}

}  // namespace pawl
