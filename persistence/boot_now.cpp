#include "persistence/boot_now.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace pawl {
namespace {

constexpr std::size_t text_bytes_of_id = 36;

constexpr bool is_dash(std::size_t at) noexcept {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

// 16 and more: it is no digit.
constexpr unsigned digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return 16;
}

}  // namespace

result<id_bytes> boot_id_of(std::string_view text) noexcept {
  constexpr failure wrong{.code = errc::io, .sys_errno = 0, .where = "boot id: it is none"};
  if (text.size() == text_bytes_of_id + 1 && text.back() == '\n') text.remove_suffix(1);
  if (text.size() != text_bytes_of_id) return wrong;
  id_bytes id{};
  std::size_t digits = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_dash(at)) {
      if (text[at] != '-') return wrong;
      continue;
    }
    const unsigned digit = digit_of(text[at]);
    if (digit > 15) return wrong;
    id[digits / 2] = id[digits / 2] << 4 | static_cast<std::byte>(digit);
    ++digits;
  }
  return id;
}

std::string boot_id_text(const id_bytes& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte b : id) {
    if (is_dash(text.size())) text += '-';
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

result<id_bytes> read_boot_id() {
  const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure{.code = errc::io, .sys_errno = errno, .where = "boot id: open"};
  std::array<char, 64> text{};
  const ssize_t n = ::read(fd, text.data(), text.size());  // of /proc: all at once
  const int error = n < 0 ? errno : 0;
  ::close(fd);
  if (n < 0) return failure{.code = errc::io, .sys_errno = error, .where = "boot id: read"};
  return boot_id_of({text.data(), static_cast<std::size_t>(n)});
}

}  // namespace pawl
