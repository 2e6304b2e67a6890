#include "json_text.hpp"

namespace pawl_tool {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

unsigned byte_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

// How long the character should be that begins with this byte; 0: none does.
std::size_t announced_length(unsigned first) noexcept {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  if (first >= 0xf0 && first <= 0xf4) return 4;
  return 0;
}

// The second byte of a character also keeps out overlong forms, surrogates, and what is above
// U+10FFFF.
bool second_fits(unsigned first, unsigned second) noexcept {
  switch (first) {
    case 0xe0:
      return second >= 0xa0 && second <= 0xbf;
    case 0xed:
      return second >= 0x80 && second <= 0x9f;
    case 0xf0:
      return second >= 0x90 && second <= 0xbf;
    case 0xf4:
      return second >= 0x80 && second <= 0x8f;
    default:
      return second >= 0x80 && second <= 0xbf;
  }
}

// How many bytes at the front agree with the character they announce.
std::size_t agreeing_bytes(std::string_view bytes, std::size_t announced) noexcept {
  std::size_t at = 1;
  while (at < announced && at < bytes.size() &&
         (at == 1 ? second_fits(byte_at(bytes, 0), byte_at(bytes, 1))
                  : (byte_at(bytes, at) & 0xc0) == 0x80)) {
    ++at;
  }
  return at;
}

// How many bytes at the front stand for themselves.
std::size_t plain_bytes(std::string_view bytes) noexcept {
  std::size_t at = 0;
  while (at < bytes.size() && byte_at(bytes, at) >= 0x20 && byte_at(bytes, at) < 0x7f &&
         bytes[at] != '"' && bytes[at] != '\\') {
    ++at;
  }
  return at;
}

void append_ascii(std::string& to, char c) {
  constexpr char digits[] = "0123456789abcdef";
  switch (c) {
    case '"':
      to += "\\\"";
      return;
    case '\\':
      to += "\\\\";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    case '\t':
      to += "\\t";
      return;
    default:
      break;
  }
  const auto value = static_cast<unsigned char>(c);
  if (value >= 0x20 && value != 0x7f) {
    to += c;
  } else {
    to += "\\u00";
    to += digits[value >> 4];
    to += digits[value & 15];
  }
}

}  // namespace

std::size_t utf8_length(std::string_view bytes) noexcept {
  if (bytes.empty()) return 0;
  const std::size_t announced = announced_length(byte_at(bytes, 0));
  return announced != 0 && agreeing_bytes(bytes, announced) == announced ? announced : 0;
}

void json_string::append(std::string_view piece) {
  // A character cut off by the last piece is completed from this one, byte by byte.
  while (!cut_off_.empty() && !piece.empty()) {
    cut_off_ += piece.front();
    piece.remove_prefix(1);
    cut_off_.erase(0, append_known(cut_off_, false));
  }
  cut_off_ += piece.substr(append_known(piece, false));
}

void json_string::finish() {
  append_known(cut_off_, true);
  cut_off_.clear();
}

// Appends what is certain. Returns how many bytes that were: all but a last character that is cut
// off, when this is not the last piece.
std::size_t json_string::append_known(std::string_view piece, bool is_last) {
  std::size_t at = 0;
  while (at < piece.size()) {
    const std::size_t plain = plain_bytes(piece.substr(at));
    to_ += piece.substr(at, plain);
    at += plain;
    if (at == piece.size()) break;
    const std::string_view rest = piece.substr(at);
    const std::size_t announced = announced_length(byte_at(rest, 0));
    if (announced == 1) {
      append_ascii(to_, rest.front());
      ++at;
      continue;
    }
    const std::size_t agreeing = announced == 0 ? 1 : agreeing_bytes(rest, announced);
    if (announced != 0 && agreeing == announced) {
      to_ += rest.substr(0, announced);
      at += announced;
    } else if (!is_last && announced != 0 && agreeing == rest.size()) {
      break;
    } else {
      to_ += replacement;
      ++at;
    }
  }
  return at;
}

void append_json(std::string& to, std::string_view bytes) {
  to += '"';
  json_string text(to);
  text.append(bytes);
  text.finish();
  to += '"';
}

}  // namespace pawl_tool
