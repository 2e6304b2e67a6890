#include "engine/unique_keys.hpp"

#include "base/check.hpp"
#include "job/sighting.hpp"

namespace pawl {

namespace {

// A key that is held by its ttl alone is free again at a time that is known.
duration left_of(std::uint64_t until_ns, std::uint64_t now_ns) noexcept {
  return duration(static_cast<std::int64_t>(until_ns - now_ns));
}

}  // namespace

key_answer unique_keys::judge(const key_entry& e, const key_wish& wish) const noexcept {
  const sighting s = look_up(jobs_, e.job);
  const bool is_live = s.is_current && s.word.is_live();
  const bool is_kept = e.kept_until_ns() > wish.now_ns;
  const job_state state = s.is_current ? s.word.state() : job_state::ended;
  const key_holder holder = holder_of(e.until(), e.has_let_go(), is_kept, is_live, state);
  key_answer a;
  a.step = step_of(wish.rule, holder);
  if (a.step == key_step::take) return a;
  a.original = e.job;
  a.original_state = state;
  if (a.step == key_step::replace) {
    PAWL_CHECK(s.job != nullptr);  // it waits, so it is there
    a.before = s.word;
    a.queue = s.job->queue;  // if the word is still the same
  }
  if (a.step == key_step::refuse) {
    a.reason = reject::duplicate;
    if (holder == key_holder::ended) a.retry_after = left_of(e.kept_until_ns(), wish.now_ns);
  }
  return a;
}

key_answer unique_keys::look(const key_wish& wish) noexcept {
  shard& s = shard_of(wish.key);
  const std::lock_guard lock(s.mutex);
  const key_entry* const e = s.keys.find(wish.key);
  return e == nullptr ? key_answer{} : judge(*e, wish);
}

key_answer unique_keys::enter(shard& s, const key_wish& wish, job_id id) noexcept {
  clean(s, wish.now_ns);
  key_entry* e = s.keys.find(wish.key);
  key_answer a;
  do {
    a = e == nullptr ? key_answer{} : judge(*e, wish);
    if (!a.is_taken()) return a;
    if (wish.in_place_of &&
        (a.step != key_step::replace || a.original != wish.in_place_of || a.before != wish.seen)) {
      return {.step = key_step::again};
    }
  } while (a.step == key_step::replace && !cancel(a));
  if (e == nullptr) e = s.keys.insert(wish.key);
  if (e == nullptr) return {.step = key_step::refuse, .reason = reject::memory};
  e->hold(id, wish.until, wish.kept_until_ns);
  return a;
}

// I5. False: its word has changed.
bool unique_keys::cancel(key_answer& a) const noexcept {
  a.after = a.before;
  if (transition_to_cancelled(jobs_[id_slot(a.original)].word, a.after) != request::ended) {
    return false;
  }
  a.original_state = job_state::cancelled;
  return true;
}

reject unique_keys::enter_again(shard& s, const key_wish& wish, job_id id) noexcept {
  clean(s, wish.now_ns);
  key_entry* e = s.keys.find(wish.key);
  if (e != nullptr && e->job == id) {  // its ttl has kept it
    e->take_again();
    return reject::none;
  }
  if (e != nullptr && !judge(*e, wish).is_taken()) return reject::duplicate;
  if (e == nullptr) e = s.keys.insert(wish.key);
  if (e == nullptr) return reject::memory;
  e->hold(id, wish.until, 0);
  return reject::none;
}

void unique_keys::let_go(const key_hash& key, job_id id, std::uint64_t now_ns) noexcept {
  shard& s = shard_of(key);
  const std::lock_guard lock(s.mutex);
  if (key_entry* const e = s.keys.find(key); e != nullptr && e->job == id) {  // I3
    if (e->kept_until_ns() > now_ns) {
      e->let_go();
    } else {
      s.keys.erase(*e);
    }
  }
  clean(s, now_ns);
}

bool unique_keys::keep(const key_hash& key, job_id id, std::uint64_t until_ns) noexcept {
  shard& s = shard_of(key);
  const std::lock_guard lock(s.mutex);
  if (s.keys.find(key) != nullptr) return true;
  key_entry* const e = s.keys.insert(key);
  if (e == nullptr) return false;
  e->hold(id, unique_until::finished, until_ns);
  e->let_go();
  return true;
}

void unique_keys::withdraw(const key_hash& key, job_id id) noexcept {
  shard& s = shard_of(key);
  const std::lock_guard lock(s.mutex);
  if (key_entry* const e = s.keys.find(key); e != nullptr && e->job == id) s.keys.erase(*e);
}

// An entry that has not let go is of a job that is live or about to let go.
void unique_keys::clean(shard& s, std::uint64_t now_ns) noexcept {
  constexpr unsigned looks = 4;
  s.keys.clean(looks, [now_ns](const key_entry& e) {
    return e.has_let_go() && e.kept_until_ns() <= now_ns;
  });
}

std::size_t unique_keys::size() noexcept {
  std::size_t sum = 0;
  for (shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    sum += s.keys.size();
  }
  return sum;
}

std::size_t unique_keys::memory_bytes() noexcept {
  std::size_t sum = 0;
  for (shard& s : shards_) {
    const std::lock_guard lock(s.mutex);
    sum += s.keys.memory_bytes();
  }
  return sum;
}

}  // namespace pawl
