// scheduler.cpp -- the public shell: builds the parts, connects them, takes them down. Adds to the
// engine what belongs to a process and its threads.
#include "pawl/scheduler.hpp"

#include <chrono>
#include <new>
#include <utility>

#include "base/atomic.hpp"
#include "engine/intake.hpp"
#include "engine/scarcity.hpp"
#include "scheduler_impl.hpp"

namespace pawl {

namespace {

// Numbers the schedulers of a process, so that a queue of one is not taken for one of another.
// relaxed: only the number counts.
constinit atomic<std::uint32_t> schedulers_opened{0};

std::uint16_t next_tag() noexcept {
  return static_cast<std::uint16_t>(schedulers_opened.fetch_add(1, relaxed) % 0xffff + 1);
}

// A context for one call: the thread's own, or the shared one under its lock.
class call_context {
 public:
  explicit call_context(const std::shared_ptr<lease_desk>& desk) noexcept
      : context_(lease_context(desk)) {
    if (context_ != nullptr && context_->role() == context_role::shared) context_->sharing.lock();
  }
  call_context(const call_context&) = delete;
  call_context& operator=(const call_context&) = delete;
  ~call_context() {
    if (context_ != nullptr && context_->role() == context_role::shared) {
      context_->sharing.unlock();
    }
  }
  explicit operator bool() const noexcept { return context_ != nullptr; }
  thread_context& operator*() const noexcept { return *context_; }
  thread_context* operator->() const noexcept { return context_; }

 private:
  thread_context* const context_;
};

bool is_full(reject r) noexcept {
  return r == reject::queue_full || r == reject::scheduler_full || r == reject::memory ||
         r == reject::log_full;
}

// A guess when a full queue has room again.
constexpr duration full_retry_after = std::chrono::milliseconds(1);

constexpr failure is_forked{errc::forked, 0, "scheduler"};
constexpr failure no_context{errc::memory, 0, "thread context"};

}  // namespace

void scheduler::impl::count_rejected(queue_ref queue, kind_ref kind, reject r,
                                     std::size_t count) noexcept {
  const call_context context(desk);
  if (context) core->count_rejected(*context, queue, kind, r, count);
}

bool scheduler::impl::wait_for_room(queue_ref queue, reject reason, lack of,
                                    std::chrono::steady_clock::time_point& until) {
  if (!is_full(reason) || !of.may_block) return false;
  if (until == std::chrono::steady_clock::time_point{}) {
    until = std::chrono::steady_clock::now() + core->parts().queues.at(queue.index)->block_for();
  }
  return core->wait_for_room(queue, reason, of.bytes, until);
}

result<std::unique_ptr<scheduler>> scheduler::impl::open(const options& wanted,
                                                         const registry& kinds,
                                                         engine::environment world,
                                                         testing::test_scheduler* tester) {
  std::unique_ptr<scheduler> opened(new scheduler(new impl, true));
  impl& self = *opened->impl_;
  if (!self.desk->guard.is_ready()) return failure{errc::memory, 0, "fork_guard"};
  self.stop_deadline = wanted.stop_deadline;
  self.tester = tester;
  if (world.clock == nullptr) {
    world.clock = wanted.histograms ? &self.measuring : &self.clock;
  }
  world.owner = &self.inner;
  world.tag = next_tag();
  world.adopt_thread = [desk = self.desk](thread_context& c) { adopt_context(desk, c); };
  auto built = engine::build(wanted, kinds, world);
  if (!built) return built.error();
  self.core = std::move(*built);
  self.desk->open = self.core.get();
  if (const status started = self.core->start(); !started) return started.error();
  return opened;
}

result<std::unique_ptr<scheduler>> scheduler::open(const options& wanted,
                                                   const registry& kinds) noexcept {
  try {
    return impl::open(wanted, kinds, {}, nullptr);
  } catch (const std::bad_alloc&) {
    return failure{errc::memory, 0, "open"};
  }
}

scheduler::~scheduler() {
  if (!owns_) return;
  if (impl_->core == nullptr) {  // open() failed half-way
    delete impl_;
    return;
  }
  // In a child of fork() the threads and whatever they had locked do not exist: nothing can be taken
  // down.
  if (impl_->is_child()) return;
  const status stopped = impl_->core->stop(impl_->stop_deadline);
  if (!stopped) {
    impl_->core->parts().say.say(
        log_level::error, "stop.stuck",
        "a handler is still inside after the stop deadline; its thread and "
        "its memory are left to it");
  }
  {
    const std::lock_guard lock(impl_->desk->mutex);
    impl_->desk->open = nullptr;
  }
  if (stopped) {
    delete impl_;
    return;
  }
  impl_->core->abandon();
}

result<queue_ref> scheduler::queue(std::string_view name, const queue_options& wanted) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->queue(*context, name, wanted);
}

submit_answer scheduler::submit(queue_ref queue, kind_ref kind, std::span<const std::byte> payload,
                                const job_options& how) noexcept {
  submit_answer answer;
  if (impl_->is_child()) {
    answer.reason = reject::forked;
    return answer;
  }
  std::chrono::steady_clock::time_point until{};
  impl::lack lacks;
  do {
    const call_context context(impl_->desk);
    if (!context) {
      answer.reason = reject::memory;
      return answer;
    }
    answer = take_in(impl_->core->parts(), *context, queue, kind, payload, how);
    if (answer) return answer;
    if (answer.reason == reject::memory) {
      answer = take_in_scarce(impl_->core->parts(), *context, queue, kind, payload, how);
      if (answer) return answer;
    }
    lacks = {context->may_block(), context->bytes_wanted};
  } while (impl_->wait_for_room(queue, answer.reason, lacks, until));
  impl_->count_rejected(queue, kind, answer.reason, 1);
  if (is_full(answer.reason)) answer.retry_after = full_retry_after;
  return answer;
}

submit_answers scheduler::submit_bulk(queue_ref queue, kind_ref kind,
                                      std::span<const job_spec> specs,
                                      std::span<job_id> ids) noexcept {
  submit_answers answer;
  if (impl_->is_child()) {
    answer.reason = reject::forked;
    return answer;
  }
  if (!ids.empty() && ids.size() < specs.size()) {
    answer.reason = reject::bad_option;
    return answer;
  }
  std::chrono::steady_clock::time_point until{};
  submit_answers sum;  // of all rounds
  impl::lack lacks;
  do {
    const call_context context(impl_->desk);
    if (!context) {
      answer.reason = reject::memory;
      break;
    }
    answer = take_in(impl_->core->parts(), *context, queue, kind, specs.subspan(sum.accepted),
                     ids.empty() ? ids : ids.subspan(sum.accepted));
    lacks = {context->may_block(), context->bytes_wanted};
    if (answer.accepted != 0) {
      sum.accepted += answer.accepted;
      sum.duplicates += answer.duplicates;
      sum.replaced += answer.replaced;
      sum.ticket = answer.ticket;
      until = {};  // the limit is for each wait for room
    }
  } while (!answer && impl_->wait_for_room(queue, answer.reason, lacks, until));
  if (!answer) {
    impl_->count_rejected(queue, kind, answer.reason, specs.size() - sum.accepted);
    if (is_full(answer.reason)) answer.retry_after = full_retry_after;
  }
  answer.accepted = sum.accepted;
  answer.duplicates = sum.duplicates;
  answer.replaced = sum.replaced;
  answer.ticket = sum.ticket;
  return answer;
}

result<job_status> scheduler::find(job_id id) const noexcept {
  if (impl_->is_child()) return is_forked;
  return impl_->core->find(id);
}

result<lane_status> scheduler::find(lane_ref lane) const noexcept {
  if (impl_->is_child()) return is_forked;
  return impl_->core->find(lane);
}

result<job_status> scheduler::wait(job_id id, duration limit) noexcept {
  if (impl_->is_child()) return is_forked;
  const thread_context* const own = own_thread_context(impl_->desk);
  if (own != nullptr && own->role() == context_role::drain) {
    return failure{errc::invalid, 0, "wait on a drain"};
  }
  return impl_->core->wait(id, limit, own != nullptr);
}

result<ticket> scheduler::cancel(job_id id) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->cancel(*context, id);
}

result<ticket> scheduler::requeue(job_id id, std::uint64_t version) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->requeue(*context, id, version);
}

result<dead_page> scheduler::list_dead(const dead_filter& which, std::uint64_t cursor,
                                       std::size_t letters_max) const noexcept {
  if (impl_->is_child()) return is_forked;
  return impl_->core->list_dead(which, cursor, letters_max);
}

result<dead_letter> scheduler::show_dead(job_id id,
                                         std::vector<std::byte>* payload) const noexcept {
  if (impl_->is_child()) return is_forked;
  return impl_->core->show_dead(id, payload);
}

result<std::uint64_t> scheduler::purge_dead(const dead_filter& which) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->purge_dead(*context, which);
}

result<source_ref> scheduler::source(std::string_view name) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->source(*context, name);
}

result<source_position> scheduler::cursor(source_ref source) const noexcept {
  if (impl_->is_child()) return is_forked;
  return impl_->core->cursor(source);
}

result<ticket> scheduler::set_cursor(const source_cursor& at) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->set_cursor(*context, at);
}

result<job_result> scheduler::show_result(job_id id) const noexcept {
  if (impl_->is_child()) return is_forked;
  return impl_->core->show_result(id);
}

result<result_page> scheduler::list_results(std::uint64_t cursor,
                                            std::size_t results_max) const noexcept {
  if (impl_->is_child()) return is_forked;
  return impl_->core->list_results(cursor, results_max);
}

result<std::uint64_t> scheduler::purge_results(std::span<const job_id> jobs) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->purge_results(*context, jobs);
}

result<tenant_ref> scheduler::tenant(std::string_view name, const tenant_options& wanted) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->tenant(*context, name, wanted);
}

result<ticket> scheduler::pause(scope of, duration resume_after) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->pause(*context, of, resume_after);
}

result<ticket> scheduler::resume(scope of) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->resume(*context, of);
}

result<ticket> scheduler::hold(scope of, duration span) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->hold(*context, of, span);
}

result<ticket> scheduler::set_limits(scope of, const limits& wanted) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->set_limits(*context, of, wanted);
}

result<ticket> scheduler::set_breaker(kind_ref kind, const breaker_rule& wanted) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->set_breaker(*context, kind, wanted);
}

result<ticket> scheduler::close_intake(scope of) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->set_intake(*context, of, false);
}

result<ticket> scheduler::open_intake(scope of) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->set_intake(*context, of, true);
}

result<ticket> scheduler::set_options(queue_ref queue, const queue_options& wanted) noexcept {
  if (impl_->is_child()) return is_forked;
  const call_context context(impl_->desk);
  if (!context) return no_context;
  return impl_->core->set_options(*context, queue, wanted);
}

std::uint64_t scheduler::durable_lsn() const noexcept {
  return impl_->is_child() ? 0 : impl_->core->durable_lsn();
}

status scheduler::wait_durable(const ticket& t, duration limit) noexcept {
  if (impl_->is_child()) return is_forked;
  const thread_context* const own = own_thread_context(impl_->desk);
  if (own != nullptr && own->role() == context_role::drain) {
    return failure{errc::invalid, 0, "wait_durable on a drain"};
  }
  return impl_->core->wait_durable(t.lsn, limit);
}

status scheduler::stop(duration limit) noexcept {
  if (impl_->is_child()) return is_forked;
  if (own_thread_context(impl_->desk) != nullptr) {
    return failure{errc::invalid, 0, "stop inside a handler"};
  }
  return impl_->core->stop(limit);
}

health_report scheduler::health() const {
  if (impl_->is_child()) return {};
  return impl_->core->health();
}

metrics scheduler::read_metrics() const {
  if (impl_->is_child()) return {};
  return impl_->core->read_metrics();
}

counters scheduler::read_counters() const noexcept {
  if (impl_->is_child()) return {};
  return impl_->core->read_counters();
}

}  // namespace pawl
