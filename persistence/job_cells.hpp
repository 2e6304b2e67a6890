// persistence/job_cells.hpp -- what a log says of one job, merged cell by cell, so that any order of its
// records, some of them twice, gives the same. FORMAT.md, section 4, "A job's cells".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "persistence/crash_board.hpp"
#include "persistence/durable_job.hpp"
#include "persistence/record_any.hpp"
#include "persistence/segment_header.hpp"

namespace pawl {

// A boot time that was written at `written`, on the clock of the boot of `now`: through the wall clock
// if that is another boot. At least 1, at most the largest number.
std::uint64_t boot_time_now(std::uint64_t ns, const boot_moment& written,
                            const boot_moment& now) noexcept;

// What of a submit record concerns one job.
struct job_submit {
  const submit_common& common;
  const submit_extras& extras;
  std::uint64_t version = 0;
  byte_span payload;
  std::uint64_t order = 0;  // its place among the submits; that of a repetition does not count
};

class job_cells {
 public:
  explicit job_cells(job_id id) noexcept : id_(id) {}

  [[nodiscard]] job_id id() const noexcept { return id_; }
  // It has ended, or its dead letter is gone: nothing is kept but its version.
  [[nodiscard]] bool is_gone() const noexcept { return state_.what == form::gone; }
  [[nodiscard]] bool is_dead() const noexcept { return state_.what == form::died; }
  [[nodiscard]] bool has_submit() const noexcept { return submit_version_.has_value(); }

  // Each is what the record of that name says. `written` is of its cut, `now` of this boot.
  void submit(const job_submit& s, const boot_moment& written, const boot_moment& now);
  void again(const again_record& r, const boot_moment& written, const boot_moment& now);
  void died(const died_record& r);
  void requeued(const requeued_record& r);
  void change(const change_record& r, const boot_moment& written, const boot_moment& now);
  void crashed(std::uint64_t version, bool alone);
  // `ended` and `purged`.
  void gone(std::uint64_t version);
  // By a line of the board, when all was said: did this job run then? If it has taken the process down
  // `crashes_max` times (0: it may do so for ever) it is dead now.
  bool blame(const crash_note& note, std::uint8_t crashes_max, std::uint64_t wall_ns);
  [[nodiscard]] std::uint32_t kind() const noexcept { return job_.kind; }

  // The job, when all was said; not of one that is gone. Valid as long as the cells.
  const durable_job& finish();

 private:
  enum class form : std::uint8_t { unknown, submitted, again, died, requeued, gone };
  struct state_cell {
    form what = form::unknown;
    std::uint64_t version = 0;
    dead_cause cause = dead_cause::none;
    std::uint8_t attempt = 0;
    std::uint8_t pushbacks = 0;
    std::uint8_t crashes = 0;
    std::uint64_t wall_ns = 0;
  };
  // The value with the largest version.
  template <class T>
  struct cell {
    std::optional<std::uint64_t> version;
    T value{};
    void say(std::uint64_t at, const T& v) {
      if (version && *version >= at) return;
      version = at;
      value = v;
    }
  };
  static constexpr std::size_t crashes_kept_max = 16;

  void say_state(const state_cell& s);
  void add_errors(const item_list<attempt_error>& errors);
  void forget_crashes();
  [[nodiscard]] std::uint8_t crashes() const noexcept;
  void note(std::uint64_t version) noexcept;

  job_id id_;
  std::uint64_t version_ = 0;  // the largest
  state_cell state_;
  std::optional<std::uint64_t> submit_version_;
  bool was_requeued_ = false;  // it does not expire any more
  cell<clock_time> due_;
  cell<pawl::priority> priority_;
  cell<std::uint32_t> queue_;
  // Versions of crashes while it ran alone, above that of the state; ascending, the last few.
  std::vector<std::uint64_t> crashes_;
  durable_job job_;  // what the submit says, and errors
};

}  // namespace pawl
