// persistence/log_writer.hpp -- writes cuts into frames, frames into segments, and knows what is durable.
// FORMAT.md, sections 1 to 3.
//
// Roles      One thread, which owns the device as well.
// Waiting    For the disk only: write() when all buffers are under way, and at the end of a segment.
// Failure    The first failed or short write, or failed sync, ends it: failed() says which, nothing is
//            durable any more that was not, nothing more is written, nothing is tried again. What is on the
//            disk then is known only to who reads it anew. What fails before a frame is written (no room
//            for another segment) leaves everything as it was and may be tried again.
//
// Invariants I1  Frames are written in the order of their numbers, none twice, none over another that may
//                count.
//            I2  durable_frame() is the longest run of frames from the first whose writes were complete
//                when a sync began which then succeeded.
//            I3  A frame is written into a segment only after that one's header and name are durable, and
//                all frames of the segment before.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "persistence/block_memory.hpp"
#include "persistence/frame.hpp"
#include "persistence/log_device.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/segment_header.hpp"
#include "persistence/spare_source.hpp"

namespace pawl {

// Where an epoch begins.
struct log_start {
  id_bytes directory_id{};
  std::uint64_t epoch = 1;
  std::uint64_t first_segment = 1;  // its number
  epoch_base base{};
  std::uint32_t segment_bytes = 64u << 20;
};

class log_writer {
 public:
  static constexpr std::size_t frames_under_way_max = 4;

  // The device must outlive it.
  log_writer(log_device& device, const log_start& start);
  ~log_writer();
  log_writer(const log_writer&) = delete;
  log_writer& operator=(const log_writer&) = delete;

  // From now on, or from nobody (null): the spare files of coming segments. It must outlive the writer, or be
  // taken back.
  void use_spares(spare_source* spares) noexcept { spares_ = spares; }

  // Makes the first segment of the epoch: with it the epoch is there. First of all, once.
  status begin(const boot_moment& now);

  // Starts to write a cut; `lsn` is larger than any before. `parts` are copied. With `completes`, it is the
  // last cut of the epoch's base. Errors: no_space and io before anything was written, see above; the
  // failure of a log that has failed.
  status write(std::uint64_t lsn, std::span<const cut_part> parts, const boot_moment& now,
               bool completes = false);
  // The same for a cut that found nothing: it is durable with what was written before.
  void pass(std::uint64_t lsn);
  // A frame that says that all before it is durable, if that is so and the last one is none.
  status write_seal(const boot_moment& now);
  // Takes what has come to an end, and starts a sync if there is something for it. With `wait`, waits for
  // something to come to an end.
  void step(bool wait);
  // Waits until all that was written is durable.
  status sync();
  // The number of the segment that will be made next.
  [[nodiscard]] std::uint64_t next_number() const noexcept;
  // Has the next segment made now rather than when it is needed.
  status prepare(const boot_moment& now);
  // More than half of the one in use is, and there is no other.
  [[nodiscard]] bool is_half_used() const noexcept;

  [[nodiscard]] std::uint64_t durable_lsn() const noexcept { return durable_lsn_; }
  [[nodiscard]] std::uint64_t durable_frame() const noexcept { return durable_frame_; }
  // Another frame can be started without waiting for one that is under way.
  [[nodiscard]] bool has_buffer() const noexcept;
  [[nodiscard]] bool is_all_durable() const noexcept { return durable_frame_ == last_.frame; }
  [[nodiscard]] const std::optional<log_fault>& failed() const noexcept { return failed_; }
  // Frames and bytes written in this epoch.
  [[nodiscard]] std::uint64_t frames() const noexcept { return last_.frame - start_.base.frame; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t syncs() const noexcept { return syncs_; }
  // Segments made in this epoch.
  [[nodiscard]] std::uint64_t segments() const noexcept {
    return segments_.empty() ? 0 : segments_.back().number + 1 - start_.first_segment;
  }

 private:
  struct buffer {
    block_memory memory{frame_bytes_max};
    std::uint64_t frame = 0;  // under way; 0: free
    std::uint64_t offset = 0;
    std::size_t size = 0;
  };
  struct segment {
    file_ref file{};
    std::uint64_t number = 0;
  };
  struct closed_cut {
    std::uint64_t frame;
    std::uint64_t lsn;
  };
  static constexpr std::uint64_t sync_token = ~std::uint64_t{0};

  [[nodiscard]] std::uint64_t room() const noexcept;
  status make_room(std::uint64_t bytes, const boot_moment& now);
  void look_ahead() noexcept;
  status next_segment();
  buffer* free_buffer();
  status write_frame(frame_builder& builder, buffer& b, std::uint64_t lsn, std::uint16_t flags,
                     const boot_moment& now);
  void ended(const completion& c);
  void note_durable(std::uint64_t frame);
  void fail(std::uint64_t offset, std::uint64_t frame, std::int64_t result, std::string_view where);
  [[nodiscard]] failure cause() const noexcept { return failed_->cause; }

  log_device& device_;
  const log_start start_;
  spare_source* spares_ = nullptr;
  std::array<buffer, frames_under_way_max> buffers_;
  std::deque<segment> segments_;        // the one in use, and those that are made already
  std::uint64_t offset_ = block_bytes;  // in the first of them, of the next frame
  epoch_base last_;                     // the last frame that was started
  std::uint64_t written_frame_;         // all up to this one are written
  std::uint64_t durable_frame_;
  std::uint64_t durable_lsn_;
  std::uint64_t syncing_frame_ = 0;  // what the sync that is under way covers; 0: none is
  std::deque<closed_cut> closed_;    // not durable yet
  bool is_sealed_ = true;            // the last frame is a seal, or there is none
  std::uint64_t bytes_ = 0;
  std::uint64_t syncs_ = 0;
  std::optional<log_fault> failed_;
};

}  // namespace pawl
