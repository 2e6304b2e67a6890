#include "persistence/log_tail.hpp"

#include <algorithm>
#include <cerrno>

#include "persistence/segment_name.hpp"

namespace pawl {

log_tail::log_tail(log_device& device, const log_summary& read) noexcept
    : device_(device),
      place_(read.end_place),
      epoch_(read.epoch),
      frame_(read.end.frame),
      crc_(read.end.crc),
      window_(frame_bytes_max) {}

log_tail::~log_tail() {
  if (segment_) device_.close(segment_->file);
}

// Nothing: there is no such segment, or none with a header.
result<std::optional<log_tail::open_segment>> log_tail::open(std::uint64_t number) {
  const auto file = device_.open(file_name(segment_prefix, number));
  if (!file && file.error().sys_errno == ENOENT) return std::optional<open_segment>();
  if (!file) return file.error();
  const auto block = window_.span().first<block_bytes>();
  const auto got = device_.read(*file, 0, block);
  const auto header = got && *got == block_bytes ? decode_segment_header(block)
                                                 : result<segment_header>(failure{errc::corrupt});
  if (header && header->number == number) return std::optional(open_segment{*file, *header});
  device_.close(*file);
  if (!got) return got.error();
  return std::optional<open_segment>();
}

// Most looks find nothing new, so the first block alone is read first.
result<std::optional<frame_view>> log_tail::next_frame(const open_segment& in,
                                                       std::uint64_t offset) {
  const std::optional<frame_view> none;
  const std::uint64_t left =
      in.header.segment_bytes - std::min<std::uint64_t>(offset, in.header.segment_bytes);
  if (left < block_bytes) return none;
  const auto block = device_.read(in.file, offset, window_.span().first(block_bytes));
  if (!block) return block.error();
  byte_reader head(window_.span().first(block_bytes));
  static_cast<void>(head.u64());
  const std::uint64_t bytes = head.u32();
  if (bytes == 0 || bytes % block_bytes != 0 || bytes > frame_bytes_max || bytes > left)
    return none;
  const auto all = window_.span().first(static_cast<std::size_t>(bytes));
  const auto got = device_.read(in.file, offset, all);
  if (!got) return got.error();
  const frame_place place{in.header.directory_id, in.header.number, offset};
  const auto frame = frame_view::at(place, epoch_, all.first(*got));
  const bool is_next =
      frame && frame->head().number == frame_ + 1 && frame->head().previous_crc == crc_;
  return is_next ? frame : none;
}

result<bool> log_tail::enter_next_segment() {
  auto next = open(place_.segment + 1);
  if (!next) return next.error();
  if (!*next) return false;
  if ((*next)->header.epoch == epoch_) {
    const auto frame = next_frame(**next, block_bytes);
    if (frame && *frame) {
      device_.close(segment_->file);
      segment_ = *next;
      place_ = {place_.segment + 1, block_bytes};
      return true;
    }
    device_.close((*next)->file);
    if (!frame) return frame.error();
    return false;
  }
  device_.close((*next)->file);
  return false;
}

// An opening removes what is older than its own epoch when that is complete.
result<bool> log_tail::is_elsewhere() {
  const auto same = open(place_.segment);
  if (!same) return same.error();
  if (!*same) return true;
  device_.close((*same)->file);
  return (*same)->header.epoch != epoch_;
}

status log_tail::take(const frame_view& frame, cut_taker& taker) {
  const frame_head& head = frame.head();
  frame.for_each_chunk([&](const chunk& c) {
    ring_part& part = cut_[c.ring];
    if (part.bytes.empty()) part.offset = c.offset;
    part.bytes.insert(part.bytes.end(), c.bytes.begin(), c.bytes.end());
  });
  frame_ = head.number;
  crc_ = frame.crc();
  place_.offset += frame.size();
  if (!frame.has(closes_cut)) return std::monostate{};
  std::vector<cut_part> parts;
  for (const auto& [ring, part] : cut_) parts.push_back({ring, part.offset, part.bytes});
  status taken = std::monostate{};
  if (!frame.has(seal)) {
    taken = taker.take({.lsn = head.lsn,
                        .epoch = head.epoch,
                        .written = {head.wall_ns, head.boot_ns, segment_->header.made.boot_id},
                        .parts = parts});
  }
  cut_.clear();
  return taken;
}

result<log_tail::end> log_tail::take_new(cut_taker& taker) {
  if (!segment_) {
    auto opened = open(place_.segment);
    if (!opened) return opened.error();
    if (!*opened || (*opened)->header.epoch != epoch_) {
      if (*opened) device_.close((*opened)->file);
      return end::elsewhere;
    }
    segment_ = *opened;
  }
  for (;;) {
    const auto frame = next_frame(*segment_, place_.offset);
    if (!frame) return frame.error();
    if (*frame) {
      if (status s = take(**frame, taker); !s) return s.error();
      continue;
    }
    const auto entered = enter_next_segment();
    if (!entered) return entered.error();
    if (*entered) continue;
    const auto gone = is_elsewhere();
    if (!gone) return gone.error();
    return *gone ? end::elsewhere : end::here;
  }
}

}  // namespace pawl
