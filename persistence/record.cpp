#include "persistence/record.hpp"

#include <array>

namespace pawl {

std::string_view name(record_kind kind) noexcept {
  static constexpr std::array<std::string_view, 17> names{
      "name",    "submit", "ended",  "again",   "died",  "change", "requeued", "purged", "result",
      "crashed", "key",    "cursor", "setting", "floor", "opened", "closed",   "note"};
  static_assert(names.size() == static_cast<std::size_t>(record_kind_last));
  const std::size_t index = static_cast<std::size_t>(kind) - 1;
  return index < names.size() ? names[index] : "?";
}

std::optional<record_view> record_walk::stop(errc code, const char* where) noexcept {
  broken_ = failure{code, 0, where};
  return std::nullopt;
}

std::optional<record_view> record_walk::next() noexcept {
  while (!broken_ && offset_ < bytes_.size()) {
    const byte_span rest = bytes_.subspan(offset_);
    byte_reader r(rest);
    const std::uint32_t bytes = r.u32();
    const std::uint8_t kind = r.u8();
    const std::uint8_t flags = r.u8();
    const std::uint16_t count = r.u16();
    if (!r.ok()) return stop(errc::corrupt, "record.head");
    if (bytes < record_head_bytes || bytes > record_bytes_max || bytes > rest.size()) {
      return stop(errc::corrupt, "record.bytes");
    }
    if (kind == 0 || kind >= record_kind_never) return stop(errc::corrupt, "record.kind");
    if ((flags & ~3u) != 0) return stop(errc::corrupt, "record.flags");
    const bool needed = (flags & 1u) != 0;
    const bool known = kind <= static_cast<std::uint8_t>(record_kind_last);
    if (!known && needed) return stop(errc::version, "record.kind");
    more_ = (flags & 2u) != 0 ? more::yes : more::no;
    offset_ += bytes;
    if (known) {
      return record_view{static_cast<record_kind>(kind), needed, more_, count, rest.first(bytes)};
    }
  }
  return std::nullopt;
}

status record_walk::end() const noexcept {
  if (broken_) return *broken_;
  if (more_ == more::yes) return failure{errc::corrupt, 0, "record.group"};
  return std::monostate{};
}

}  // namespace pawl
