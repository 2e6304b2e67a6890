#include "engine_setup.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "kind.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

constexpr std::uint64_t ordered_jobs_max = 64;  // --keep-order with retries: unfinished

void log_to_console(void* user, const pawl::log_record& record) {
  if (record.level == pawl::log_level::info) return;
  static_cast<console*>(user)->message(std::string(record.event) + ": " +
                                       printable(record.message, record.message.size()));
}

// Every line that the store has read is known by its job, its result or its dead letter.
void keep_all(const run_settings& settings, pawl::options& options) {
  options.directory = settings.store;
  options.log_bytes_max = 0;  // a run ends by itself, and would else stop half-way
  options.results_in_memory = std::numeric_limits<std::uint32_t>::max();
  options.dead_in_memory = 1'000'000;
  options.payload_memory_bytes_max = 0;    // results are kept there, too
  options.quarantine = pawl::duration(0);  // a line takes no process down but its own
}

}  // namespace

std::uint64_t jobs_max(const run_settings& settings) noexcept {
  return 2 * settings.window + 8'192;
}

pawl::options engine_options(const run_settings& settings, console& messages) {
  pawl::options options;
  // Blocking kinds have threads of their own; one drain is enough to start them.
  options.drains = is_blocking(settings) ? 1 : settings.concurrency;
  options.blocking_threads_max = is_blocking(settings) ? settings.concurrency : 1;
  // The window is the bound. A job that has released its place is still alive for a moment, so the
  // engine's own bounds are wider.
  options.jobs_max = jobs_max(settings);
  options.payload_memory_bytes_max = std::uint64_t{96} << 20;
  options.memory_bytes_max = settings.memory_bytes;
  options.dead_in_memory = 0;
  if (settings.keeps()) keep_all(settings, options);
  options.start_rate = settings.rate;
  options.log = {.write = &log_to_console, .user = &messages};
  return options;
}

window_limits limits_for(const run_settings& settings) {
  window_limits limits;
  limits.jobs_max = settings.window;
  limits.unfinished_jobs_max = settings.window;
  // Those that wait for a thread only need to keep the threads busy. Fewer of them means less output
  // that comes after the intake has stopped for lack of room. Delays, priorities and queues need
  // more of them, since only jobs that are in can become due and be compared.
  if (!is_blocking(settings) || settings.jsonl || settings.after.count() != 0) return limits;
  limits.unfinished_jobs_max = std::uint64_t{2} * settings.concurrency;
  if (settings.attempts > 1) {
    // Jobs between two attempts keep no thread busy. In order, what they will write comes on top of
    // what is held already, so that only a few of them may be left behind.
    limits.retries_are_unfinished = settings.keep_order;
    if (settings.keep_order) {
      limits.unfinished_jobs_max = std::max(limits.unfinished_jobs_max, ordered_jobs_max);
    }
  }
  return limits;
}

pawl::kind_options options_for(const run_settings& settings) {
  pawl::kind_options options;
  options.blocking = is_blocking(settings);
  options.max_attempts = static_cast<std::uint8_t>(settings.attempts);
  options.backoff = settings.backoff;
  // The kinds keep the time themselves: a program has to be ended, which takes a while, and what
  // they say must count also then.
  options.run_timeout = pawl::duration(0);
  options.max_crashes = 0;
  return options;
}

}  // namespace pawl_tool
