#include "pawl/testing.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "engine/ending.hpp"
#include "engine/placing.hpp"
#include "engine/runner.hpp"
#include "engine/settings.hpp"
#include "engine/sharing.hpp"
#include "policy/dispatch.hpp"
#include "policy/retry.hpp"
#include "scheduler_impl.hpp"

namespace pawl::testing {

namespace {

constexpr std::uint64_t end_of_time_ns = 6'311'520'000'000'000'000;  // 200 years
constexpr std::uint64_t first_wall_ns = 1'735'689'600'000'000'000;   // 2025-01-01 00:00 UTC
constexpr std::size_t window = 32;  // places of a band among which the next start is drawn

// Moves when it is told to.
class virtual_clock final : public clock_source {
 public:
  [[nodiscard]] std::uint64_t boot_ns() const noexcept override { return now_ns_; }
  [[nodiscard]] std::uint64_t wall_ns() const noexcept override { return now_ns_ + wall_ahead_ns_; }
  void sleep_for(std::uint64_t) const noexcept override {}

  // Does not go back.
  void move_to(std::uint64_t ns) noexcept { now_ns_ = std::max(now_ns_, ns); }
  void set_wall(std::uint64_t ns) noexcept { wall_ahead_ns_ = ns - now_ns_; }  // may wrap around

 private:
  std::uint64_t now_ns_ = 0;
  std::uint64_t wall_ahead_ns_ = first_wall_ns;
};

// Where a test's scheduler gets its seed when the test gives none.
std::uint64_t choose_seed() noexcept {
  std::uint64_t seed = 0;
  if (const char* given = std::getenv("PAWL_TEST_SEED"); given != nullptr) {
    seed = std::strtoull(given, nullptr, 10);
  }
  if (seed == 0) seed = std::max<std::uint64_t>(this_machine().random, 1);
  std::fprintf(stderr, "PAWL_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

// The calling thread is one of the scheduler's own, as long as this lives.
class acting {
 public:
  acting(const std::shared_ptr<lease_desk>& desk, thread_context& as) noexcept
      : desk_(desk), before_(act_as(desk, as)) {}
  acting(const acting&) = delete;
  acting& operator=(const acting&) = delete;
  ~acting() {
    if (before_ != nullptr) act_as(desk_, *before_);
  }
  explicit operator bool() const noexcept { return before_ != nullptr; }

 private:
  const std::shared_ptr<lease_desk>& desk_;
  thread_context* const before_;
};

}  // namespace

// Does what the drains, the blocking pool and the timer thread do: one job at a time.
struct __attribute__((visibility("hidden"))) test_scheduler::impl {
  explicit impl(std::uint64_t s) noexcept : seed(s) {}

  void begin(const options& wanted, std::unique_ptr<scheduler> opened);

  std::size_t run(std::size_t attempts_max) noexcept;
  std::size_t run_until(std::uint64_t until_ns, const std::function<bool()>& done) noexcept;
  void pass_inside(std::uint64_t until_ns) noexcept;
  void pass_time(const std::function<bool()>& done, duration limit) noexcept;

  // One thing that can be done now. False: there is none.
  bool do_one() noexcept;
  // When something is due next, after all that is due by now has fired.
  std::uint64_t look_ahead() noexcept;
  void turn_timers() noexcept;

  // The time `span` from now.
  [[nodiscard]] std::uint64_t time_in(duration span) const noexcept {
    const std::uint64_t left = end_of_time_ns - clock.boot_ns();
    return clock.boot_ns() + std::min(left, detail::nanoseconds(span));
  }
  [[nodiscard]] bool may_run() const noexcept { return handlers == 0 && !is_in_timers; }

  virtual_clock clock;
  const std::uint64_t seed;
  std::unique_ptr<scheduler> tested;
  std::uint64_t attempts = 0;  // started so far
  unsigned handlers = 0;       // on the stack
  bool is_in_timers = false;

 private:
  bool run_one() noexcept;
  bool choose(unsigned& queue, unsigned& band) noexcept;
  unsigned choose_queue(unsigned band) noexcept;
  std::size_t take(ready_queue& queue, unsigned band, std::span<std::uint64_t> room) noexcept;
  bool start_job(std::uint64_t place, ready_queue& queue, unsigned band) noexcept;
  start run_as(thread_context& context, std::uint64_t place, bool may_wait) noexcept;
  thread_context* blocking_context() noexcept;
  std::uint64_t next_ns() const noexcept;

  // A number below `limit`.
  std::uint64_t draw(std::uint64_t limit) noexcept { return mix(seed + mix(++draws_)) % limit; }

  std::shared_ptr<lease_desk> desk_;
  engine* engine_ = nullptr;
  thread_context* drain_ = nullptr;
  thread_context* timer_ = nullptr;
  std::vector<thread_context*> blocking_;  // by depth: a blocking handler may wait for another
  unsigned blocking_inside_ = 0;
  std::optional<arena> arena_;  // if there are parallel kinds
  bool keeps_order_ = false;
  std::uint64_t draws_ = 0;
  std::uint32_t picks_ = 0;
};

void test_scheduler::impl::begin(const options& wanted, std::unique_ptr<scheduler> opened) {
  tested = std::move(opened);
  desk_ = tested->impl_->desk;
  engine_ = tested->impl_->core.get();
  keeps_order_ = wanted.drains == 1;
  core& c = engine_->parts();
  c.due_later.be_exact(mix(seed));
  c.contexts.for_each([this](thread_context& t) {
    if (t.role() == context_role::drain && t.index() == 0) drain_ = &t;
    if (t.role() == context_role::timer) timer_ = &t;
  });
  const bool has_parallel = std::any_of(
      c.kinds.begin(), c.kinds.end(), [](const registry::entry& e) { return e.options.parallel; });
  if (has_parallel) arena_.emplace(1, false);
}

// ---- Time ----

std::uint64_t test_scheduler::impl::next_ns() const noexcept {
  const std::uint64_t due = engine_->parts().due_later.next_ns();
  // Between handlers the watchdog has nothing to look at, though it remembers when it wanted to.
  return handlers == 0 ? due : std::min(due, engine_->parts().watch.next_ns());
}

void test_scheduler::impl::turn_timers() noexcept {
  if (is_in_timers) return;
  const acting as(desk_, *timer_);
  is_in_timers = true;
  engine_->step_timer();
  is_in_timers = false;
}

std::uint64_t test_scheduler::impl::look_ahead() noexcept {
  turn_timers();
  return next_ns();
}

bool test_scheduler::impl::do_one() noexcept {
  const bool is_due = next_ns() <= clock.boot_ns();
  if (is_due && draw(2) == 0) {
    turn_timers();
    return true;
  }
  if (run_one()) return true;
  if (is_due) turn_timers();
  return is_due;
}

std::size_t test_scheduler::impl::run(std::size_t attempts_max) noexcept {
  const std::uint64_t before = attempts;
  turn_timers();  // the wall clock may have been set
  while (attempts - before < attempts_max && do_one()) {
  }
  return attempts - before;
}

// Until done() or until nothing more is due by `until_ns`. The clock stands at what was due last.
std::size_t test_scheduler::impl::run_until(std::uint64_t until_ns,
                                            const std::function<bool()>& done) noexcept {
  const std::uint64_t before = attempts;
  while (!done()) {
    if (do_one()) continue;
    const std::uint64_t next = look_ahead();
    if (next > until_ns) break;
    clock.move_to(next);
  }
  return attempts - before;
}

// The time a handler takes: nothing starts meanwhile.
void test_scheduler::impl::pass_inside(std::uint64_t until_ns) noexcept {
  for (;;) {
    const std::uint64_t next = look_ahead();
    if (next > until_ns) break;
    clock.move_to(next);
  }
  clock.move_to(until_ns);
}

void test_scheduler::impl::pass_time(const std::function<bool()>& done, duration limit) noexcept {
  if (is_in_timers) return;
  const std::uint64_t until = time_in(std::min<duration>(limit, std::chrono::hours(24 * 36525)));
  run_until(until, done);
  if (!done()) clock.move_to(until);
}

// ---- Jobs ----

// By the rules of a drain's picker: the highest priority, now and then the one that waits longest.
bool test_scheduler::impl::choose(unsigned& queue, unsigned& band) noexcept {
  core& c = engine_->parts();
  band_mask with_work = 0;
  std::array<std::uint64_t, priority_count> last_ready;
  for (unsigned b = 0; b < priority_count; ++b) {
    if (c.active.has(b)) with_work |= 1u << b;
    last_ready[b] = c.last_ready_ns[b].at.load(relaxed);
  }
  if (with_work == 0) return false;
  const bool aged_turn = ++picks_ % aged_pick_period == 0;
  band = choose_band(with_work, aged_turn, last_ready, clock.boot_ns(),
                     detail::nanoseconds(c.settings.given.ageing));
  queue = choose_queue(band);
  return true;
}

// Each active queue with a chance by its weight.
unsigned test_scheduler::impl::choose_queue(unsigned band) noexcept {
  core& c = engine_->parts();
  unsigned q = c.active.next(band, 0);
  unsigned chosen = q;
  std::uint64_t weights = 0;
  while (const ready_queue* const queue = c.queues.at(q)) {
    const unsigned weight = queue->weight();
    weights += weight;
    if (weights != weight && draw(weights) < weight) chosen = q;
    const unsigned next = c.active.next(band, q + 1);
    if (next <= q) break;  // once around
    q = next;
  }
  return chosen;
}

std::size_t test_scheduler::impl::take(ready_queue& queue, unsigned band,
                                       std::span<std::uint64_t> room) noexcept {
  const std::size_t count = queue.front_of(band).pop(room);
  if (count != 0) return count;
  if (ordered_places* const heap = queue.heap_of(band)) return heap->pop(room);
  queue_share* const share = drain_->share_of(queue.index());
  if (share == nullptr) return 0;
  return queue.band_of(band).pop(*drain_->consumer_of(*share, queue, band), room);
}

// False: no job is ready in a queue that may start some.
bool test_scheduler::impl::run_one() noexcept {
  core& c = engine_->parts();
  unsigned q = 0;
  unsigned band = 0;
  const std::uint64_t before = attempts;
  while (attempts == before && choose(q, band)) {
    ready_queue& queue = *c.queues.at(q);
    if (!queue.gate().is_open()) {
      queue.gate().retire_closed(band, c.active);
      continue;
    }
    std::array<std::uint64_t, window> places;
    share_lines* const shares = queue.shares_of(band);
    share_claim claim;
    const std::size_t count =
        shares != nullptr ? take_shared(c, queue, band, std::span(places).first(1), {&claim, 1})
                          : take(queue, band, std::span(places).first(keeps_order_ ? 1 : window));
    if (count == 0) {
      queue.gate().retire_empty(band, c.active, [&] { return queue.band_has_jobs(band); });
      continue;
    }
    const std::size_t at = count == 1 ? 0 : draw(count);
    const std::uint64_t place = places[at];
    std::copy(places.data() + at + 1, places.data() + count, places.data() + at);
    put_back(c, queue, band, std::span(places).first(count - 1));
    const std::uint64_t since = clock.boot_ns();
    const std::uint64_t until_now = attempts;
    const bool is_through = start_job(place, queue, band);
    if (shares != nullptr) settle_use(c, *shares, claim, since, attempts != until_now);
    if (!is_through) return false;
  }
  return attempts != before;
}

// True: started, or stale.
bool test_scheduler::impl::start_job(std::uint64_t place, ready_queue& queue,
                                     unsigned band) noexcept {
  core& c = engine_->parts();
  const slot& job = c.jobs[band_entry{place}.slot()];
  const std::uint64_t ready_since =
      job.has(by_wall_clock) ? clock.boot_ns() : std::uint64_t{job.due_ns};
  start s = run_as(*drain_, place, false);
  if (s == start::needs_thread) {
    thread_context* const own = blocking_context();
    ++blocking_inside_;
    s = own == nullptr ? start::closed : run_as(*own, place, true);
    --blocking_inside_;
  }
  if (s == start::closed) put_back(c, queue, band, {&place, 1});
  if (s == start::ran) {
    c.last_ready_ns[band].at.store(ready_since, relaxed);
    queue.note_served(band, ready_since);
  }
  return s != start::closed;
}

thread_context* test_scheduler::impl::blocking_context() noexcept {
  if (blocking_inside_ < blocking_.size()) return blocking_[blocking_inside_];
  core& c = engine_->parts();
  if (blocking_inside_ >= c.settings.given.blocking_threads_max) return nullptr;
  thread_context* const added = c.contexts.add(context_role::blocking, 1 + blocking_inside_);
  if (added != nullptr) blocking_.push_back(added);
  return added;
}

start test_scheduler::impl::run_as(thread_context& context, std::uint64_t place,
                                   bool may_wait) noexcept {
  const auto started = [&context] {
    counted sum;
    context.tallies.for_each([&sum](const pair_tally& t) { t.counts.add_starts_to(sum); });
    return sum.started;
  };
  const acting as(desk_, context);
  if (!as) return start::closed;
  const std::uint64_t before = started();
  start s = start::stale;
  const auto body = [&] { s = run_job(engine_->parts(), context, band_entry{place}, may_wait); };
  ++handlers;
  if (arena_) {
    arena_->execute(body);
  } else {
    body();
  }
  --handlers;
  settle_room(engine_->parts(), context);
  attempts += started() - before;
  return s;
}

// ---- The public face ----

test_scheduler::test_scheduler(std::unique_ptr<impl> parts) noexcept : impl_(std::move(parts)) {}
test_scheduler::~test_scheduler() = default;

result<std::unique_ptr<test_scheduler>> test_scheduler::open(const options& wanted,
                                                             const registry& kinds,
                                                             std::uint64_t seed) noexcept {
  try {
    if (seed == 0) seed = choose_seed();
    std::unique_ptr<test_scheduler> made(new test_scheduler(std::make_unique<impl>(seed)));
    impl& self = *made->impl_;
    options chosen = wanted;
    if (chosen.seed == 0) chosen.seed = mix(~seed) | 1;
    engine::environment world;
    world.clock = &self.clock;
    world.run_by = executor::stepped;
    world.pass_time = [&self](const std::function<bool()>& done, duration limit) {
      self.pass_time(done, limit);
    };
    auto opened = scheduler::impl::open(chosen, kinds, std::move(world), made.get());
    if (!opened) return opened.error();
    self.begin(wanted, std::move(*opened));
    return made;
  } catch (const std::bad_alloc&) {
    return failure{errc::memory, 0, "open"};
  }
}

test_scheduler* test_scheduler::of(const context& job) noexcept {
  return job.owner().impl_->tester;
}

scheduler& test_scheduler::operator*() const noexcept {
  return *impl_->tested;
}

std::size_t test_scheduler::run_ready(std::size_t attempts_max) noexcept {
  return impl_->may_run() ? impl_->run(attempts_max) : 0;
}

std::size_t test_scheduler::advance(duration span) noexcept {
  if (impl_->is_in_timers) return 0;
  const std::uint64_t until = impl_->time_in(span);
  if (impl_->handlers != 0) {
    impl_->pass_inside(until);
    return 0;
  }
  const std::size_t started = impl_->run_until(until, [] { return false; });
  impl_->clock.move_to(until);
  return started;
}

bool test_scheduler::advance_to_next() noexcept {
  if (!impl_->may_run()) return false;
  impl_->run(SIZE_MAX);
  const std::uint64_t next = impl_->look_ahead();
  if (next > end_of_time_ns) return false;
  impl_->clock.move_to(next);
  impl_->run(SIZE_MAX);
  return true;
}

std::size_t test_scheduler::run_until_idle(duration limit) noexcept {
  if (!impl_->may_run()) return 0;
  return impl_->run_until(impl_->time_in(limit), [] { return false; });
}

duration test_scheduler::now() const noexcept {
  return duration(static_cast<std::int64_t>(impl_->clock.boot_ns()));
}

std::chrono::system_clock::time_point test_scheduler::wall_clock() const noexcept {
  const std::uint64_t ns = std::min<std::uint64_t>(impl_->clock.wall_ns(), INT64_MAX);
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          duration(static_cast<std::int64_t>(ns))));
}

void test_scheduler::set_wall_clock(std::chrono::system_clock::time_point at) noexcept {
  impl_->clock.set_wall(
      detail::nanoseconds(std::chrono::duration_cast<duration>(at.time_since_epoch())));
}

std::uint64_t test_scheduler::seed() const noexcept {
  return impl_->seed;
}

}  // namespace pawl::testing
