#include "pawl/registry.hpp"

#include <algorithm>

namespace pawl {

namespace {
constexpr std::size_t name_bytes_max = 128;
constexpr std::size_t kinds_max = 0xffff;

bool is_kind_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '/' || c == '-';
  };
  return !name.empty() && name.size() <= name_bytes_max &&
         std::all_of(name.begin(), name.end(), allowed);
}
}  // namespace

kind_ref registry::add(std::string_view name, handler call, void* user, kind_options options) {
  entry e;
  e.name = std::string(name);
  e.call = call;
  e.user = user;
  e.options = options;
  return add_entry(std::move(e));
}

kind_ref registry::add_entry(entry e) {
  const bool known = std::any_of(entries_.begin(), entries_.end(),
                                 [&e](const entry& other) { return other.name == e.name; });
  if (known || e.call == nullptr || !is_kind_name(e.name) || entries_.size() == kinds_max) {
    valid_ = false;
    return {};
  }
  entries_.push_back(std::move(e));
  return kind_ref{static_cast<std::uint16_t>(entries_.size() - 1)};
}

}  // namespace pawl
