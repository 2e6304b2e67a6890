#include "stored_run.hpp"

#include <algorithm>
#include <utility>

#include "attempt_error.hpp"
#include "job_payload.hpp"
#include "kind.hpp"
#include "persistence/log_files.hpp"
#include "printable.hpp"
#include "program_exit.hpp"
#include "state_reading.hpp"
#include "store_holder.hpp"
#include "store_session.hpp"
#include "stored_result.hpp"

namespace pawl_tool {

namespace {

std::optional<kind_name> kind_of(std::string_view stored) {
  for (const kind_name which : all_kinds) {
    if (stored_name(which) == stored) return which;
  }
  return std::nullopt;
}

known_line line_of(const payload& p) {
  return {p.sequence, p.has_line_hash ? p.line_hash : hash_of_line(p.text)};
}

// A dead letter has no output, and of its errors the last is that of its last attempt.
std::unique_ptr<job_result> shown(const pawl::durable_job& job, const payload& p, kind_name kind) {
  auto result = std::make_unique<job_result>();
  result->sequence = p.sequence;
  result->id = job.id;
  result->kind = name(kind);
  result->input = p.text;
  result->is_words = p.is_words;
  result->state = name(pawl::job_state::dead);
  result->cause = name(job.cause);
  result->attempts = job.attempt;
  if (!job.errors.empty()) {
    result->error = job.errors.back().text;
    read_error_number(job.errors.back().kind, *result);
  }
  if (result->error.empty()) result->error = "it died: " + std::string(result->cause);
  return result;
}

// Fills a run from what a log holds. What does not fit into one is said by is_ours().
class run_collector {
 public:
  run_collector(const pawl::durable_state& state, stored_run& to) : state_(state), to_(to) {}

  void collect() {
    for (const pawl::job_id id : state_.results_by_order()) {
      add_result(id, state_.results().at(id.value).value);
    }
    to_.completed = to_.ended.size();
    for (const pawl::durable_job* job : state_.dead()) add_job(*job);
    for (const pawl::durable_job* job : state_.live()) add_job(*job);
    std::sort(to_.lines.begin(), to_.lines.end(),
              [](const known_line& a, const known_line& b) { return a.sequence < b.sequence; });
    add_position();
  }
  [[nodiscard]] bool is_ours() const noexcept { return is_ours_; }

 private:
  void add_result(pawl::job_id id, std::span<const std::byte> bytes) {
    auto result = decode_result(bytes);
    if (!result) {
      is_ours_ = false;
      return;
    }
    to_.lines.push_back({result->sequence, result->line_hash});
    to_.ended.push_back(std::make_unique<job_result>(shown(std::move(*result), id)));
  }

  void add_job(const pawl::durable_job& job) {
    const auto kind = kind_of(state_.text_of(pawl::name_space::kind, job.kind));
    const auto p = read_payload(job.payload);
    if (!kind || !p) {
      is_ours_ = false;
      return;
    }
    to_.lines.push_back(line_of(*p));
    if (job.is_dead) {
      to_.ended.push_back(shown(job, *p, *kind));
    } else {
      ++to_.live_jobs;
      to_.live_bytes += p->body_bytes();
      if (job.attempt != 0) ++to_.between_attempts;
    }
  }

  void add_position() {
    const std::uint32_t source = state_.number_of(pawl::name_space::source, input_source_name);
    const auto cursor = state_.cursors().find(source);
    if (cursor != state_.cursors().end()) to_.position = decode_position(cursor->second.position);
    if (to_.position.has_value() == to_.lines.empty()) is_ours_ = false;
  }

  const pawl::durable_state& state_;
  stored_run& to_;
  bool is_ours_ = true;
};

refusal refuse(const pawl::failure& why) {
  return {exit_code_of(why), text_of(why)};
}

}  // namespace

std::optional<refusal> read_run(const std::string& directory, stored_run& to) {
  auto store = store_reader::open(directory);
  if (!store && store.error().code == pawl::errc::not_found) return std::nullopt;
  if (!store) return refuse(store.error());
  const auto all = read_state(**store);
  if (!all) return refuse(all.error());
  if (!is_store(all->seen)) return std::nullopt;
  if (all->seen.summary.fault) {
    const pawl::log_fault& fault = *all->seen.summary.fault;
    return refusal{exit_code_of(fault.cause), text_of(fault)};
  }
  to.epoch = all->seen.summary.epoch;
  run_collector collector(*all->state, to);
  collector.collect();
  if (!collector.is_ours()) {
    return refusal{exit_refused, "the store holds what `pawl run` of this release did not make"};
  }
  return std::nullopt;
}

std::uint64_t last_epoch(const std::string& directory) {
  auto store = store_reader::open(directory);
  if (!store) return 0;
  pawl::log_files files((*store)->device());
  if (files.open() || files.segments().empty()) return 0;
  return files.segments().back().header.epoch;
}

}  // namespace pawl_tool
