#include "persistence/log_files.hpp"

#include <algorithm>

#include "persistence/segment_name.hpp"

namespace pawl {
namespace {

log_fault damaged(std::uint64_t segment, std::string_view why) noexcept {
  return {.cause = {.code = errc::corrupt, .where = why}, .segment = segment};
}

}  // namespace

log_files::~log_files() {
  for (const log_segment& s : segments_) device_.close(s.file);
}

std::optional<log_fault> log_files::open() {
  const auto names = device_.list();
  if (!names) return log_fault{.cause = names.error()};
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    if (const auto number = number_in(name, segment_prefix)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  for (const std::uint64_t number : numbers) {
    const auto file = device_.open(file_name(segment_prefix, number));
    if (!file) return log_fault{.cause = file.error(), .segment = number};
    segments_.push_back({*file, {}});
    const auto size = device_.size(*file);
    if (!size) return log_fault{.cause = size.error(), .segment = number};
    const std::span<std::byte> block = window_.span().first(block_bytes);
    const auto got = device_.read(*file, 0, block);
    if (!got) return log_fault{.cause = got.error(), .segment = number};
    if (*got != block_bytes) return damaged(number, "segment: it has no header");
    const auto header = decode_segment_header(block.first<block_bytes>());
    if (!header) return log_fault{.cause = header.error(), .segment = number};
    if (header->number != number) return damaged(number, "segment: its name has another number");
    if (header->segment_bytes != *size) return damaged(number, "segment: its length is wrong");
    segments_.back().header = *header;
  }
  return check_order();
}

std::optional<log_fault> log_files::check_order() const {
  for (std::size_t i = 1; i < segments_.size(); ++i) {
    const segment_header& before = segments_[i - 1].header;
    const segment_header& h = segments_[i].header;
    if (h.directory_id != before.directory_id) {
      return damaged(h.number, "segment: it is of another directory");
    }
    const bool is_next = h.epoch > before.epoch && h.base.frame >= before.base.frame;
    const bool is_same = h.epoch == before.epoch && h.base == before.base;
    if (!is_next && !is_same) return damaged(h.number, "segment: its epoch is not in order");
  }
  return std::nullopt;
}

byte_span log_files::bytes_at(std::size_t index, std::uint64_t offset) {
  const log_segment& s = segments_[index];
  const std::uint64_t left =
      s.header.segment_bytes - std::min<std::uint64_t>(offset, s.header.segment_bytes);
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(left, frame_bytes_max));
  const bool is_held = window_size_ != 0 && index == window_index_ && offset >= window_offset_ &&
                       offset + wanted <= window_offset_ + window_size_;
  if (!is_held) {
    window_size_ = 0;
    const std::size_t n =
        static_cast<std::size_t>(std::min<std::uint64_t>(left, window_.span().size()));
    if (n == 0) return {};
    const auto got = device_.read(s.file, offset, window_.span().first(n));
    if (!got || *got != n) {
      const failure cut_off{.code = errc::corrupt, .where = "segment: it became shorter"};
      failed_ = log_fault{
          .cause = got ? cut_off : got.error(), .segment = s.header.number, .offset = offset};
      return {};
    }
    window_index_ = index;
    window_offset_ = offset;
    window_size_ = n;
  }
  return window_.span()
      .first(window_size_)
      .subspan(static_cast<std::size_t>(offset - window_offset_));
}

std::optional<frame_view> log_files::frame_at(std::size_t index, std::uint64_t offset) {
  const segment_header& h = segments_[index].header;
  return frame_view::at({h.directory_id, h.number, offset}, h.epoch, bytes_at(index, offset));
}

}  // namespace pawl
