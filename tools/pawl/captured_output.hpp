// captured_output.hpp -- what one job has written, kept until it is its turn to be shown.
//
// All captures together hold at most capture_budget::memory_bytes_max in memory. What comes beyond
// that goes to temporary files without a name, so nothing is cut off and no job waits for another.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "descriptor.hpp"

namespace pawl_tool {

class capture_budget {
 public:
  static constexpr std::uint64_t memory_bytes_max = std::uint64_t{64} << 20;

  [[nodiscard]] bool try_reserve_memory(std::uint64_t bytes) noexcept;
  void add_spilled(std::uint64_t bytes) noexcept { held_.fetch_add(bytes); }
  void release(std::uint64_t memory_bytes, std::uint64_t spilled_bytes) noexcept;

  // In memory and in files.
  [[nodiscard]] std::uint64_t held_bytes() const noexcept { return held_.load(); }

 private:
  std::atomic<std::uint64_t> memory_{0};
  std::atomic<std::uint64_t> held_{0};
};

class captured_output {
 public:
  captured_output() noexcept = default;
  captured_output(captured_output&& other) noexcept;
  captured_output& operator=(captured_output&& other) = delete;
  ~captured_output();

  // A short text that the intake has already accounted for with the line it belongs to.
  void assign(std::string text) { memory_ = std::move(text); }

  // Appends. 0, or the errno that kept the temporary file from being made or written.
  [[nodiscard]] int append(std::string_view bytes, capture_budget& budget);

  // At most so much of it. What cannot be read back is left out.
  [[nodiscard]] std::string beginning(std::size_t bytes_max) const;

  [[nodiscard]] bool empty() const noexcept { return memory_.empty() && spilled_bytes_ == 0; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return memory_.size(); }

  // Calls take(std::string_view) with all of it, piece by piece. 0, or the errno of a failed read.
  template <class Take>
  [[nodiscard]] int read(Take take) const {
    if (!memory_.empty()) take(std::string_view(memory_));
    char piece[16'384];
    for (std::uint64_t at = 0; at < spilled_bytes_;) {
      std::size_t got = 0;
      if (const int error = read_spilled(at, piece, sizeof piece, got); error != 0) return error;
      take(std::string_view(piece, got));
      at += got;
    }
    return 0;
  }

 private:
  int read_spilled(std::uint64_t at, char* to, std::size_t room, std::size_t& got) const noexcept;

  std::string memory_;
  descriptor spill_;
  std::uint64_t reserved_bytes_ = 0;
  std::uint64_t spilled_bytes_ = 0;
  capture_budget* budget_ = nullptr;
};

}  // namespace pawl_tool
