#include "engine/messages.hpp"

#include <array>
#include <cstdio>

namespace pawl {

namespace {
constexpr std::size_t message_bytes_max = 512;
constexpr unsigned lines_per_second_max = 10;

const char* name_of(log_level level) {
  switch (level) {
    case log_level::info:
      return "info";
    case log_level::warning:
      return "warning";
    case log_level::error:
      return "error";
  }
  return "?";
}

// Handlers say what they like: for a terminal each control character is written as \xNN, those of
// Latin-1 too, which UTF-8 spells c2 80 to c2 9f.
class printable_text {
 public:
  explicit printable_text(std::string_view text) noexcept {
    text = text.substr(0, message_bytes_max);
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
      const bool is_c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
      if (is_c1) {
        escape(byte);
        escape(next);
        ++i;
      } else if (byte < 0x20 || byte == 0x7f) {
        escape(byte);
      } else {
        space_[bytes_++] = text[i];
      }
    }
  }
  [[nodiscard]] const char* data() const noexcept { return space_.data(); }
  [[nodiscard]] int bytes() const noexcept { return static_cast<int>(bytes_); }

 private:
  void escape(unsigned char byte) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : {'\\', 'x', digits[byte >> 4], digits[byte & 15]}) space_[bytes_++] = c;
  }

  std::array<char, 4 * message_bytes_max> space_;
  std::size_t bytes_ = 0;
};
}  // namespace

void messages::say(log_level level, std::string_view event, std::string_view message,
                   job_id job) noexcept {
  const log_record record{level, event, message.substr(0, message_bytes_max), job};
  if (sink_.write != nullptr) {
    sink_.write(sink_.user, record);
  } else if (level != log_level::info) {
    print(record);
  }
}

void messages::print(const log_record& r) noexcept {
  const std::uint64_t second = clock_.boot_ns() / 1'000'000'000u;
  if (second_.exchange(second, relaxed) != second) lines_in_second_.store(0, relaxed);
  const unsigned before = lines_in_second_.fetch_add(1, relaxed);
  if (before >= lines_per_second_max) return;
  const char* more = before + 1 == lines_per_second_max ? " (more of this second is left out)" : "";
  const printable_text message(r.message);
  std::fprintf(stderr, "pawl: %s: %.*s: %.*s%s\n", name_of(r.level),
               static_cast<int>(r.event.size()), r.event.data(), message.bytes(), message.data(),
               more);
}

}  // namespace pawl
