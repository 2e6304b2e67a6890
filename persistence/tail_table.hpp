// persistence/tail_table.hpp -- whether the log goes on, ends, or is damaged at a place where frame F should
// be. The table of FORMAT.md, section 5, as data; tests/persistence/tail_table_test.cpp walks all of it.
#pragma once

#include <array>
#include <cstdint>

namespace pawl {

// What the epoch after this one says: its base is the last frame that counts.
enum class next_epoch : std::uint8_t { none, has_it, left_it_out };

struct tail_case {
  bool is_there = false;  // frame F: sound, number F, chained to F-1
  next_epoch next = next_epoch::none;
  bool was_durable = false;  // a later sound frame of the epoch says that F was durable
  friend bool operator==(const tail_case&, const tail_case&) noexcept = default;
};

enum class tail_row : std::uint8_t { A, B, C, D, E, F };
enum class tail_decision : std::uint8_t { take, end_of_epoch, end_of_log, damage };

constexpr tail_row tail_row_of(const tail_case& c) noexcept {
  if (c.is_there) return c.next == next_epoch::left_it_out ? tail_row::B : tail_row::A;
  if (c.next == next_epoch::has_it) return tail_row::C;
  if (c.next == next_epoch::left_it_out) return tail_row::D;
  return c.was_durable ? tail_row::E : tail_row::F;
}

inline constexpr std::array<tail_decision, 6> tail_decisions{
    tail_decision::take,         tail_decision::end_of_epoch, tail_decision::damage,
    tail_decision::end_of_epoch, tail_decision::damage,       tail_decision::end_of_log};

constexpr tail_decision decide_tail(const tail_case& c) noexcept {
  return tail_decisions[static_cast<std::size_t>(tail_row_of(c))];
}

}  // namespace pawl
