#include "persistence/open_log.hpp"

#include <sys/random.h>

#include <cerrno>
#include <limits>
#include <map>
#include <utility>

#include "base/seeded_bug.hpp"
#include "job/id.hpp"
#include "persistence/segment_maker.hpp"
#include "persistence/write_base.hpp"

namespace pawl {
namespace {

constexpr auto number_max = std::numeric_limits<std::uint64_t>::max();

constexpr failure full(std::string_view where) noexcept {
  return {.code = errc::full, .sys_errno = 0, .where = where};
}

result<id_bytes> draw_id() {
  id_bytes id{};
  std::size_t drawn = 0;
  while (drawn < id.size()) {
    const ssize_t n = ::getrandom(id.data() + drawn, id.size() - drawn, 0);
    if (n > 0) drawn += static_cast<std::size_t>(n);
    if (n < 0 && errno != EINTR)
      return failure{.code = errc::io, .sys_errno = errno, .where = "directory: draw its id"};
  }
  return id;
}

// One opening, step by step, each of which fills in more of `log`.
class opening {
 public:
  opening(log_device& device, const log_request& request, const std::string& board) noexcept
      : device_(device), request_(request), board_(board) {}

  status run(opened_log& log) {
    if (status s = read(log); !s) return s;
    if (status s = plan(log); !s) return s;
    if (status s = keep_what_was_read(); !s) return s;
    if (status s = take_spares(log); !s) return s;
    if (status s = begin_epoch(log); !s) return s;
    return recycle(log);
  }
  // Of the log, if that is the reason of the failure.
  [[nodiscard]] const std::optional<log_fault>& fault() const noexcept { return fault_; }

 private:
  status read(opened_log& log) {
    log.state = std::make_unique<durable_state>(request_.now);
    summary_ = read_log(device_, *log.state);
    fault_ = summary_.fault;
    if (fault_) return fault_->cause;
    if (status s = blame(log); !s) return s;
    return log.state->finish();
  }

  // The new board comes after the base. So this one is that of the last epoch of which jobs may have run, however
  // many openings were cut short since.
  status blame(opened_log& log) {
    if (board_.empty()) return std::monostate{};
    const auto notes = read_crash_board(
        board_, {summary_.directory_id, log.state->opened_epoch(), request_.now.boot_id});
    if (!notes) return notes.error();
    std::map<std::uint32_t, std::uint8_t> crashes_max;
    for (const log_kind& kind : request_.kinds) {
      crashes_max.emplace(log.state->number_of(name_space::kind, kind.name), kind.crashes_max);
    }
    log.suspects = log.state->blame(*notes, crashes_max);
    return std::monostate{};
  }

  // All that can be refused before anything is changed.
  status plan(opened_log& log) {
    durable_state& state = *log.state;
    for (const log_kind& kind : request_.kinds) {
      if (const auto added = state.add_name(name_space::kind, kind.name); !added)
        return added.error();
    }
    if (summary_.epoch == number_max || summary_.last_segment == number_max)
      return full("log: there are no more epochs");
    if (state.floor() > generation_max - generations_at_open)
      return full("log: there are no more ids");
    log.first_generation = state.floor();
    log.floor = log.first_generation + generations_at_open;
    log.report = {.epoch = summary_.epoch + 1,
                  .recovered_lsn = summary_.end.lsn,
                  .cuts = summary_.cuts,
                  .frames = summary_.frames,
                  .dropped_bytes = summary_.end.dropped_bytes,
                  .jobs = state.live().size(),
                  .dead = state.dead().size(),
                  .how = how_it_ended(state)};
    return take_directory_id(log);
  }

  [[nodiscard]] opened_record::before how_it_ended(const durable_state& state) const noexcept {
    if (summary_.epoch == 0) return opened_record::before::nothing;
    return state.closed_epoch() == summary_.epoch ? opened_record::before::closed
                                                  : opened_record::before::not_closed;
  }

  status take_directory_id(opened_log& log) {
    log.directory_id = summary_.directory_id;
    if (summary_.epoch != 0) return std::monostate{};
    const auto drawn = draw_id();
    if (!drawn) return drawn.error();
    log.directory_id = *drawn;
    return std::monostate{};
  }

  // A process that was killed leaves frames which it had not synced, in the last segment that has any. The next
  // epoch names the last of them in its header, so they must be durable before that is.
  status keep_what_was_read() {
    if (summary_.epoch == 0) return std::monostate{};
    return sync_segment(device_, summary_.end_place.segment);
  }

  // What the last process, or an opening that was cut short, has left lying.
  status take_spares(opened_log& log) {
    const auto kept = keep_as_spares(device_, request_.segment_bytes, 0, summary_.last_segment + 1);
    if (!kept) return kept.error();
    log.spares = kept->ready;
    log.report.segments_removed = kept->removed;
    return std::monostate{};
  }

  // Of earlier epochs, now that their state is in this one; and spares that the base did not need.
  status recycle(opened_log& log) {
    const auto kept = keep_as_spares(device_, request_.segment_bytes, summary_.last_segment + 1,
                                     log.writer->next_number());
    if (!kept) return kept.error();
    log.spares = kept->ready;
    log.report.segments_recycled = kept->renamed;
    log.report.segments_removed += kept->removed;
    return std::monostate{};
  }

  status begin_epoch(opened_log& log) {
    const log_start start{.directory_id = log.directory_id,
                          .epoch = log.report.epoch,
                          .first_segment = summary_.last_segment + 1,
                          .base = summary_.end,
                          .segment_bytes = request_.segment_bytes};
    log.writer = std::make_unique<log_writer>(device_, start);
    log.writer->use_spares(&log.spares);
    if (status s = log.writer->begin(request_.now); !s) return s;
    const base_request base{
        .first_lsn = summary_.end.lsn + 1,
        .now = request_.now,
        .floor = PAWL_SEEDED(floor_not_moved) ? log.first_generation : log.floor,
        .opened = {.epoch = log.report.epoch,
                   .recovered_lsn = log.report.recovered_lsn,
                   .jobs = log.report.jobs,
                   .dead = log.report.dead,
                   .how = log.report.how}};
    const auto written = write_base(*log.writer, *log.state, base);
    log.writer->use_spares(nullptr);  // `log` may be moved
    fault_ = log.writer->failed();
    if (!written) return written.error();
    log.next_lsn = written->last_lsn + 1;
    log.ring_bytes = written->ring_bytes;
    log.report.base_bytes = written->ring_bytes;
    return std::monostate{};
  }

  log_device& device_;
  const log_request& request_;
  const std::string& board_;  // the directory it is in; empty: there is none
  log_summary summary_;
  std::optional<log_fault> fault_;
};

// What open_log() answers, with its reason in `why`.
failure refuse(failure cause, const std::optional<log_fault>& fault, log_fault* why) {
  if (why != nullptr) *why = fault ? *fault : log_fault{.cause = cause};
  return cause;
}

status open_on(log_device& device, const log_request& request, const std::string& board,
               log_fault* why, opened_log& log) {
  if (!is_segment_length(request.segment_bytes))
    return refuse({.code = errc::invalid, .where = "log: segment_bytes"}, {}, why);
  opening steps(device, request, board);
  if (status s = steps.run(log); !s) return refuse(s.error(), steps.fault(), why);
  return std::monostate{};
}

}  // namespace

result<opened_log> open_log(const log_request& request, log_fault* why) {
  opened_log log;
  auto lock = directory_lock::acquire(request.directory, request.now.boot_id);
  if (!lock) return refuse(lock.error(), {}, why);
  log.lock = std::move(*lock);
  auto device = open_device(request.directory, request.device);
  if (!device) return refuse(device.error(), {}, why);
  log.device = std::move(*device);
  if (status s = open_on(*log.device.device, request, request.directory, why, log); !s)
    return s.error();
  auto board = crash_board::make(request.directory,
                                 {log.directory_id, log.report.epoch, request.now.boot_id},
                                 request.board_lines);
  if (!board) return refuse(board.error(), {}, why);
  log.board = std::move(*board);
  return result<opened_log>(std::move(log));
}

result<opened_log> open_log(log_device& device, const log_request& request, log_fault* why) {
  opened_log log;
  if (status s = open_on(device, request, {}, why, log); !s) return s.error();
  return result<opened_log>(std::move(log));
}

}  // namespace pawl
