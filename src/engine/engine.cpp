#include "engine/engine.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/membarrier.hpp"
#include "base/thread.hpp"
#include "engine/settings.hpp"

namespace pawl {

result<std::unique_ptr<engine>> engine::build(const options& wanted, const registry& kinds,
                                              const environment& world) {
  if (!kinds.valid()) return failure{errc::invalid, 0, "registry.add"};
  const result<core_settings> settings = settle(wanted, this_machine());
  if (!settings) return settings.error();
  std::unique_ptr<engine> e(new engine(*settings, kinds, world, membarrier_register()));
  if (!e->core_.jobs.is_ready()) return failure{errc::memory, 0, "slab"};
  if (!e->core_.payloads.is_ready()) return failure{errc::memory, 0, "payload_arena"};
  if (const status added = e->add_drains(); !added) return added.error();
  return e;
}

engine::engine(const core_settings& settings, const registry& kinds, const environment& world,
               bool barrier_works)
    : world_(world), core_(settings, kinds, *world.clock, barrier_works) {
  core_.owner = world.owner;
  core_.tag = world.tag;
  const bool with_threads = world.run_by == executor::threads;
  if (with_threads && settings.given.dispatch) arena_ = std::make_unique<arena>(settings.drains);
  pool_ = std::make_unique<blocking_pool>(
      core_, with_threads,
      blocking_pool::thread_life{
          [this] { count_living(+1); },
          [this](thread_context& context, const std::function<void()>& body) {
            live_as(context, body);
          },
          [this] { count_living(-1); }});
}

status engine::add_drains() {
  for (unsigned i = 0; i < core_.settings.drains; ++i) {
    thread_context* const context = core_.contexts.add(context_role::drain, i);
    if (context == nullptr) return failure{errc::memory, 0, "drain"};
    drain_contexts_.push_back(context);
    drains_.push_back(std::make_unique<drain>(core_, *pool_, *context));
  }
  if (world_.run_by == executor::stepped) {
    blocking_context_ = core_.contexts.add(context_role::blocking, 0);
    if (blocking_context_ == nullptr) return failure{errc::memory, 0, "drain"};
  }
  return std::monostate{};
}

engine::~engine() {
  for (std::thread& t : threads_) {
    if (t.joinable()) t.join();
  }
  pool_->join();
  core_.waiters.wait_until_empty();
}

status engine::start() {
  if (!arena_) return std::monostate{};
  for (unsigned i = 0; i < drains_.size(); ++i) {
    count_living(+1);
    auto thread = start_thread("pawl-d", i, [this, i] {
      live_as(*drain_contexts_[i], [this, i] {
        ask_for_short_slices();
        arena_->execute([this, i] { drains_[i]->run(); });
      });
    });
    if (!thread) {
      count_living(-1);
      static_cast<void>(stop(duration::max()));
      return failure{errc::io, EAGAIN, "options.drains"};
    }
    threads_.push_back(std::move(*thread));
  }
  return std::monostate{};
}

// The life of one of our threads. Who starts it has counted it.
void engine::live_as(thread_context& context, const std::function<void()>& body) noexcept {
  world_.adopt_thread(context);
  const thread_hooks& hooks = core_.settings.given.threads;
  const thread_role role =
      context.role() == context_role::drain ? thread_role::drain : thread_role::blocking;
  if (hooks.on_start != nullptr) hooks.on_start(hooks.user, role, context.index());
  body();
  if (hooks.on_stop != nullptr) hooks.on_stop(hooks.user, role, context.index());
  count_living(-1);
}

void engine::count_living(int change) noexcept {
  const std::lock_guard lock(living_mutex_);
  living_ += change;
  if (living_ == 0) all_left_.notify_all();
}

status engine::stop(duration limit) noexcept {
  core_.stopping.exchange(true, seq_cst);
  close_all_gates();
  core_.waiters.stop_inside_handlers();
  core_.room.wake_waiters();
  core_.queues.for_each([](ready_queue& q) { q.room().wake_waiters(); });
  while (core_.idle.wake_one()) {
  }
  pool_->stop();
  const duration longest = std::chrono::hours(24 * 365 * 100);
  std::unique_lock lock(living_mutex_);
  const bool left = all_left_.wait_for(lock, std::clamp(limit, duration(0), longest),
                                       [this] { return living_ == 0; });
  lock.unlock();
  if (!left) return failure{errc::timeout, 0, "stop"};
  core_.waiters.stop_all();
  return std::monostate{};
}

void engine::abandon() noexcept {
  core_.waiters.stop_all();
  for (std::thread& t : threads_) t.detach();
  pool_->detach();
}

void engine::flush_credits(thread_context& context) noexcept {
  context.for_each_share([this](unsigned queue, queue_share& share) {
    const std::uint32_t credits = std::exchange(share.credits, 0);
    if (credits == 0) return;
    core_.queues.at(queue)->room().give(credits);
    core_.room.give(credits);
  });
}

}  // namespace pawl
