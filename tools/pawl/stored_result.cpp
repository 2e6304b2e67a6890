#include "stored_result.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "kind.hpp"
#include "pawl/job_result.hpp"

namespace pawl_tool {

namespace {

constexpr std::uint32_t magic = 0x53'52'57'50;  // "PWRS" in a file
constexpr std::uint8_t result_version = 1;
constexpr std::size_t head_bytes = 60;
constexpr std::size_t texts_bytes_max = pawl::result_bytes_max - head_bytes;
constexpr std::size_t sure_bytes = 8'192;  // of the input and of the error output each

namespace mark {
constexpr std::uint8_t is_words = 1;
constexpr std::uint8_t has_exit_code = 2;
constexpr std::uint8_t has_signal = 4;
constexpr std::uint8_t input_cut = 8;
constexpr std::uint8_t output_cut = 16;
constexpr std::uint8_t errors_cut = 32;
constexpr std::uint8_t all = 63;
}  // namespace mark

// How much of each there is room for: the output comes first, but the others have their sure part.
struct shares {
  std::size_t input;
  std::size_t output;
  std::size_t errors;
};

shares share_out(const stored_result& r) {
  shares s{std::min(r.input.size(), sure_bytes), 0, std::min(r.errors.size(), sure_bytes)};
  s.output = std::min(r.output.size(), texts_bytes_max - s.input - s.errors);
  s.errors = std::min(r.errors.size(), texts_bytes_max - s.input - s.output);
  s.input = std::min(r.input.size(), texts_bytes_max - s.output - s.errors);
  return s;
}

std::uint8_t marks_of(const stored_result& r, const shares& s) {
  unsigned marks = 0;
  if (r.is_words) marks |= mark::is_words;
  if (r.exit_code) marks |= mark::has_exit_code;
  if (r.signal) marks |= mark::has_signal;
  if (r.input_cut || s.input < r.input.size()) marks |= mark::input_cut;
  if (r.output_cut || s.output < r.output.size()) marks |= mark::output_cut;
  if (r.errors_cut || s.errors < r.errors.size()) marks |= mark::errors_cut;
  return static_cast<std::uint8_t>(marks);
}

}  // namespace

std::vector<std::byte> encode(const stored_result& r) {
  const shares s = share_out(r);
  std::vector<std::byte> bytes(head_bytes + s.input + s.output + s.errors);
  pawl::byte_writer out(bytes);
  out.numbers(magic, result_version, marks_of(r, s), static_cast<std::uint8_t>(r.kind),
              static_cast<std::uint8_t>(r.attempts));
  out.numbers(r.sequence, r.line_hash, static_cast<std::uint64_t>(r.waited.count()),
              static_cast<std::uint64_t>(r.ran.count()));
  out.numbers(static_cast<std::uint32_t>(r.exit_code.value_or(0)),
              static_cast<std::uint32_t>(r.signal.value_or(0)));
  out.numbers(static_cast<std::uint32_t>(s.input), static_cast<std::uint32_t>(s.output),
              static_cast<std::uint32_t>(s.errors));
  out.bytes(pawl::as_bytes(std::string_view(r.input).substr(0, s.input)));
  out.bytes(pawl::as_bytes(std::string_view(r.output).substr(0, s.output)));
  out.bytes(pawl::as_bytes(std::string_view(r.errors).substr(0, s.errors)));
  return bytes;
}

std::optional<stored_result> decode_result(std::span<const std::byte> bytes) {
  pawl::byte_reader in(bytes);
  if (in.u32() != magic || in.u8() != result_version) return std::nullopt;
  stored_result r;
  const std::uint8_t marks = in.u8();
  const std::uint8_t kind = in.u8();
  if ((marks & ~mark::all) != 0 || kind >= std::size(all_kinds)) return std::nullopt;
  r.kind = static_cast<kind_name>(kind);
  r.attempts = in.u8();
  r.sequence = in.u64();
  r.line_hash = in.u64();
  r.waited = std::chrono::nanoseconds(static_cast<std::int64_t>(in.u64()));
  r.ran = std::chrono::nanoseconds(static_cast<std::int64_t>(in.u64()));
  const auto exit_code = static_cast<int>(in.u32());
  const auto signal = static_cast<int>(in.u32());
  if ((marks & mark::has_exit_code) != 0) r.exit_code = exit_code;
  if ((marks & mark::has_signal) != 0) r.signal = signal;
  const std::uint32_t input_bytes = in.u32();
  const std::uint32_t output_bytes = in.u32();
  const std::uint32_t errors_bytes = in.u32();
  r.input = pawl::as_text(in.bytes(input_bytes));
  r.output = pawl::as_text(in.bytes(output_bytes));
  r.errors = pawl::as_text(in.bytes(errors_bytes));
  r.is_words = (marks & mark::is_words) != 0;
  r.input_cut = (marks & mark::input_cut) != 0;
  r.output_cut = (marks & mark::output_cut) != 0;
  r.errors_cut = (marks & mark::errors_cut) != 0;
  if (!in.is_at_end() || r.waited.count() < 0 || r.ran.count() < 0) return std::nullopt;
  return r;
}

job_result shown(stored_result&& r, pawl::job_id id) {
  job_result result;
  result.sequence = r.sequence;
  result.id = id;
  result.kind = name(r.kind);
  result.input = std::move(r.input);
  result.is_words = r.is_words;
  result.state = name(pawl::job_state::completed);
  result.attempts = r.attempts;
  result.exit_code = r.exit_code;
  result.signal = r.signal;
  result.waited = r.waited;
  result.ran = r.ran;
  result.is_cut = r.output_cut || r.errors_cut;
  result.output.assign(std::move(r.output));
  result.errors.assign(std::move(r.errors));
  return result;
}

}  // namespace pawl_tool
