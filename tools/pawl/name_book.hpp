// name_book.hpp -- what numbers in a log's records stand for, as far as it was read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "persistence/record_name.hpp"

namespace pawl_tool {

class name_book {
 public:
  using of = pawl::name_record::of;

  void add(const pawl::name_record& record) {
    names_.insert_or_assign({record.space, record.number}, std::string(record.text));
  }
  // Of a number without a name: "#7", which a reader of records has to show all the same.
  [[nodiscard]] std::string text_of(of space, std::uint32_t number) const {
    const auto found = names_.find({space, number});
    return found == names_.end() ? '#' + std::to_string(number) : found->second;
  }

 private:
  std::map<std::pair<of, std::uint32_t>, std::string> names_;
};

}  // namespace pawl_tool
