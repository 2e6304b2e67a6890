#include "persistence/log_writer.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/seeded_bug.hpp"
#include "pawl/version.hpp"
#include "persistence/segment_maker.hpp"
#include "persistence/segment_name.hpp"

namespace pawl {
namespace {

constexpr std::string_view writer_text = "pawl 0.1.0";
static_assert(writer_text.substr(5) == library_version);

// An upper bound of what the frames of a cut take: each has a head, the rest of a chunk, and is filled up.
std::uint64_t bytes_of_frames(std::span<const cut_part> parts) noexcept {
  std::uint64_t bytes = 0;
  for (const cut_part& p : parts) bytes += p.bytes.size() + chunk_head_bytes;
  const std::uint64_t frames = bytes / (frame_bytes_max / 2) + 2;
  return bytes + frames * (2 * block_bytes);
}

}  // namespace

log_writer::log_writer(log_device& device, const log_start& start)
    : device_(device),
      start_(start),
      last_(start.base),
      written_frame_(start.base.frame),
      durable_frame_(start.base.frame),
      durable_lsn_(start.base.lsn) {
  PAWL_CHECK(is_segment_length(start.segment_bytes));
}

log_writer::~log_writer() {
  // The device may read the buffers until their writes have come to an end.
  completion done{};
  while (device_.reap({&done, 1}, true) != 0) {
  }
  for (const segment& s : segments_) device_.close(s.file);
}

status log_writer::begin(const boot_moment& now) {
  PAWL_CHECK(segments_.empty());
  return prepare(now);
}

status log_writer::prepare(const boot_moment& now) {
  if (failed_) return cause();
  if (status s = sync(); !s) return s;  // nothing else may be under way
  segment_header header{.segment_bytes = start_.segment_bytes,
                        .directory_id = start_.directory_id,
                        .number = next_number(),
                        .epoch = start_.epoch,
                        .base = start_.base,
                        .made = now};
  const byte_span text = as_bytes(writer_text);
  std::copy(text.begin(), text.end(), header.writer.begin());
  const bool has_spare = spares_ != nullptr && spares_->take(header.number);
  if (status s = make_segment(device_, header, has_spare); !s) return s;
  const auto file = device_.open(file_name(segment_prefix, header.number));
  if (!file) return file.error();
  segments_.push_back({*file, header.number});
  return std::monostate{};
}

std::uint64_t log_writer::next_number() const noexcept {
  return segments_.empty() ? start_.first_segment : segments_.back().number + 1;
}

// Early enough that it is there when this segment is full.
void log_writer::look_ahead() noexcept {
  const bool is_time = segments_.size() == 1 && offset_ > start_.segment_bytes / 4;
  if (is_time && spares_ != nullptr) spares_->want(next_number());
}

std::uint64_t log_writer::room() const noexcept {
  const std::uint64_t of_others = (segments_.size() - 1) * (start_.segment_bytes - block_bytes);
  return start_.segment_bytes - offset_ + of_others;
}

bool log_writer::is_half_used() const noexcept {
  return segments_.size() == 1 && offset_ > start_.segment_bytes / 2;
}

status log_writer::make_room(std::uint64_t bytes, const boot_moment& now) {
  PAWL_CHECK(!segments_.empty());
  while (room() < bytes) {
    if (status s = prepare(now); !s) return s;
  }
  return std::monostate{};
}

status log_writer::next_segment() {
  if (status s = sync(); !s) return s;
  PAWL_CHECK(segments_.size() > 1);
  device_.close(segments_.front().file);
  segments_.pop_front();
  offset_ = block_bytes;
  return std::monostate{};
}

bool log_writer::has_buffer() const noexcept {
  return std::any_of(buffers_.begin(), buffers_.end(),
                     [](const buffer& b) { return b.frame == 0; });
}

// Null: the log has failed.
log_writer::buffer* log_writer::free_buffer() {
  for (;;) {
    if (failed_) return nullptr;
    for (buffer& b : buffers_) {
      if (b.frame == 0) return &b;
    }
    step(true);
  }
}

status log_writer::write(std::uint64_t lsn, std::span<const cut_part> parts, const boot_moment& now,
                         bool completes) {
  PAWL_CHECK(lsn > last_.lsn && (closed_.empty() || lsn > closed_.back().lsn));
  if (failed_) return cause();
  if (status s = make_room(bytes_of_frames(parts), now); !s) return s;
  std::size_t part = 0;
  std::size_t done = 0;  // bytes of it
  for (bool is_last = false; !is_last;) {
    if (offset_ == start_.segment_bytes) {
      if (status s = next_segment(); !s) return s;
    }
    buffer* b = free_buffer();
    if (b == nullptr) return cause();
    const std::uint64_t left = start_.segment_bytes - offset_;
    frame_builder builder(b->memory.span().first(
        static_cast<std::size_t>(std::min<std::uint64_t>(left, frame_bytes_max))));
    while (part < parts.size() && builder.room_left() != 0) {
      const cut_part& p = parts[part];
      const byte_span rest = p.bytes.subspan(done);
      const std::size_t n = std::min(rest.size(), builder.room_left());
      if (n != 0) builder.add({p.ring, p.offset + done, rest.first(n)});
      done += n;
      if (done == p.bytes.size()) {
        ++part;
        done = 0;
      }
    }
    is_last = part == parts.size();
    const int flags = (is_last ? closes_cut : 0) | (is_last && completes ? completes_base : 0);
    if (status s = write_frame(builder, *b, lsn, static_cast<std::uint16_t>(flags), now); !s)
      return s;
  }
  closed_.push_back({last_.frame, lsn});
  look_ahead();
  step(false);
  return std::monostate{};
}

void log_writer::pass(std::uint64_t lsn) {
  if (failed_) return;
  closed_.push_back({last_.frame, lsn});
  if (is_all_durable()) note_durable(durable_frame_);
}

status log_writer::write_seal(const boot_moment& now) {
  if (failed_) return cause();
  if (is_sealed_ || !is_all_durable()) return std::monostate{};
  if (status s = make_room(block_bytes, now); !s) return s;
  if (offset_ == start_.segment_bytes) {
    if (status s = next_segment(); !s) return s;
  }
  buffer* b = free_buffer();
  if (b == nullptr) return cause();
  frame_builder builder(b->memory.span().first(block_bytes));
  if (status s = write_frame(builder, *b, last_.lsn, closes_cut | seal, now); !s) return s;
  is_sealed_ = true;
  step(false);
  return std::monostate{};
}

status log_writer::write_frame(frame_builder& builder, buffer& b, std::uint64_t lsn,
                               std::uint16_t flags, const boot_moment& now) {
  const frame_head head{.epoch = start_.epoch,
                        .number = last_.frame + 1,
                        .lsn = lsn,
                        .previous_crc = last_.crc,
                        .flags = flags,
                        .durable_frame = durable_frame_,
                        .wall_ns = now.wall_ns,
                        .boot_ns = now.boot_ns};
  const segment& s = segments_.front();
  const auto frame = builder.finish(head, {start_.directory_id, s.number, offset_});
  b.frame = head.number;
  b.offset = offset_;
  b.size = frame.bytes.size();
  last_ = {.frame = head.number, .crc = frame.crc, .lsn = lsn};
  is_sealed_ = false;
  offset_ += frame.bytes.size();
  bytes_ += frame.bytes.size();
  device_.start_write(s.file, b.offset, frame.bytes, b.frame);
  return std::monostate{};
}

void log_writer::step(bool wait) {
  std::array<completion, 2 * frames_under_way_max> done{};
  if (failed_) return;
  const std::size_t n = device_.reap(done, wait);
  for (std::size_t i = 0; i < n && !failed_; ++i) ended(done[i]);
  if (failed_) return;
  std::uint64_t written = last_.frame;
  for (const buffer& b : buffers_) {
    if (b.frame != 0) written = std::min(written, b.frame - 1);
  }
  written_frame_ = written;
  if (syncing_frame_ == 0 && written_frame_ > durable_frame_) {
    syncing_frame_ = PAWL_SEEDED(sync_too_far) ? last_.frame : written_frame_;
    ++syncs_;
    device_.start_sync(segments_.front().file, sync_token);
  }
}

void log_writer::ended(const completion& c) {
  if (c.token == sync_token) {
    if (PAWL_SEEDED(retried_sync) && c.result != 0) {
      return device_.start_sync(segments_.front().file, sync_token);
    }
    if (c.result != 0) return fail(0, syncing_frame_, c.result, "log: sync");
    note_durable(syncing_frame_);
    syncing_frame_ = 0;
    return;
  }
  for (buffer& b : buffers_) {
    if (b.frame != c.token) continue;
    const bool is_whole = c.result == static_cast<std::int64_t>(b.size);
    if (!is_whole && !(PAWL_SEEDED(ignored_short_write) && c.result > 0)) {
      return fail(b.offset, b.frame, c.result,
                  c.result < 0 ? "log: write" : "log: a write was cut short");
    }
    if (PAWL_SEEDED(ack_before_sync)) note_durable(b.frame);
    b.frame = 0;
    return;
  }
}

void log_writer::note_durable(std::uint64_t frame) {
  durable_frame_ = frame;
  while (!closed_.empty() && closed_.front().frame <= frame) {
    durable_lsn_ = closed_.front().lsn;
    closed_.pop_front();
  }
}

void log_writer::fail(std::uint64_t offset, std::uint64_t frame, std::int64_t result,
                      std::string_view where) {
  const int error = result < 0 ? static_cast<int>(-result) : 0;
  failed_ = log_fault{.cause = {.code = errc::io, .sys_errno = error, .where = where},
                      .segment = segments_.front().number,
                      .offset = offset,
                      .frame = frame};
}

status log_writer::sync() {
  while (!failed_ && (!is_all_durable() || syncing_frame_ != 0)) step(true);
  if (failed_) return cause();
  return std::monostate{};
}

}  // namespace pawl
