#include "engine/timing.hpp"

#include <new>

namespace pawl {

job_times* make_times(const thread_context& context, pair_tally& of) noexcept {
  const memory_account account = context.account(memory_pool::histograms);
  if (!account.take(sizeof(job_times), need::dispensable)) return nullptr;
  auto* const times = new (std::nothrow) job_times(account);
  if (times == nullptr) account.give(sizeof(job_times));
  of.times.store(times, release);
  return times;
}

}  // namespace pawl
