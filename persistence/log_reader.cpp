#include "persistence/log_reader.hpp"

#include <map>

#include "base/seeded_bug.hpp"
#include "persistence/log_files.hpp"
#include "persistence/tail_table.hpp"

namespace pawl {
namespace {

// The segments of one epoch: from first to last, as indices.
struct epoch_run {
  std::size_t first;
  std::size_t last;
};

std::vector<epoch_run> epochs_of(const std::vector<log_segment>& segments) {
  std::vector<epoch_run> runs;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i == 0 || segments[i].header.epoch != segments[i - 1].header.epoch) runs.push_back({i, i});
    runs.back().last = i;
  }
  return runs;
}

// Puts the bytes of each ring together, chunk by chunk, until their cut is closed.
class cut_builder {
 public:
  // False: bytes of the chunk's ring are missing before it.
  bool add(const chunk& c) {
    ring& r = rings_[c.ring];
    if (c.offset != r.next) return false;
    if (r.bytes.empty()) touched_.push_back(c.ring);
    r.next += c.bytes.size();
    r.bytes.insert(r.bytes.end(), c.bytes.begin(), c.bytes.end());
    return true;
  }
  // Valid until clear().
  std::span<const cut_part> parts() {
    parts_.clear();
    for (const std::uint32_t number : touched_) {
      const ring& r = rings_[number];
      parts_.push_back({number, r.next - r.bytes.size(), r.bytes});
    }
    return parts_;
  }
  void clear() {
    for (const std::uint32_t number : touched_) rings_[number].bytes.clear();
    touched_.clear();
  }

 private:
  struct ring {
    std::uint64_t next = 0;
    std::vector<std::byte> bytes;
  };
  std::map<std::uint32_t, ring> rings_;
  std::vector<std::uint32_t> touched_;
  std::vector<cut_part> parts_;
};

// Goes through the frames of one epoch.
class epoch_scan {
 public:
  epoch_scan(log_files& files, epoch_run run, const epoch_base* next) noexcept
      : files_(files),
        run_(run),
        next_(next),
        segment_(run.first),
        end_(header().base),
        end_place_{header().number, block_bytes},
        last_(end_) {}

  // Gives the cuts to `taker`, if there is one; else stops where the base is complete.
  std::optional<log_fault> go(cut_taker* taker);

  [[nodiscard]] bool has_base() const noexcept { return has_base_; }
  [[nodiscard]] const epoch_base& end() const noexcept { return end_; }
  [[nodiscard]] const log_place& end_place() const noexcept { return end_place_; }
  [[nodiscard]] const std::array<std::uint64_t, 6>& rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t cuts() const noexcept { return cuts_; }
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }

 private:
  [[nodiscard]] const segment_header& header() const noexcept {
    return files_.segments()[segment_].header;
  }
  [[nodiscard]] log_fault fault(std::string_view why) const noexcept {
    return {.cause = {.code = errc::corrupt, .where = why},
            .segment = header().number,
            .offset = offset_,
            .frame = last_.frame + 1};
  }
  std::optional<frame_view> find_next();
  bool look_behind();
  std::optional<log_fault> check(const frame_view& f) const;
  std::optional<log_fault> take(const frame_view& f, cut_taker* taker);
  std::optional<log_fault> finish();

  log_files& files_;
  const epoch_run run_;
  const epoch_base* const next_;  // of the epoch behind; null: this is the last
  std::size_t segment_;
  std::uint64_t offset_ = block_bytes;
  epoch_base end_;                // the last frame that closed a cut
  log_place end_place_;           // behind it
  epoch_base last_;               // the last frame
  std::uint64_t open_bytes_ = 0;  // of frames behind end_
  bool has_base_ = false;
  std::array<std::uint64_t, 6> rows_{};
  std::uint64_t cuts_ = 0;
  std::uint64_t frames_ = 0;
  cut_builder cut_;
};

// The next frame, here or at the beginning of the next segment.
std::optional<frame_view> epoch_scan::find_next() {
  const auto is_next = [this](const std::optional<frame_view>& f) {
    return f && f->head().number == last_.frame + 1 && f->head().previous_crc == last_.crc;
  };
  if (auto f = files_.frame_at(segment_, offset_); is_next(f)) return f;
  if (segment_ == run_.last) return std::nullopt;
  auto f = files_.frame_at(segment_ + 1, block_bytes);
  if (!is_next(f)) return std::nullopt;
  ++segment_;
  offset_ = block_bytes;
  return f;
}

// Looks through what is left of the epoch for a frame that knows the missing one to be durable, and adds
// up what is there.
bool epoch_scan::look_behind() {
  bool found = false;
  end_.dropped_bytes = open_bytes_;
  for (std::size_t i = segment_; i <= run_.last; ++i) {
    const std::uint64_t size = files_.segments()[i].header.segment_bytes;
    std::uint64_t at = i == segment_ ? offset_ : block_bytes;
    while (at < size) {
      const auto f = files_.frame_at(i, at);
      if (files_.failed()) return true;
      if (f) {
        found = found || f->head().durable_frame > last_.frame;
        end_.dropped_bytes += f->size();
      }
      at += f ? f->size() : block_bytes;
    }
  }
  return found;
}

std::optional<log_fault> epoch_scan::check(const frame_view& f) const {
  const frame_head& h = f.head();
  const bool is_open = last_.frame != end_.frame;
  const bool lsn_fits = is_open       ? h.lsn == last_.lsn && !f.has(seal)
                        : f.has(seal) ? h.lsn == last_.lsn
                                      : h.lsn > last_.lsn;
  if (!lsn_fits) return fault("frame: its LSN is not in order");
  if (h.durable_frame >= h.number) return fault("frame: it says of itself that it is durable");
  return std::nullopt;
}

std::optional<log_fault> epoch_scan::take(const frame_view& f, cut_taker* taker) {
  if (auto wrong = check(f)) return wrong;
  bool is_whole = true;
  f.for_each_chunk([&](const chunk& c) { is_whole = is_whole && cut_.add(c); });
  if (!is_whole) return fault("frame: bytes of a ring are missing before it");
  last_ = {.frame = f.head().number, .crc = f.crc(), .lsn = f.head().lsn};
  open_bytes_ += f.size();
  ++frames_;
  if (f.has(closes_cut)) {
    if (taker != nullptr && !f.has(seal)) {
      const log_cut cut{.lsn = f.head().lsn,
                        .epoch = f.head().epoch,
                        .written = {f.head().wall_ns, f.head().boot_ns, header().made.boot_id},
                        .parts = cut_.parts()};
      if (const status s = taker->take(cut); !s) {
        log_fault refused = fault(s.error().where);
        refused.cause = s.error();
        refused.frame = f.head().number;
        return refused;
      }
      ++cuts_;
    }
    cut_.clear();
    end_ = last_;
    end_place_ = {header().number, offset_ + f.size()};
    open_bytes_ = 0;
    has_base_ = has_base_ || f.has(completes_base);
  }
  offset_ += f.size();
  return std::nullopt;
}

// The next epoch must go on exactly where this one ends.
std::optional<log_fault> epoch_scan::finish() {
  if (last_.frame != end_.frame || next_->crc != end_.crc || next_->lsn != end_.lsn) {
    return fault("epoch: the next one does not go on where it ends");
  }
  return std::nullopt;
}

std::optional<log_fault> epoch_scan::go(cut_taker* taker) {
  for (;;) {
    const auto f = find_next();
    if (files_.failed()) return files_.failed();
    tail_case c{.is_there = f.has_value()};
    if (next_ != nullptr && !(f && PAWL_SEEDED(epoch_not_checked))) {
      c.next = next_->frame > last_.frame ? next_epoch::has_it : next_epoch::left_it_out;
    } else if (!f) {
      c.was_durable = look_behind();
      if (files_.failed()) return files_.failed();
    }
    ++rows_[static_cast<std::size_t>(tail_row_of(c))];
    switch (decide_tail(c)) {
      case tail_decision::take:
        if (auto wrong = take(*f, taker)) return wrong;
        if (taker == nullptr && has_base_) return std::nullopt;
        break;
      case tail_decision::end_of_epoch:
        return finish();
      case tail_decision::end_of_log:
        return std::nullopt;
      case tail_decision::damage:
        return fault("frame: it is missing or damaged, and was durable");
    }
  }
}

// All segments from the epoch's first to the next one's first, without a gap.
std::optional<log_fault> check_numbers(const std::vector<log_segment>& segments, epoch_run run) {
  for (std::size_t i = run.first; i <= run.last && i + 1 < segments.size(); ++i) {
    if (segments[i + 1].header.number == segments[i].header.number + 1) continue;
    return log_fault{.cause = {.code = errc::corrupt, .where = "directory: a segment is missing"},
                     .segment = segments[i].header.number + 1};
  }
  return std::nullopt;
}

}  // namespace

log_summary read_log(log_device& device, cut_taker& taker) {
  log_summary summary;
  log_files files(device);
  summary.fault = files.open();
  if (summary.fault || files.segments().empty()) return summary;
  const std::vector<log_segment>& segments = files.segments();
  summary.directory_id = segments.back().header.directory_id;
  summary.epoch = segments.back().header.epoch;
  summary.last_segment = segments.back().header.number;
  const std::vector<epoch_run> runs = epochs_of(segments);
  const auto next_of = [&](std::size_t i) {
    return i + 1 == runs.size() ? nullptr : &segments[runs[i + 1].first].header.base;
  };
  std::size_t start = runs.size();
  for (bool has_base = false; !has_base;) {
    if (start-- == 0) {
      summary.fault = log_fault{
          .cause = {.code = errc::corrupt, .where = "directory: the log has no beginning"}};
      return summary;
    }
    summary.fault = check_numbers(segments, runs[start]);
    if (summary.fault) return summary;
    epoch_scan scan(files, runs[start], next_of(start));
    summary.fault = scan.go(nullptr);
    if (summary.fault) return summary;
    const segment_header& first = segments[runs[start].first].header;
    has_base = scan.has_base() || (first.epoch == 1 && first.number == 1);
  }
  summary.first_segment = segments[runs[start].first].header.number;
  for (std::size_t i = start; i < runs.size(); ++i) {
    epoch_scan scan(files, runs[i], next_of(i));
    summary.fault = scan.go(&taker);
    summary.cuts += scan.cuts();
    summary.frames += scan.frames();
    summary.end = scan.end();
    summary.end_place = scan.end_place();
    for (std::size_t row = 0; row < summary.rows.size(); ++row)
      summary.rows[row] += scan.rows()[row];
    if (summary.fault) return summary;
  }
  return summary;
}

}  // namespace pawl
