// persistence/durable_state.hpp -- the state that a log holds: all records of all cuts, merged.
// FORMAT.md, section 4.
//
//   durable_state state(now);
//   read_log(device, state); if (status s = state.finish(); !s) ...;
//   for (const durable_job* job : state.live()) ...
//
// Records may come in any order and repeatedly; the state is the same, but for durable_job::order. What
// the bytes say is trusted in nothing: memory is taken for what is there only. After a failure of take()
// or finish() nothing of the state means anything.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "persistence/crash_board.hpp"
#include "persistence/durable_job.hpp"
#include "persistence/job_cells.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/record_any.hpp"

namespace pawl {

using name_space = name_record::of;

struct durable_setting {
  std::uint64_t order = 0;
  setting_value value;         // of an unknown one: without its bytes
  std::vector<std::byte> raw;  // of an unknown one
};

struct setting_key {
  scope::part part = scope::part::scheduler;
  std::uint32_t number = 0;
  std::string lane;
  std::uint16_t what = 0;
  friend auto operator<=>(const setting_key&, const setting_key&) = default;
};

struct durable_cursor {
  std::uint64_t order = 0;
  std::vector<std::byte> position;
};

struct durable_result {
  std::uint64_t version = 0;
  std::vector<std::byte> value;
  std::uint64_t order = 0;  // in which they were found
};

struct durable_key {
  std::uint64_t order = 0;
  key_record::held state = key_record::held::free;
  job_id holder;
  std::uint64_t until_wall_ns = 0;
};

// Whose ttl holds a key longest; of equal ones the larger id.
struct kept_key {
  std::uint64_t until_wall_ns = 0;
  job_id holder;
};

struct key_hash_less {
  bool operator()(const key_hash& a, const key_hash& b) const noexcept {
    return std::tie(a.high, a.low) < std::tie(b.high, b.low);
  }
};

// A record about the same thing, which looks at what is kept.
setting_record record_of(const setting_key& key, const durable_setting& setting) noexcept;

class durable_state final : public cut_taker {
 public:
  // Boot times are converted to those of the boot of `now`.
  explicit durable_state(const boot_moment& now) noexcept : now_(now) {}
  durable_state(const durable_state&) = delete;
  durable_state& operator=(const durable_state&) = delete;

  // Merges all records of a cut. Errors:
  //   corrupt  bytes that are no records in whole groups, a record that breaks a rule, an id that cannot
  //            be, a name or a number that was given twice
  //   version  a record is needed that this release does not know
  status take(const log_cut& cut) override;

  // What the board of the last epoch says, when all was taken and before finish(); what the log does not know to
  // have been able to run is left out. `crashes_max` of a kind, by its number: how often a job may take
  // the process down. Answers those that ran and go on.
  std::vector<job_id> blame(const std::vector<crash_note>& notes,
                            const std::map<std::uint32_t, std::uint8_t>& crashes_max);

  // Once, when all was taken; what is below but for names is there after it. Errors:
  //   corrupt  a job without its submit, or a number without a name
  status finish();

  // Jobs that go on, by their order; dead ones, by their death.
  [[nodiscard]] const std::vector<const durable_job*>& live() const noexcept { return live_; }
  [[nodiscard]] const std::vector<const durable_job*>& dead() const noexcept { return dead_; }
  [[nodiscard]] const std::map<setting_key, durable_setting>& settings() const noexcept {
    return settings_;
  }
  [[nodiscard]] const std::map<std::uint32_t, durable_cursor>& cursors() const noexcept {
    return cursors_;  // by the number of their source
  }
  // What completed jobs gave, by their ids, until it is purged; the ids in the order in which it was found.
  [[nodiscard]] const std::map<std::uint64_t, durable_result>& results() const noexcept {
    return results_;
  }
  [[nodiscard]] std::vector<job_id> results_by_order() const;
  // Unique keys that are held apart from what jobs say of theirs that go on: by ttls, whatever became of their jobs.
  // What is over already is not among them.
  [[nodiscard]] const std::map<key_hash, durable_key, key_hash_less>& keys() const noexcept {
    return keys_;
  }
  // No id with a generation at or above this was given: by the largest floor, and by the ids that were
  // seen. At least 1.
  [[nodiscard]] std::uint64_t floor() const noexcept { return floor_; }
  // The last epoch that came to an orderly end; 0: none.
  [[nodiscard]] std::uint64_t closed_epoch() const noexcept { return closed_epoch_; }
  // The last epoch of which jobs may have run; 0: none.
  [[nodiscard]] std::uint64_t opened_epoch() const noexcept { return opened_epoch_; }

  // Names: the text of a number, empty if it has none; the number of a text, 0 if it has none.
  [[nodiscard]] const std::map<std::uint32_t, std::string>& names(name_space space) const noexcept {
    return of(space).texts;
  }
  [[nodiscard]] std::string_view text_of(name_space space, std::uint32_t number) const noexcept;
  [[nodiscard]] std::uint32_t number_of(name_space space, std::string_view text) const noexcept;
  // The smallest above all that were given; 0: there is no such number.
  [[nodiscard]] std::uint32_t next_number(name_space space) const noexcept;
  // The number of a text, which gets the next one if it has none. Errors:
  //   invalid  the text is empty, or longer than 65,535 bytes
  //   full     there are no more numbers
  result<std::uint32_t> add_name(name_space space, std::string_view text);

 private:
  struct name_table {
    std::map<std::uint32_t, std::string> texts;
    std::map<std::string, std::uint32_t, std::less<>> numbers;
  };
  static constexpr std::size_t spaces = 5;

  [[nodiscard]] const name_table& of(name_space space) const noexcept {
    return names_[static_cast<std::size_t>(space) - 1];
  }
  [[nodiscard]] name_table& of(name_space space) noexcept {
    return names_[static_cast<std::size_t>(space) - 1];
  }
  status take_names(byte_span bytes);
  status take_records(byte_span bytes);
  job_cells* cells_of(job_id id);
  template <class F>
  status say_of(job_id id, const F& f);
  [[nodiscard]] bool has(name_space space, std::uint32_t number) const noexcept;
  [[nodiscard]] status check_names(const durable_job& job) const;
  [[nodiscard]] status check_names() const;
  void keep_key(job_id id, const submit_unique& unique);
  void finish_keys();

  status say(const name_record& r);
  status say(const submit_record& r);
  status say(const ended_record& r);
  status say(const again_record& r);
  status say(const died_record& r);
  status say(const change_record& r);
  status say(const requeued_record& r);
  status say(const purged_record& r);
  status say(const result_record& r);
  status say(const crashed_record& r);
  status say(const key_record& r);
  status say(const cursor_record& r);
  status say(const setting_record& r);
  status say(const floor_record& r);
  status say(const closed_record& r);
  status say(const opened_record& r);
  status say(const note_record&) { return std::monostate{}; }

  const boot_moment now_;
  boot_moment written_;  // of the cut that is being taken
  std::array<name_table, spaces> names_;
  std::unordered_map<std::uint32_t, job_cells> jobs_;  // by slot
  std::uint64_t submits_ = 0;
  std::map<setting_key, durable_setting> settings_;
  std::map<std::uint32_t, durable_cursor> cursors_;
  std::map<std::uint64_t, durable_result> results_;
  std::uint64_t results_seen_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> purged_;  // versions by id, for results
  std::map<key_hash, durable_key, key_hash_less> keys_;
  std::map<key_hash, kept_key, key_hash_less> kept_keys_;  // by what submits say
  std::uint64_t floor_ = 1;
  std::uint64_t closed_epoch_ = 0;
  std::uint64_t opened_epoch_ = 0;
  std::vector<const durable_job*> live_;
  std::vector<const durable_job*> dead_;
};

}  // namespace pawl
