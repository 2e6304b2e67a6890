#include "input_position.hpp"

#include <string>

#include "base/bytes.hpp"
#include "base/key_hash.hpp"
#include "kind.hpp"

namespace pawl_tool {

namespace {

constexpr std::uint8_t version = 1;

void append_word(std::string& to, std::string_view word) {
  to += std::to_string(word.size());
  to += ':';
  to += word;
}

}  // namespace

void input_position::pass(const input_line& line) noexcept {
  // The length is part of it: of a line that is too long only the beginning is there.
  hash = pawl::hash_key(line.text, hash, line.bytes).low;
  ++lines;
  bytes += line.bytes;
}

position_bytes encode(const input_position& at) noexcept {
  position_bytes bytes;
  pawl::byte_writer out(bytes);
  out.numbers(version, at.lines, at.bytes, at.hash, at.command);
  return bytes;
}

std::optional<input_position> decode_position(std::span<const std::byte> bytes) noexcept {
  pawl::byte_reader in(bytes);
  if (in.u8() != version) in.fail();
  input_position at;
  at.lines = in.u64();
  at.bytes = in.u64();
  at.hash = in.u64();
  at.command = in.u64();
  if (!in.is_at_end()) return std::nullopt;
  return at;
}

std::uint64_t hash_of_line(std::string_view text) noexcept {
  return pawl::hash_key(text, 0, 0).low;
}

std::uint64_t hash_of_command(const run_settings& settings) {
  std::string all;
  append_word(all, settings.kind ? name(*settings.kind) : std::string_view());
  append_word(all, settings.jsonl ? "jsonl" : "");
  append_word(all, std::string_view(&settings.delimiter, 1));
  append_word(all, settings.sleep_for ? std::to_string(settings.sleep_for->count()) : "");
  for (const std::string& word : settings.command) append_word(all, word);
  return pawl::hash_key(all, 0, 0).low;
}

}  // namespace pawl_tool
