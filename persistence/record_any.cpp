#include "persistence/record_any.hpp"

namespace pawl {

namespace {

static_assert(std::variant_size_v<any_record> == static_cast<std::size_t>(record_kind_last));

template <class T>
result<any_record> any(result<T> decoded) noexcept {
  if (!decoded) return decoded.error();
  return any_record(std::in_place_type<T>, *decoded);
}

}  // namespace

record_kind kind_of(const any_record& x) noexcept {
  return static_cast<record_kind>(x.index() + 1);
}

std::size_t encoded_bytes(const any_record& x) noexcept {
  return std::visit([](const auto& record) { return encoded_bytes(record); }, x);
}

void encode(const any_record& x, more m, byte_writer& w) noexcept {
  std::visit([&](const auto& record) { encode(record, m, w); }, x);
}

result<any_record> decode(const record_view& r) noexcept {
  switch (r.kind) {
    case record_kind::name:
      return any(decode_name(r));
    case record_kind::submit:
      return any(decode_submit(r));
    case record_kind::ended:
      return any(decode_ended(r));
    case record_kind::again:
      return any(decode_again(r));
    case record_kind::died:
      return any(decode_died(r));
    case record_kind::change:
      return any(decode_change(r));
    case record_kind::requeued:
      return any(decode_requeued(r));
    case record_kind::purged:
      return any(decode_purged(r));
    case record_kind::result:
      return any(decode_result(r));
    case record_kind::crashed:
      return any(decode_crashed(r));
    case record_kind::key:
      return any(decode_key(r));
    case record_kind::cursor:
      return any(decode_cursor(r));
    case record_kind::setting:
      return any(decode_setting(r));
    case record_kind::floor:
      return any(decode_floor(r));
    case record_kind::opened:
      return any(decode_opened(r));
    case record_kind::closed:
      return any(decode_closed(r));
    case record_kind::note:
      return any(decode_note(r));
  }
  return failure{errc::version, 0, "record.kind"};
}

}  // namespace pawl
