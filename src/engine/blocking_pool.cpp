#include "engine/blocking_pool.hpp"

#include "base/thread.hpp"
#include "engine/ending.hpp"
#include "engine/gating.hpp"
#include "engine/placing.hpp"
#include "engine/runner.hpp"

namespace pawl {

bool blocking_pool::hand_over(std::uint64_t place, unsigned band) noexcept {
  bool lacks_thread = false;
  bool taken = true;
  {
    const std::lock_guard lock(mutex_);
    if (with_threads_ && !stopping_ && idle_ <= waiting_ &&
        threads_ < core_.settings.given.blocking_threads_max) {
      lacks_thread = !start_thread_locked();
      taken = !lacks_thread || threads_ != 0;
    }
    if (taken) {
      if (waiting_ >= sweep_at_) sweep_locked();
      places_[band].push_back(place);
      ++waiting_;
      work_.notify_one();
    }
  }
  // Outside of the lock: the host's sink may call us.
  if (lacks_thread) {
    core_.say.say(log_level::warning, "blocking.no_thread",
                  "the system has no more threads for blocking jobs");
  }
  return taken;
}

// A cancelled job leaves its place behind, and while all threads are held nobody drops it. The next one
// comes when the list has doubled, so the price is a constant per place.
void blocking_pool::sweep_locked() noexcept {
  waiting_ = 0;
  for (std::deque<std::uint64_t>& places : places_) {
    std::erase_if(places, [this](std::uint64_t place) {
      const band_entry p{place};
      return !p.names(job_word{core_.jobs[p.slot()].word.load(acquire)});
    });
    waiting_ += places.size();
  }
  sweep_at_ = 2 * waiting_ + sweep_places_min;
}

// False: no memory, or no more threads.
bool blocking_pool::start_thread_locked() noexcept {
  worker* free = nullptr;
  for (worker& w : workers_) {
    if (!w.running) {
      free = &w;
      break;
    }
  }
  if (free == nullptr) {
    const auto index = static_cast<unsigned>(workers_.size());
    thread_context* const context = core_.contexts.add(context_role::blocking, index);
    if (context == nullptr) return false;
    workers_.emplace_back().context = context;
    free = &workers_.back();
  }
  if (free->thread.joinable()) free->thread.join();  // it has done all it does: no wait
  life_.born();
  auto started = start_thread("pawl-b", free->context->index(), [this, free] {
    life_.live(*free->context, [this, free] { run(*free); });
    const std::lock_guard left(mutex_);
    free->running = false;  // the very last: from here on the context may be another thread's
  });
  if (!started) {
    life_.stillborn();
    return false;
  }
  free->thread = std::move(*started);
  free->running = true;
  ++threads_;
  return true;
}

void blocking_pool::run(worker& w) noexcept {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    std::uint64_t place = 0;
    unsigned band = 0;
    if (take_locked(place, band)) {
      lock.unlock();
      run_one(*w.context, place, band);
      lock.lock();
      continue;
    }
    ++idle_;
    const bool more = work_.wait_for(lock, core_.settings.given.blocking_idle,
                                     [this] { return waiting_ != 0 || stopping_; });
    --idle_;
    if (!more) break;
  }
  --threads_;
}

bool blocking_pool::take_locked(std::uint64_t& place, unsigned& band) noexcept {
  for (band = 0; band < priority_count; ++band) {
    if (places_[band].empty()) continue;
    place = places_[band].front();
    places_[band].pop_front();
    --waiting_;
    return true;
  }
  return false;
}

void blocking_pool::run_one(thread_context& context, std::uint64_t place, unsigned band) noexcept {
  const start s = run_job(core_, context, band_entry{place}, true);
  leave_gates(core_, context);
  if (s == start::closed) put_back_all(context, place, band);
}

// A closed gate concerns every place of that queue here: they go back together and keep their order.
void blocking_pool::put_back_all(thread_context& context, std::uint64_t first,
                                 unsigned band) noexcept {
  ready_queue& queue = *core_.queues.at(core_.jobs[band_entry{first}.slot()].queue);
  std::vector<std::uint64_t> back{first};
  {
    const std::lock_guard lock(mutex_);
    std::deque<std::uint64_t> others;
    for (const std::uint64_t place : places_[band]) {
      const bool same = core_.jobs[band_entry{place}.slot()].queue == queue.index();
      if (same) {
        back.push_back(place);
      } else {
        others.push_back(place);
      }
    }
    waiting_ -= back.size() - 1;
    places_[band] = std::move(others);
  }
  put_back(core_, queue, band, back);
  if (queue.has_equipped() && !queue.gate().is_open()) give_up_permits(core_, context, queue);
}

bool blocking_pool::step(thread_context& context) noexcept {
  std::uint64_t place = 0;
  unsigned band = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!take_locked(place, band)) return false;
  }
  run_one(context, place, band);
  return true;
}

void blocking_pool::stop() noexcept {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  work_.notify_all();
}

void blocking_pool::join() noexcept {
  for (worker& w : workers_) {
    if (w.thread.joinable()) w.thread.join();
  }
}

void blocking_pool::detach() noexcept {
  for (worker& w : workers_) {
    if (w.thread.joinable()) w.thread.detach();
  }
}

unsigned blocking_pool::thread_count() const noexcept {
  const std::lock_guard lock(mutex_);
  return threads_;
}

}  // namespace pawl
