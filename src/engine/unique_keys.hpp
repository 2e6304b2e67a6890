// engine/unique_keys.hpp -- which job holds a unique key.
//
// Roles       look, claim, take_again, let_go, withdraw, keep: any thread.
// Progress    one of 64 locks, found by the key. Under it: a look into a small table, a few words, at
//             most one change of a word, sometimes a bigger or smaller table. Never a call of a
//             handler or a hook, and no other lock is taken.
// Memory      job/key_table.hpp: follows the number of keys that are held. Entries that only a ttl held
//             go when somebody comes upon them: each use of a table looks at some more of its places,
//             so a table is gone through once in a fraction of as many uses as it has places.
//
// State       A shard's table is its lock's. What an entry says of its job is only half of the truth;
//             the other half is the job's word.
//
// Invariants  I1  While a job is in a state that its key covers, the key's entry names it. The entry
//                 is written, and the word that makes the job live stored, under one hold of the lock;
//                 it is taken out after the word that ends the cover. In between it is left over, and
//                 whoever looks at the word takes it for that.
//             I2  Entries are judged and changed under the lock, so of two claims one is the first,
//                 and the other one sees its job.
//             I3  An entry is taken out by the job it names only, or by the claim that follows.
//             I4  An entry that has not let go and whose job waits: the job has not given its key up.
//                 A start lets go before the handler is called, so before the job can wait again.
//             I5  A holder is cancelled by a swap from the word by which it was judged to wait. If it
//                 starts first, the swap fails and it is judged again.
//
// Checked by tests/engine/unique_test.cpp, unique_model_test.cpp, unique_stress_test.cpp.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "base/atomic.hpp"
#include "base/key_hash.hpp"
#include "job/key_table.hpp"
#include "job/slab.hpp"
#include "job/word.hpp"
#include "pawl/job.hpp"
#include "pawl/unique.hpp"
#include "policy/unique.hpp"

namespace pawl {

// What a submit wants of a key.
struct key_wish {
  key_hash key;
  std::uint16_t queue = 0;
  // Only in the place of that job, if its word is still the one seen, else key_step::again. 0: any.
  job_id in_place_of{};
  job_word seen{};
  std::uint64_t now_ns = 0;  // boot clock
  std::uint64_t kept_until_ns = 0;
  unique_until until = unique_until::finished;
  on_duplicate rule = on_duplicate::reject;
};

// What it gets.
struct key_answer {
  key_step step = key_step::take;
  reject reason = reject::none;  // why it is refused
  // Of the job that holds the key, if that is the answer, or why, or replaced.
  job_id original{};
  job_state original_state = job_state::ended;
  std::uint16_t queue = 0;  // of a job to be replaced
  duration retry_after{0};
  // Replaced: the words from which and to which the original was cancelled. It is the caller's to end.
  job_word before{};
  job_word after{};

  [[nodiscard]] bool is_taken() const noexcept {
    return step == key_step::take || step == key_step::replace;
  }
};

// Both, of one submit.
struct key_request {
  key_wish wish;
  key_answer answer{};
};

class unique_keys {
 public:
  unique_keys(const slab& jobs, memory_budget* budget) noexcept : jobs_(jobs) {
    for (shard& s : shards_) s.keys.set_account({budget, memory_pool::keys});
  }

  // What claim() would say now; changes nothing.
  key_answer look(const key_wish& wish) noexcept;

  // Gives the key to the job `id` if the wish is granted, and then calls go_live(), which makes it a
  // job, under the lock.
  template <class F>
  key_answer claim(const key_wish& wish, job_id id, F go_live) noexcept {
    shard& s = shard_of(wish.key);
    const std::lock_guard lock(s.mutex);
    const key_answer answer = enter(s, wish, id);
    if (answer.is_taken()) go_live();
    return answer;
  }

  // The same for a job that has let go of its key and comes to life again. It does not get it from
  // another one: reject::duplicate.
  template <class F>
  reject take_again(const key_wish& wish, job_id id, F go_live) noexcept {
    shard& s = shard_of(wish.key);
    const std::lock_guard lock(s.mutex);
    const reject reason = enter_again(s, wish, id);
    if (reason == reject::none) go_live();
    return reason;
  }

  // The job does not cover its key any more; does nothing if another one holds it.
  void let_go(const key_hash& key, job_id id, std::uint64_t now_ns) noexcept;

  // The ttl of a job of an earlier process, which may have ended, holds the key, unless a job does so
  // already. False: no memory.
  bool keep(const key_hash& key, job_id id, std::uint64_t until_ns) noexcept;

  // The job has never been there, and so has its ttl.
  void withdraw(const key_hash& key, job_id id) noexcept;

  // Is the key held now?
  [[nodiscard]] bool is_held(const key_hash& key, std::uint64_t now_ns) noexcept {
    return look({.key = key, .now_ns = now_ns}).original.value != 0;
  }
  // Entries, with those that are left over and not yet come upon; and their tables.
  [[nodiscard]] std::size_t size() noexcept;
  [[nodiscard]] std::size_t memory_bytes() noexcept;

 private:
  static constexpr unsigned shard_bits = 6;
  struct alignas(cache_line_bytes) shard {
    std::mutex mutex;
    key_table<key_entry> keys;
  };

  // The table goes by the other half of the hash.
  shard& shard_of(const key_hash& key) noexcept { return shards_[key.high >> (64 - shard_bits)]; }
  [[nodiscard]] key_answer judge(const key_entry& e, const key_wish& wish) const noexcept;
  bool cancel(key_answer& a) const noexcept;
  key_answer enter(shard& s, const key_wish& wish, job_id id) noexcept;
  reject enter_again(shard& s, const key_wish& wish, job_id id) noexcept;
  static void clean(shard& s, std::uint64_t now_ns) noexcept;

  const slab& jobs_;
  std::array<shard, 1u << shard_bits> shards_;
};

}  // namespace pawl
