// pawl/job_result.hpp -- what a completed job left behind, for whoever asks for it later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pawl/job.hpp"

namespace pawl {

inline constexpr std::size_t result_bytes_max = 65'536;

// What context::set_result() gave in the attempt that completed the job.
struct job_result {
  job_id id;
  std::vector<std::byte> bytes;
  pawl::ticket ticket;  // once it is durable, so are the end of the job and its result
};

// A part of the list, oldest first.
struct result_page {
  std::vector<job_result> results;
  std::uint64_t cursor = 0;  // give it to the next call; 0: there are no more
};

}  // namespace pawl
