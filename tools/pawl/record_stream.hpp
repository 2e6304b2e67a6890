// record_stream.hpp -- the records of a log as rows, those of them that were asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "name_book.hpp"
#include "persistence/log_reader.hpp"
#include "record_rows.hpp"
#include "store_query.hpp"

namespace pawl_tool {

// Calls `to` with each row that passes the filters. False from it ends the reading.
class record_stream final : public pawl::cut_taker {
 public:
  using receiver = std::function<bool(const field_list&)>;
  record_stream(const store_query& asked, receiver to) : asked_(asked), to_(std::move(to)) {}

  // Records that are none fail; what came before them in their cut has been given.
  pawl::status take(const pawl::log_cut& cut) override;

 private:
  pawl::status take(const pawl::cut_part& part, const record_place& place);
  [[nodiscard]] bool is_wanted(const record_row& row, std::string_view kind);
  [[nodiscard]] bool is_of_queue(const record_row& row);

  const store_query& asked_;
  const receiver to_;
  name_book names_;
  std::unordered_map<std::uint64_t, bool> in_queue_;  // by job; when a queue is asked for
};

}  // namespace pawl_tool
