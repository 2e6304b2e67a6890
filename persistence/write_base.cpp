#include "persistence/write_base.hpp"

#include <initializer_list>
#include <set>
#include <span>
#include <vector>

#include "base/seeded_bug.hpp"
#include "persistence/record_any.hpp"

namespace pawl {
namespace {

// A cut is written when it has so many bytes: some frames' worth.
constexpr std::size_t cut_bytes = std::size_t{512} << 10;

// Gathers groups, and writes them as cuts of ring 0.
class cut_filler {
 public:
  cut_filler(log_writer& writer, const base_request& request) noexcept
      : writer_(writer), now_(request.now), next_lsn_(request.first_lsn) {}

  status add(std::initializer_list<any_record> group) {
    std::size_t left = group.size();
    for (const any_record& r : group) {
      const std::size_t at = bytes_.size();
      bytes_.resize(at + encoded_bytes(r));
      byte_writer w(std::span<std::byte>(bytes_).subspan(at));
      encode(r, --left != 0 ? more::yes : more::no, w);
    }
    return bytes_.size() < cut_bytes ? status(std::monostate{}) : write(false);
  }
  result<base_written> finish() {
    if (status s = write(true); !s) return s.error();
    if (status s = writer_.sync(); !s) return s.error();
    return base_written{.last_lsn = next_lsn_ - 1, .ring_bytes = offset_};
  }

 private:
  status write(bool completes) {
    const cut_part part{.ring = 0, .offset = offset_, .bytes = bytes_};
    if (status s = writer_.write(next_lsn_, {&part, 1}, now_, completes); !s) return s;
    ++next_lsn_;
    offset_ += bytes_.size();
    bytes_.clear();
    return std::monostate{};
  }

  log_writer& writer_;
  const boot_moment now_;
  std::uint64_t next_lsn_;
  std::uint64_t offset_ = 0;
  std::vector<std::byte> bytes_;
};

// What a job's submit says. When it is due stands in the record behind it.
submit_extras extras_of(const durable_job& job) {
  submit_extras e;
  e.expires_ns = job.expires_ns;
  e.run_timeout_ns = job.run_timeout_ns;
  e.backoff = job.backoff;
  e.unique = job.unique;
  e.tenant = job.tenant;
  if (job.lane) e.lane = submit_lane{job.lane->key, job.lane->order};
  e.deadline_ns = job.deadline_ns;
  e.exact_priority = job.exact_priority;
  e.parent = job.parent;
  e.tag = job.tag;
  e.trace = job.trace;
  return e;
}

status add_job(cut_filler& cuts, const durable_job& job) {
  const submitted_job one{job.id, job.version - 1, job.payload};
  const submit_common common{job.queue,        job.kind,  job.priority,
                             job.attempts_max, job.codec, job.payload_version,
                             job.submitted_ns};
  const submit_record submit{common, extras_of(job), std::span(&one, 1)};
  std::vector<attempt_error> errors;
  for (const durable_error& e : job.errors)
    errors.push_back({e.version, e.wall_ns, e.attempt, e.kind, e.text});
  const attempt_state facts{job.id,      job.version,       job.attempt, job.pushbacks,
                            job.crashes, job.state_wall_ns, errors};
  if (job.is_dead) return cuts.add({submit, died_record{facts, job.cause}});
  return cuts.add(
      {submit, again_record{facts, again_record::why::as_it_was, job.due.value_or(clock_time{})}});
}

status add_names(cut_filler& cuts, const durable_state& state) {
  for (const name_space space : {name_space::queue, name_space::kind, name_space::tenant,
                                 name_space::source, name_space::tag}) {
    for (const auto& [number, text] : state.names(space)) {
      if (status s = cuts.add({name_record{space, number, text}}); !s) return s;
    }
  }
  return std::monostate{};
}

status add_settings(cut_filler& cuts, const durable_state& state) {
  for (const auto& [key, setting] : state.settings()) {
    if (status s = cuts.add({record_of(key, setting)}); !s) return s;
  }
  for (const auto& [source, cursor] : state.cursors()) {
    if (status s = cuts.add({cursor_record{source, cursor.order, cursor.position}}); !s) return s;
  }
  return std::monostate{};
}

// That a key is free matters only if the submit of a job says that it holds it.
status add_keys(cut_filler& cuts, const durable_state& state) {
  std::set<key_hash, key_hash_less> claimed;
  for (const auto* jobs : {&state.live(), &state.dead()}) {
    for (const durable_job* job : *jobs) {
      if (job->unique) claimed.insert(job->unique->hash);
    }
  }
  for (const auto& [hash, key] : state.keys()) {
    if (key.state == key_record::held::free && !claimed.contains(hash)) continue;
    const key_record r{hash, key.order, key.state, key.holder, key.until_wall_ns};
    if (status s = cuts.add({r}); !s) return s;
  }
  return std::monostate{};
}

status add_jobs(cut_filler& cuts, const durable_state& state) {
  for (const job_id id : state.results_by_order()) {
    const durable_result& kept = state.results().at(id.value);
    if (status s = cuts.add({result_record{id, kept.version, kept.value}}); !s) return s;
  }
  for (const auto* jobs : {&state.live(), &state.dead()}) {
    if (PAWL_SEEDED(letters_not_in_base) && jobs == &state.dead()) continue;
    for (const durable_job* job : *jobs) {
      if (status s = add_job(cuts, *job); !s) return s;
    }
  }
  return std::monostate{};
}

}  // namespace

result<base_written> write_base(log_writer& writer, const durable_state& state,
                                const base_request& request) {
  cut_filler cuts(writer, request);
  for (const auto add : {add_names, add_settings, add_keys, add_jobs}) {
    if (status s = add(cuts, state); !s) return s.error();
  }
  if (status s = cuts.add({floor_record{request.floor}, request.opened}); !s) return s.error();
  return cuts.finish();
}

}  // namespace pawl
