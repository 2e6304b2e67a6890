#include "engine/engine.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <new>
#include <string>
#include <utility>

#include "base/membarrier.hpp"
#include "base/thread.hpp"
#include "engine/handler_call.hpp"
#include "engine/restoring.hpp"
#include "engine/settings.hpp"
#include "job/id.hpp"

namespace pawl {

namespace {

// The number it needs does not fit in a failure.
status check_memory(const core_settings& s, const clock_source& clock) noexcept {
  const std::uint64_t given = s.given.memory_bytes_max;
  const std::uint64_t needed = memory_bytes_min(s);
  if (given == 0 || given >= needed) return std::monostate{};
  messages(s.given.log, clock)
      .say(log_level::error, "open.memory",
           "options.memory_bytes_max is " + std::to_string(given) +
               ", and these options need at least " + std::to_string(needed));
  return failure{errc::invalid, 0, "options.memory_bytes_max"};
}

}  // namespace

result<std::unique_ptr<engine>> engine::build(const options& wanted, const registry& kinds,
                                              const environment& world) {
  if (const status ok = check_kinds(kinds); !ok) return ok.error();
  const bool stepped = world.run_by == executor::stepped;
  if (wanted.executor == executor::stepped && !stepped) {
    return failure{errc::invalid, 0, "options.executor"};
  }
  options chosen = wanted;
  if (stepped) chosen.executor = executor::stepped;
  result<core_settings> settings = settle(chosen, this_machine());
  if (!settings) return settings.error();
  if (const status enough = check_memory(*settings, *world.clock); !enough) return enough.error();
  std::unique_ptr<recovered_log> log;
  if (!wanted.directory.empty()) {
    messages say(wanted.log, *world.clock);
    const unsigned lines = settings->drains + settings->replacements + wanted.blocking_threads_max;
    auto opened = open_log_of(wanted, kinds, lines, *world.clock, say);
    if (!opened) return opened.error();
    log = std::move(*opened);
    make_room_for(*settings, slots_of(*log->disk.state));
  }
  std::unique_ptr<engine> e(
      new engine(*settings, std::move(log), kinds, world, membarrier_register()));
  if (!e->alarm_.is_ready()) return failure{errc::io, EMFILE, "timer thread"};
  if (!e->core_.jobs.is_ready()) return failure{errc::memory, 0, "slab"};
  if (!e->core_.lot.is_ready()) return failure{errc::memory, 0, "parking_lot"};
  if (!e->core_.lanes.is_ready()) return failure{errc::memory, 0, "lane_table"};
  if (!e->core_.order.is_ready()) return failure{errc::memory, 0, "order_marks"};
  if (!e->core_.payloads.is_ready()) return failure{errc::memory, 0, "payload_arena"};
  if (!e->core_.due_later.is_ready()) return failure{errc::memory, 0, "wheel"};
  if (const status added = e->add_drains(); !added) return added.error();
  if (const status taken = e->take_over_log(); !taken) return taken.error();
  return e;
}

namespace {
bool is_stepped(const core_settings& s) noexcept {
  return s.given.executor == executor::stepped;
}
std::vector<registry::entry> kinds_of(const registry& r) {
  return {r.entries().begin(), r.entries().end()};
}
}  // namespace

engine::engine(const core_settings& settings, std::unique_ptr<recovered_log> log,
               const registry& kinds, const environment& world, bool barrier_works)
    : world_(world),
      log_(std::move(log)),
      core_(settings, log_ != nullptr ? log_->kinds : kinds_of(kinds), kinds.entries().size(),
            *world.clock, barrier_works, is_stepped(settings) ? nullptr : &alarm_),
      loops_(core_) {
  build_log();
  core_.owner = world.owner;
  core_.tag = world.tag;
  bool has_limits = settings.given.start_rate.starts != 0;
  core_.all_starts.set({.rate = settings.given.start_rate}, 0);
  for (std::size_t i = 0; i < core_.kinds.size(); ++i) {
    const limits& wanted = core_.kinds[i].options.limits;
    core_.gates.of_kind(static_cast<unsigned>(i)).set_limits(wanted, 0);
    const breaker_rule& rule = core_.kinds[i].options.breaker;
    bool closes = false;
    if (rule.window != 0 &&
        core_.gates.of_kind(static_cast<unsigned>(i)).set_breaker(rule, 0, closes) == nullptr) {
      throw std::bad_alloc();
    }
    has_limits =
        has_limits || wanted.concurrency != 0 || wanted.rate.starts != 0 || rule.window != 0;
  }
  if (has_limits) core_.gating.store(core::starts, seq_cst);
  if (is(executor::threads) && settings.given.dispatch) {
    arena_ = std::make_unique<arena>(settings.drains + settings.replacements);
  }
  pool_ = std::make_unique<blocking_pool>(
      core_, !is(executor::stepped),
      blocking_pool::thread_life{
          [this] { count_living(+1); },
          [this](thread_context& context, const std::function<void()>& body) {
            live_as(context, body);
          },
          [this] { count_living(-1); }});
}

status engine::add_drains() {
  const unsigned count = core_.settings.drains + core_.settings.replacements;
  for (unsigned i = 0; i < count; ++i) {
    thread_context* const context = core_.contexts.add(context_role::drain, i);
    if (context == nullptr) return failure{errc::memory, 0, "drain"};
    drain_contexts_.push_back(context);
    drains_.push_back(std::make_unique<drain>(core_, *pool_, *context));
    if (!drains_.back()->is_ready()) return failure{errc::memory, 0, "drain"};
  }
  threads_.resize(count);
  timer_context_ = core_.contexts.add(context_role::timer, 0);
  if (timer_context_ == nullptr) return failure{errc::memory, 0, "timer thread"};
  if (is(executor::stepped)) {
    blocking_context_ = core_.contexts.add(context_role::blocking, 0);
    if (blocking_context_ == nullptr) return failure{errc::memory, 0, "drain"};
  }
  return std::monostate{};
}

engine::~engine() {
  if (wal_ != nullptr) wal_->abandon();  // where stop() has not closed it: its thread calls us
  for (std::thread& t : threads_) {
    if (t.joinable()) t.join();
  }
  if (timer_thread_.joinable()) timer_thread_.join();
  pool_->join();
  core_.waiters.wait_until_empty();
}

status engine::start() {
  if (is(executor::stepped) || !core_.settings.given.dispatch) return std::monostate{};
  const unsigned drains = is(executor::threads) ? core_.settings.drains : 0;
  status started = start_timer();
  for (unsigned i = 0; i < drains && started; ++i) started = start_drain(i);
  if (!started) {
    static_cast<void>(stop(duration::max()));
    return started;
  }
  // Until all are in the arena: on its way in a thread holds a lock of oneTBB's, which a child that the
  // host forks in that moment would inherit locked.
  std::unique_lock lock(living_mutex_);
  all_entered_.wait(lock, [this, drains] { return entered_ >= drains; });
  return started;
}

status engine::start_drain(unsigned index) noexcept {
  count_living(+1);
  auto thread = start_thread("pawl-d", index, [this, index] {
    live_as(*drain_contexts_[index], [this, index] {
      ask_for_short_slices();
      arena_->execute([this, index] {
        note_entered();
        drains_[index]->run();
      });
    });
  });
  if (!thread) {
    count_living(-1);
    return failure{errc::io, EAGAIN, "options.drains"};
  }
  threads_[index] = std::move(*thread);
  return std::monostate{};
}

status engine::start_timer() noexcept {
  count_living(+1);
  auto thread = start_thread("pawl-t", 0, [this] {
    live_as(*timer_context_, [this] {
      ask_for_short_slices();
      run_timer();
    });
  });
  if (!thread) {
    count_living(-1);
    return failure{errc::io, EAGAIN, "timer thread"};
  }
  timer_thread_ = std::move(*thread);
  return std::monostate{};
}

bool engine::step_timer() noexcept {
  const bool fired = core_.due_later.step(core_, *timer_context_);
  const bool looked = core_.watch.next_ns() <= core_.clock.boot_ns();
  if (looked) {
    core_.watch.step(core_, *timer_context_, [this](const thread_context& stuck) {
      if (stuck.role() == context_role::drain && arena_) ++drains_wanted_;
    });
    if (drains_wanted_ != 0) hire_drains();
  }
  return fired || looked;
}

std::uint64_t engine::next_timer_ns() const noexcept {
  return std::min(core_.due_later.next_ns(), core_.watch.next_ns());
}

// The drains that are awake turn the wheel as they pass, so what is due in a moment is left to them for
// another moment. Those that sleep by then, or are inside a handler, do not pass.
void engine::run_timer() noexcept {
  constexpr std::uint64_t moment_ns = 100'000;
  while (!core_.stopping.load(seq_cst)) {
    const bool did_some = step_timer();
    if (core_.due_later.lacks_memory()) core_.clock.sleep_for(timers::memory_wait_ns);
    if (did_some && next_timer_ns() <= core_.clock.boot_ns()) continue;
    std::uint64_t until = core_.due_later.prepare_to_sleep(core_.watch);
    if (until != 0 && !core_.stopping.load(seq_cst)) {
      const auto asleep = static_cast<unsigned>(std::popcount(core_.idle.asleep()));
      const bool all_asleep = asleep >= core_.drains_alive.load(relaxed);
      if (!all_asleep && until < core_.clock.boot_ns() + moment_ns) until += moment_ns;
      if (alarm_.sleep_until(until)) core_.due_later.tell_clock_set();
    }
    core_.due_later.woken();
  }
}

// Drains are held by handlers that overran: others take their places, as far as there are some left. They
// leave when the handlers have returned.
void engine::hire_drains() noexcept {
  constexpr std::uint64_t another_try_ns = 1'000'000'000;
  drains_wanted_ =
      std::min(drains_wanted_, core_.overruns.load(relaxed));  // some may have returned
  for (unsigned i = core_.settings.drains; i < threads_.size() && drains_wanted_ != 0; ++i) {
    if (!drains_[i]->try_hire()) continue;
    if (threads_[i].joinable()) threads_[i].join();  // it has left: no wait
    core_.drains_alive.fetch_add(1, relaxed);
    if (!start_drain(i)) {
      core_.drains_alive.fetch_sub(1, relaxed);
      drains_[i]->fire();
      core_.say.say(
          log_level::warning, "drain.no_thread",
          "the system has no thread for a drain in place of a stuck one; another try in 1 s");
      return core_.watch.lower(core_.clock.boot_ns() + another_try_ns);
    }
    --drains_wanted_;
  }
  drains_wanted_ = 0;  // or there are no more of them
}

// The life of one of our threads. Who starts it has counted it.
void engine::live_as(thread_context& context, const std::function<void()>& body) noexcept {
  world_.adopt_thread(context);
  const thread_hooks& hooks = core_.settings.given.threads;
  const thread_role role = role_of(context.role());
  if (hooks.on_start != nullptr) hooks.on_start(hooks.user, role, context.index());
  body();
  if (hooks.on_stop != nullptr) hooks.on_stop(hooks.user, role, context.index());
  count_living(-1);
}

void engine::note_entered() noexcept {
  const std::lock_guard lock(living_mutex_);
  ++entered_;
  all_entered_.notify_all();
}

void engine::count_living(int change) noexcept {
  const std::lock_guard lock(living_mutex_);
  living_ += change;
  if (living_ == 0) all_left_.notify_all();
}

status engine::stop(duration limit) noexcept {
  const duration longest = std::chrono::hours(24 * 365 * 100);
  const auto until = std::chrono::steady_clock::now() + std::clamp(limit, duration(0), longest);
  core_.stopping.exchange(true, seq_cst);
  loops_.close();
  close_all_gates();
  core_.waiters.stop_inside_handlers();
  core_.room.wake_waiters();
  core_.queues.for_each([](ready_queue& q) { q.room().wake_waiters(); });
  while (core_.idle.wake_one()) {
  }
  alarm_.wake();
  ask_all_to_stop({});
  pool_->stop();
  std::unique_lock lock(living_mutex_);
  bool left = all_left_.wait_until(lock, until, [this] { return living_ == 0; });
  lock.unlock();
  left = loops_.wait_until_left(until) && left;
  if (!left) {
    say_who_is_stuck();
    return failure{errc::timeout, 0, "stop"};
  }
  core_.waiters.stop_all();
  return close_log();
}

// The stop tokens of what runs now, or of that job only.
void engine::ask_all_to_stop(job_id only_this) noexcept {
  core_.contexts.for_each([&](thread_context& t) {
    const job_id id = t.line.running();
    if (id && (!only_this || id == only_this)) handler_call::ask_to_stop(t, id, 0);
  });
}

void engine::say_who_is_stuck() noexcept {
  const std::uint64_t now = core_.clock.boot_ns();
  core_.contexts.for_each([&](const thread_context& t) {
    const job_id id = t.line.running();
    if (!id) return;
    const std::uint64_t for_ms = (now - std::min(now, t.line.started_ns())) / 1'000'000;
    const std::string& kind = core_.kinds[core_.jobs[id_slot(id)].kind].name;
    std::array<char, 512> text;  // no allocation: stop() has no answer for want of memory
    std::snprintf(text.data(), text.size(), "the handler of %s is still inside after %llu ms",
                  kind.c_str(), static_cast<unsigned long long>(for_ms));
    core_.say.say(log_level::error, "stop.stuck", text.data(), id);
  });
}

void engine::abandon() noexcept {
  core_.waiters.stop_all();
  if (wal_ != nullptr) wal_->abandon();
  spares_.reset();
  for (std::thread& t : threads_) {
    if (t.joinable()) t.detach();
  }
  if (timer_thread_.joinable()) timer_thread_.detach();
  pool_->detach();
}

void engine::flush_credits(thread_context& context) noexcept {
  context.for_each_share([this](unsigned queue, queue_share& share) {
    ready_queue& q = *core_.queues.at(queue);
    const std::uint32_t credits = share.credits.take(UINT32_MAX, q.recall(), core_.asymmetric);
    if (credits == 0) return;  // or they are called back, and the recaller gives them
    q.room().give(credits);
    core_.room.give(credits);
  });
}

}  // namespace pawl
