// job/id.hpp -- how a job id is put together.
//
//   bit 63    away: the job does not live in the slot its id names
//   62..36    slot: index into the slab
//   35..0     generation: which life of that slot; starts at 1, so no id is 0
#pragma once

#include <cstdint>

#include "pawl/job.hpp"

namespace pawl {

inline constexpr unsigned slot_bits = 27;
inline constexpr unsigned generation_bits = 36;
inline constexpr std::uint32_t slots_max = 1u << slot_bits;
inline constexpr std::uint64_t generation_max = (std::uint64_t{1} << generation_bits) - 1;

constexpr job_id make_id(std::uint32_t slot, std::uint64_t generation) noexcept {
  return job_id{(std::uint64_t{slot} << generation_bits) | generation};
}
constexpr bool id_is_away(job_id id) noexcept {
  return (id.value >> 63) != 0;
}
constexpr std::uint32_t id_slot(job_id id) noexcept {
  return static_cast<std::uint32_t>(id.value >> generation_bits) & (slots_max - 1);
}
constexpr std::uint64_t id_generation(job_id id) noexcept {
  return id.value & generation_max;
}

}  // namespace pawl
