#include "printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "json_text.hpp"

namespace pawl_tool {

namespace {

bool is_control(unsigned char byte) {
  return byte < 0x20 || byte == 0x7f;
}

void append_escaped(std::string& text, unsigned char byte) {
  switch (byte) {
    case '\n':
      text += "\\n";
      break;
    case '\t':
      text += "\\t";
      break;
    case '\r':
      text += "\\r";
      break;
    default:
      fmt::format_to(std::back_inserter(text), "\\x{:02x}", byte);
  }
}

bool is_plain_word(std::string_view bytes) {
  constexpr std::string_view plain = "_-./:=@%+,";
  return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           plain.find(c) != plain.npos;
  });
}

}  // namespace

std::string printable(std::string_view bytes, std::size_t bytes_max) {
  std::string text = "\"";
  const std::string_view shown = bytes.substr(0, bytes_max);
  for (std::size_t at = 0; at < shown.size();) {
    const auto byte = static_cast<unsigned char>(shown[at]);
    const std::size_t length = utf8_length(shown.substr(at));
    // U+0080 to U+009F are control characters as well.
    const bool is_c1 =
        length == 2 && byte == 0xc2 && static_cast<unsigned char>(shown[at + 1]) < 0xa0;
    if (byte == '"' || byte == '\\') {
      text += {'\\', shown[at++]};
    } else if (length == 0 || is_control(byte) || is_c1) {
      append_escaped(text, byte);
      ++at;
    } else {
      text += shown.substr(at, length);
      at += length;
    }
  }
  text += '"';
  if (shown.size() < bytes.size()) text += "...";
  return text;
}

std::string shell_word(std::string_view bytes) {
  if (is_plain_word(bytes)) return std::string(bytes);
  const bool has_control = std::any_of(
      bytes.begin(), bytes.end(), [](char c) { return is_control(static_cast<unsigned char>(c)); });
  std::string text = has_control ? "$'" : "'";
  for (const char c : bytes) {
    if (!has_control) {
      if (c == '\'')
        text += "'\\''";
      else
        text += c;
    } else if (c == '\'' || c == '\\') {
      text += {'\\', c};
    } else if (is_control(static_cast<unsigned char>(c))) {
      append_escaped(text, static_cast<unsigned char>(c));
    } else {
      text += c;
    }
  }
  return text + '\'';
}

std::string with_commas(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string short_time(std::uint64_t nanoseconds) {
  const auto value = static_cast<double>(nanoseconds);
  if (nanoseconds < 1'000) return fmt::format("{} ns", nanoseconds);
  if (nanoseconds < 1'000'000) return fmt::format("{:.3g} us", value / 1e3);
  if (nanoseconds < 1'000'000'000) return fmt::format("{:.3g} ms", value / 1e6);
  if (value < 100e9) return fmt::format("{:.3g} s", value / 1e9);
  return fmt::format("{:.0f} s", value / 1e9);
}

}  // namespace pawl_tool
