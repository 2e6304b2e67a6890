#include "persistence/durable_state.hpp"

#include <algorithm>

#include "job/id.hpp"

namespace pawl {
namespace {

constexpr failure corrupt(std::string_view where) noexcept {
  return {.code = errc::corrupt, .sys_errno = 0, .where = where};
}

bool can_be(job_id id) noexcept {
  return !id_is_away(id) && id_generation(id) != 0;
}

std::vector<std::byte> copy_of(byte_span bytes) {
  return {bytes.begin(), bytes.end()};
}

// Calls f(record) for each, until one call or the walk fails.
template <class F>
status for_each_record(byte_span bytes, const F& f) {
  record_walk walk(bytes);
  while (const auto record = walk.next()) {
    if (status s = f(*record); !s) return s;
  }
  return walk.end();
}

}  // namespace

setting_record record_of(const setting_key& key, const durable_setting& setting) noexcept {
  setting_record r{key.part, key.number, key.lane, setting.order, setting.value};
  if (auto* unknown = std::get_if<unknown_setting>(&r.value)) unknown->value = setting.raw;
  return r;
}

status durable_state::take(const log_cut& cut) {
  written_ = cut.written;
  for (const cut_part& part : cut.parts) {
    if (status s = take_names(part.bytes); !s) return s;
  }
  for (const cut_part& part : cut.parts) {
    if (status s = take_records(part.bytes); !s) return s;
  }
  return std::monostate{};
}

status durable_state::take_names(byte_span bytes) {
  return for_each_record(bytes, [this](const record_view& record) -> status {
    if (record.kind != record_kind::name) return std::monostate{};
    const auto r = decode_name(record);
    return r ? say(*r) : r.error();
  });
}

status durable_state::take_records(byte_span bytes) {
  return for_each_record(bytes, [this](const record_view& record) -> status {
    if (record.kind == record_kind::name) return std::monostate{};
    const auto any = decode(record);
    if (!any) return any.error();
    return std::visit([this](const auto& r) { return say(r); }, *any);
  });
}

// Null: the slot has a later job.
job_cells* durable_state::cells_of(job_id id) {
  floor_ = std::max(floor_, id_generation(id) + 1);
  const auto [at, is_new] = jobs_.try_emplace(id_slot(id), id);
  job_cells& cells = at->second;
  if (is_new || cells.id() == id) return &cells;
  if (id_generation(id) < id_generation(cells.id())) return nullptr;
  cells = job_cells(id);
  return &cells;
}

template <class F>
status durable_state::say_of(job_id id, const F& f) {
  if (!can_be(id)) return corrupt("state: an id that cannot be");
  if (job_cells* const cells = cells_of(id)) f(*cells);
  return std::monostate{};
}

status durable_state::say(const name_record& r) {
  name_table& t = of(r.space);
  const auto text = t.texts.find(r.number);
  const auto number = t.numbers.find(r.text);
  const bool is_known = text != t.texts.end() && text->second == r.text;
  if (is_known) return std::monostate{};
  if (text != t.texts.end() || number != t.numbers.end())
    return corrupt("state: a name was given twice");
  t.texts.emplace(r.number, r.text);
  t.numbers.emplace(r.text, r.number);
  return std::monostate{};
}

status durable_state::say(const submit_record& r) {
  for (const submitted_job& job : r.jobs) {
    const job_submit s{r.common, r.extras, job.version, job.payload, submits_++};
    if (status said = say_of(job.id, [&](job_cells& c) { c.submit(s, written_, now_); }); !said)
      return said;
    if (r.extras.unique) keep_key(job.id, *r.extras.unique);
  }
  return std::monostate{};
}

// The ttl holds the key whatever became of the job.
void durable_state::keep_key(job_id id, const submit_unique& unique) {
  const std::uint64_t until = unique.ttl_wall_ns;
  if (until <= now_.wall_ns) return;
  kept_key& kept = kept_keys_[unique.hash];
  if (std::tie(kept.until_wall_ns, kept.holder.value) < std::tie(until, id.value))
    kept = {until, id};
}

status durable_state::say(const ended_record& r) {
  for (const ended_job& job : r.jobs) {
    if (status s = say_of(job.id, [&](job_cells& c) { c.gone(job.version); }); !s) return s;
  }
  return std::monostate{};
}

status durable_state::say(const again_record& r) {
  return say_of(r.facts.id, [&](job_cells& c) { c.again(r, written_, now_); });
}

status durable_state::say(const died_record& r) {
  return say_of(r.facts.id, [&](job_cells& c) { c.died(r); });
}

status durable_state::say(const change_record& r) {
  return say_of(r.id, [&](job_cells& c) { c.change(r, written_, now_); });
}

status durable_state::say(const requeued_record& r) {
  return say_of(r.id, [&](job_cells& c) { c.requeued(r); });
}

status durable_state::say(const purged_record& r) {
  for (const purged_job& job : r.jobs) {
    if (status s = say_of(job.id, [&](job_cells& c) { c.gone(job.version); }); !s) return s;
    std::uint64_t& version = purged_[job.id.value];
    version = std::max(version, job.version);
    const auto kept = results_.find(job.id.value);
    if (kept != results_.end() && kept->second.version <= version) results_.erase(kept);
  }
  return std::monostate{};
}

// It may outlive its job in the slot, so it is a thing of its own.
status durable_state::say(const result_record& r) {
  if (!can_be(r.id)) return corrupt("state: an id that cannot be");
  floor_ = std::max(floor_, id_generation(r.id) + 1);
  const auto purged = purged_.find(r.id.value);
  if (purged != purged_.end() && purged->second >= r.version) return std::monostate{};
  const auto [at, is_new] = results_.try_emplace(r.id.value);
  if (is_new || at->second.version < r.version) {
    at->second = {r.version, copy_of(r.value), ++results_seen_};
  }
  return std::monostate{};
}

std::vector<job_id> durable_state::results_by_order() const {
  std::vector<std::pair<std::uint64_t, job_id>> found;
  for (const auto& [id, kept] : results_) found.emplace_back(kept.order, job_id{id});
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<job_id> ids;
  ids.reserve(found.size());
  for (const auto& [order, id] : found) ids.push_back(id);
  return ids;
}

status durable_state::say(const crashed_record& r) {
  for (const crashed_job& job : r.jobs) {
    const auto f = [&](job_cells& c) { c.crashed(job.version, job.alone); };
    if (status s = say_of(job.id, f); !s) return s;
  }
  return std::monostate{};
}

status durable_state::say(const key_record& r) {
  const auto [at, is_new] = keys_.try_emplace(r.hash);
  if (is_new || at->second.order < r.order)
    at->second = {r.order, r.state, r.holder, r.until_wall_ns};
  return std::monostate{};
}

status durable_state::say(const cursor_record& r) {
  const auto [at, is_new] = cursors_.try_emplace(r.source);
  if (is_new || at->second.order < r.order) at->second = {r.order, copy_of(r.position)};
  return std::monostate{};
}

status durable_state::say(const setting_record& r) {
  const setting_key key{r.part, r.number, std::string(r.lane), what_is_set(r.value)};
  const auto [at, is_new] = settings_.try_emplace(key);
  if (!is_new && at->second.order >= r.order) return std::monostate{};
  at->second = {r.order, r.value, {}};
  if (auto* unknown = std::get_if<unknown_setting>(&at->second.value)) {
    at->second.raw = copy_of(unknown->value);
    unknown->value = {};
  }
  return std::monostate{};
}

status durable_state::say(const floor_record& r) {
  floor_ = std::max(floor_, r.generation);
  return std::monostate{};
}

status durable_state::say(const closed_record& r) {
  closed_epoch_ = std::max(closed_epoch_, r.epoch);
  return std::monostate{};
}

status durable_state::say(const opened_record& r) {
  opened_epoch_ = std::max(opened_epoch_, r.epoch);
  return std::monostate{};
}

std::vector<job_id> durable_state::blame(const std::vector<crash_note>& notes,
                                         const std::map<std::uint32_t, std::uint8_t>& crashes_max) {
  std::vector<job_id> suspects;
  for (const crash_note& note : notes) {
    const auto at = jobs_.find(id_slot(note.job));
    if (at == jobs_.end() || at->second.id() != note.job) continue;
    const auto bound = crashes_max.find(at->second.kind());
    const std::uint8_t most = bound == crashes_max.end() ? 0 : bound->second;
    if (at->second.blame(note, most, now_.wall_ns) && !at->second.is_dead())
      suspects.push_back(note.job);
  }
  return suspects;
}

status durable_state::finish() {
  for (auto& [slot, cells] : jobs_) {
    if (cells.is_gone()) continue;
    if (!cells.has_submit()) return corrupt("state: a job without its submit");
    const durable_job& job = cells.finish();
    if (status s = check_names(job); !s) return s;
    (job.is_dead ? dead_ : live_).push_back(&job);
  }
  std::sort(live_.begin(), live_.end(),
            [](const durable_job* a, const durable_job* b) { return a->order < b->order; });
  std::sort(dead_.begin(), dead_.end(), [](const durable_job* a, const durable_job* b) {
    return std::tie(a->state_wall_ns, a->order) < std::tie(b->state_wall_ns, b->order);
  });
  finish_keys();
  return check_names();
}

void durable_state::finish_keys() {
  std::erase_if(keys_, [this](const auto& k) {
    return k.second.state == key_record::held::until_time && k.second.until_wall_ns <= now_.wall_ns;
  });
  for (const auto& [hash, kept] : kept_keys_) {
    durable_key& key = keys_[hash];
    if (key.state != key_record::held::until_time) {
      key = {key.order + 1, key_record::held::until_time, kept.holder, kept.until_wall_ns};
    } else if (std::tie(key.until_wall_ns, key.holder.value) <
               std::tie(kept.until_wall_ns, kept.holder.value)) {
      key.until_wall_ns = kept.until_wall_ns;
      key.holder = kept.holder;
    }
  }
  kept_keys_.clear();
}

bool durable_state::has(name_space space, std::uint32_t number) const noexcept {
  return of(space).texts.contains(number);
}

status durable_state::check_names(const durable_job& job) const {
  if (!has(name_space::queue, job.queue)) return corrupt("state: a job's queue has no name");
  if (!has(name_space::kind, job.kind)) return corrupt("state: a job's kind has no name");
  if (job.tenant && !has(name_space::tenant, *job.tenant))
    return corrupt("state: a job's tenant has no name");
  if (job.tag && !has(name_space::tag, *job.tag)) return corrupt("state: a job's tag has no name");
  return std::monostate{};
}

// Of what is not a job's.
status durable_state::check_names() const {
  for (const auto& [source, cursor] : cursors_) {
    if (!has(name_space::source, source)) return corrupt("state: a cursor's source has no name");
  }
  for (const auto& [key, setting] : settings_) {
    const bool is_known = key.part == scope::part::scheduler ||
                          has(key.part == scope::part::kind     ? name_space::kind
                              : key.part == scope::part::tenant ? name_space::tenant
                                                                : name_space::queue,
                              key.number);
    if (!is_known) return corrupt("state: what a setting is of has no name");
  }
  return std::monostate{};
}

std::string_view durable_state::text_of(name_space space, std::uint32_t number) const noexcept {
  const auto at = of(space).texts.find(number);
  return at == of(space).texts.end() ? std::string_view() : std::string_view(at->second);
}

std::uint32_t durable_state::number_of(name_space space, std::string_view text) const noexcept {
  const auto at = of(space).numbers.find(text);
  return at == of(space).numbers.end() ? 0 : at->second;
}

std::uint32_t durable_state::next_number(name_space space) const noexcept {
  const auto& texts = of(space).texts;
  return texts.empty() ? 1 : texts.rbegin()->first + 1;  // 0 behind the largest there is
}

result<std::uint32_t> durable_state::add_name(name_space space, std::string_view text) {
  if (text.empty() || text.size() > UINT16_MAX)
    return failure{.code = errc::invalid, .where = "name: its length"};
  if (const std::uint32_t known = number_of(space, text); known != 0) return known;
  const std::uint32_t number = next_number(space);
  if (number == 0) return failure{.code = errc::full, .where = "name: there are no more numbers"};
  of(space).texts.emplace(number, text);
  of(space).numbers.emplace(text, number);
  return number;
}

}  // namespace pawl
