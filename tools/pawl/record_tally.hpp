// record_tally.hpp -- how many records of each kind a log has, and how long they are.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "field_list.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/record.hpp"

namespace pawl_tool {

class record_tally final : public pawl::cut_taker {
 public:
  // Cuts that are not between these are passed over.
  record_tally(std::uint64_t first_lsn, std::uint64_t last_lsn, std::uint64_t since_ns,
               std::uint64_t until_ns)
      : first_lsn_(first_lsn), last_lsn_(last_lsn), since_ns_(since_ns), until_ns_(until_ns) {}

  pawl::status take(const pawl::log_cut& cut) override;

  // A row for each kind that is there; the last is that of the cuts, which have all of them.
  [[nodiscard]] std::vector<field_list> rows() const;

 private:
  struct sum {
    std::uint64_t records = 0;
    std::uint64_t items = 0;  // jobs, of records that have several
    std::uint64_t bytes = 0;
    void add(std::uint64_t more_items, std::uint64_t more_bytes) {
      ++records;
      items += more_items;
      bytes += more_bytes;
    }
  };
  [[nodiscard]] static field_list row_of(std::string_view name, const sum& s);

  const std::uint64_t first_lsn_;
  const std::uint64_t last_lsn_;
  const std::uint64_t since_ns_;
  const std::uint64_t until_ns_;
  std::array<sum, static_cast<std::size_t>(pawl::record_kind_last) + 1> kinds_{};
  sum cuts_;
};

}  // namespace pawl_tool
