#include "engine/unique_jobs.hpp"

#include <algorithm>

#include "engine/cancelling.hpp"
#include "engine/wal.hpp"
#include "engine/weighing.hpp"
#include "policy/retry.hpp"

namespace pawl {

namespace {

// Keeps keys of equal text apart that are of different scopes: FORMAT.md, section 4.6.
std::uint64_t space_of(const core& c, unique_scope scope, std::uint16_t queue,
                       std::uint16_t kind) noexcept {
  const std::uint64_t space = static_cast<std::uint64_t>(scope) << 32;
  return scope == unique_scope::queue  ? space + number_of_queue(queue)
         : scope == unique_scope::kind ? space + c.kind_numbers[kind]
                                       : space;
}

}  // namespace

bool is_in_range(const unique_key& unique) noexcept {
  constexpr duration longest = std::chrono::hours(24 * 36525);  // a century
  return !unique.key.empty() && unique.scope <= unique_scope::scheduler &&
         unique.until <= unique_until::started && unique.ttl >= duration(0) &&
         unique.ttl <= longest && unique.on_duplicate <= on_duplicate::keep_last;
}

key_wish wish_of(const core& c, const unique_key& unique, std::uint16_t queue,
                 std::uint16_t kind) noexcept {
  const std::uint64_t now = c.clock.boot_ns();
  const std::uint64_t ttl = detail::nanoseconds(unique.ttl);
  return {.key = hash_key(unique.key, space_of(c, unique.scope, queue, kind), c.key_seed),
          .queue = queue,
          .now_ns = now,
          .kept_until_ns = ttl == 0 ? 0 : now + ttl,
          .until = unique.until,
          .rule = unique.on_duplicate};
}

submit_answer note_key(const core& c, tally& counts, submit_answer answer,
                       const key_answer& key) noexcept {
  answer.original = key.original;
  answer.original_state = key.original_state;
  if (key.is_taken()) return answer;
  answer.reason = key.reason;
  answer.retry_after = key.retry_after;
  if (key.step == key_step::answer) {
    // What was said of that one is in the cut that comes now, if in no earlier one.
    answer.ticket = {key.original, c.log == nullptr ? 0 : c.log->ask()};
    counts.add(tally::deduplicated);
  }
  return answer;
}

std::uint64_t bytes_of_replaced(const core& c, const key_answer& key) noexcept {
  return key.before.has(job_flag::weighed) ? payload_bytes(c, c.jobs[id_slot(key.original)]) : 0;
}

void end_replaced(core& c, thread_context& context, const key_request& key) noexcept {
  const slot& job = c.jobs[id_slot(key.answer.original)];  // ours until its end is worked out
  context.tallies.of(job.queue, job.kind).counts.add(tally::replaced);
  end_cancelled(c, context, id_slot(key.answer.original), key.answer.before, key.answer.after,
                static_cast<bool>(key.wish.in_place_of));
}

void let_go_of_key(core& c, const job_extra& extra, job_id id) noexcept {
  c.keys.let_go(extra.key, id, c.clock.boot_ns());
}

void withdraw_key(core& c, const slot& job, job_id id) noexcept {
  if (job.extra == 0) return;
  const auto& extra = c.payloads.value<const job_extra>(job.extra);
  if (extra.is_unique) c.keys.withdraw(extra.key, id);
}

}  // namespace pawl
