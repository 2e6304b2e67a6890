#include "engine/blocking_pool.hpp"

#include "base/check.hpp"
#include "base/thread.hpp"
#include "engine/ending.hpp"
#include "engine/gating.hpp"
#include "engine/placing.hpp"
#include "engine/runner.hpp"
#include "engine/sharing.hpp"

namespace pawl {

namespace {

// No slot has that number (slots are some more than 100 million at most).
constexpr std::uint64_t stand_in_slot = (std::uint64_t{1} << (64 - band_entry::version_bits)) - 1;

std::uint64_t stand_in_of(const ready_queue& queue, unsigned band) noexcept {
  return (stand_in_slot << band_entry::version_bits) | (queue.index() * priority_count + band);
}
bool is_stand_in(std::uint64_t place) noexcept {
  return band_entry{place}.slot() == stand_in_slot;
}
queue_order order_of(const core& c, std::uint64_t stand_in) noexcept {
  const std::uint64_t number = stand_in & band_entry::version_mask;
  return c.queues.at(static_cast<unsigned>(number / priority_count))->order();
}

}  // namespace

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
      push_locked(place, band);
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
  const auto is_current = [this](std::uint64_t place) {
    const band_entry p{place};
    return p.names(job_word{core_.jobs[p.slot()].word.load(acquire)});
  };
  std::map<std::uint64_t, std::size_t> surplus;  // stand-ins
  for (auto& [stand_in, heap] : ordered_) {
    const std::size_t before = heap->size();
    heap->keep_if(is_current);
    surplus[stand_in] = before - heap->size();
  }
  waiting_ = 0;
  for (std::deque<std::uint64_t>& places : places_) {
    std::erase_if(places, [&](std::uint64_t place) {
      if (!is_stand_in(place)) return !is_current(place);
      std::size_t& left = surplus[place];
      return left != 0 && left-- != 0;
    });
    waiting_ += places.size();
  }
  sweep_at_ = 2 * waiting_ + sweep_places_min;
}

void blocking_pool::push_locked(std::uint64_t place, unsigned band) noexcept {
  const ready_queue& queue = *core_.queues.at(core_.jobs[band_entry{place}.slot()].queue);
  const std::uint64_t stand_in = stand_in_of(queue, band);
  bool in_heap = false;
  if (queue.is_ordered()) {
    std::unique_ptr<ordered_places>& heap = ordered_[stand_in];
    if (heap == nullptr) heap = make_ordered_places(queue.order());
    // Without memory it waits for its turn in the list.
    in_heap = heap->put_back(core_.order, {&place, 1});
  }
  places_[band].push_back(in_heap ? stand_in : place);
  ++waiting_;
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
    turn next;
    if (take_locked(next)) {
      lock.unlock();
      run_one(*w.context, next);
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

bool blocking_pool::take_locked(turn& next) noexcept {
  for (next.band = 0; next.band < priority_count; ++next.band) {
    std::deque<std::uint64_t>& places = places_[next.band];
    if (places.empty()) continue;
    next.place = places.front();
    places.pop_front();
    --waiting_;
    if (is_stand_in(next.place)) take_ordered_locked(next);
    return true;
  }
  return false;
}

void blocking_pool::take_ordered_locked(turn& next) noexcept {
  ordered_places& heap = *ordered_.at(next.place);
  if (order_of(core_, next.place) != queue_order::tenants) {
    PAWL_CHECK(heap.pop({&next.place, 1}) == 1);
    return;
  }
  next.shares = static_cast<share_lines*>(&heap);
  PAWL_CHECK(next.shares->take({&next.place, 1}, {&next.claim, 1}, weights_of(core_)) == 1);
}

void blocking_pool::run_one(thread_context& context, const turn& t) noexcept {
  const std::uint64_t since = t.shares == nullptr ? 0 : core_.clock.boot_ns();
  const start s = run_job(core_, context, band_entry{t.place}, true);
  if (t.shares != nullptr) settle_use(core_, *t.shares, t.claim, since, s == start::ran);
  leave_gates(core_, context);
  if (s == start::closed) put_back_all(context, t.place, t.band);
}

// A closed gate concerns every place of that queue here: they go back together and keep their order.
void blocking_pool::put_back_all(thread_context& context, std::uint64_t first,
                                 unsigned band) noexcept {
  ready_queue& queue = *core_.queues.at(core_.jobs[band_entry{first}.slot()].queue);
  std::vector<std::uint64_t> back{first};
  {
    const std::lock_guard lock(mutex_);
    const std::uint64_t stand_in = stand_in_of(queue, band);
    std::deque<std::uint64_t> others;
    for (std::uint64_t place : places_[band]) {
      if (place == stand_in) {
        PAWL_CHECK(ordered_.at(stand_in)->pop({&place, 1}) == 1);
        back.push_back(place);
      } else if (!is_stand_in(place) &&
                 core_.jobs[band_entry{place}.slot()].queue == queue.index()) {
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
  turn next;
  {
    const std::lock_guard lock(mutex_);
    if (!take_locked(next)) return false;
  }
  run_one(context, next);
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
