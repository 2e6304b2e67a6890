// engine/engine.hpp -- the parts of a scheduler, built, connected, started and taken down.
//
// The public shell (src/scheduler.cpp) adds what belongs to a process: which context the calling
// thread has, and whether it is still the process that opened the scheduler. Everything here takes
// the context as a parameter, so tests run the whole engine on one thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/alarm.hpp"
#include "engine/arena.hpp"
#include "engine/blocking_pool.hpp"
#include "engine/core.hpp"
#include "engine/drain.hpp"
#include "engine/health_monitor.hpp"
#include "engine/log_opening.hpp"
#include "engine/loop_office.hpp"
#include "engine/spare_keeper.hpp"
#include "engine/wal.hpp"
#include "pawl/dead_letter.hpp"
#include "pawl/error.hpp"
#include "pawl/health.hpp"
#include "pawl/job_result.hpp"
#include "pawl/loop.hpp"
#include "pawl/metrics.hpp"
#include "pawl/source.hpp"

namespace pawl {

class engine {
 public:
  struct environment {
    const clock_source* clock = nullptr;  // outlives the engine
    // executor::stepped: the caller steps the agents, whatever options::executor says.
    executor run_by = executor::threads;
    scheduler* owner = nullptr;
    std::uint16_t tag = 1;
    // Called on each thread of the engine before anything else, so that the shell knows its context.
    std::function<void(thread_context&)> adopt_thread = [](thread_context&) {};
    // Stepped: lets other agents step and time pass until done(), at most `limit`; for callers that
    // would be blocked. Empty: they block, or do not wait for room.
    std::function<void(const std::function<bool()>& done, duration limit)> pass_time;
  };

  // The errors of scheduler::open().
  static result<std::unique_ptr<engine>> build(const options& wanted, const registry& kinds,
                                               const environment& world);
  // All threads have ended: stop() said so. See abandon().
  ~engine();

  // What the log says is durable, and waiting for that; as the members of scheduler.
  [[nodiscard]] std::uint64_t durable_lsn() const noexcept;
  status wait_durable(std::uint64_t lsn, duration limit) noexcept;

  // Starts the threads, unless stepped or options::dispatch is false. External: all but drains.
  status start();

  // As the members of scheduler of the same names.
  result<queue_ref> queue(thread_context& context, std::string_view name,
                          const queue_options& wanted);
  result<tenant_ref> tenant(thread_context& context, std::string_view name,
                            const tenant_options& wanted);
  result<job_status> find(job_id id) const noexcept;
  result<job_status> wait(job_id id, duration limit, bool inside_handler = false) noexcept;
  result<ticket> cancel(thread_context& context, job_id id) noexcept;
  result<ticket> requeue(thread_context& context, job_id id, std::uint64_t version) noexcept;
  result<dead_page> list_dead(const dead_filter& which, std::uint64_t cursor,
                              std::size_t letters_max) const noexcept;
  result<dead_letter> show_dead(job_id id, std::vector<std::byte>* payload) noexcept;
  std::uint64_t purge_dead(thread_context& context, const dead_filter& which) noexcept;
  result<source_ref> source(thread_context& context, std::string_view name);
  result<source_position> cursor(source_ref source) const noexcept;
  result<ticket> set_cursor(thread_context& context, const source_cursor& at) noexcept;
  result<job_result> show_result(job_id id) const noexcept;
  result<result_page> list_results(std::uint64_t cursor, std::size_t results_max) const noexcept;
  std::uint64_t purge_results(thread_context& context, std::span<const job_id> jobs) noexcept;
  result<ticket> pause(thread_context& context, scope of, duration resume_after) noexcept;
  result<ticket> resume(thread_context& context, scope of) noexcept;
  result<ticket> hold(thread_context& context, scope of, duration span) noexcept;
  result<ticket> set_limits(thread_context& context, scope of, const limits& wanted) noexcept;
  result<ticket> set_breaker(thread_context& context, kind_ref kind,
                             const breaker_rule& wanted) noexcept;
  result<ticket> set_intake(thread_context& context, scope of, bool is_open) noexcept;
  result<ticket> set_options(thread_context& context, queue_ref queue,
                             const queue_options& wanted) noexcept;
  result<lane_status> find(lane_ref lane) noexcept;
  status stop(duration limit) noexcept;
  health_report health() const;
  counters read_counters() const noexcept;
  metrics read_metrics() const;

  // Ends a call that rejected `count` jobs. The references may be of nothing.
  void count_rejected(thread_context& context, queue_ref queue, kind_ref kind, reject r,
                      std::size_t count) noexcept;

  // Blocks until there may be room again for a job that was refused with `reason`, and lacked so many bytes,
  // or 0 and a job's room; false: `until` has passed, or the queue does not block.
  bool wait_for_room(queue_ref queue, reject reason, std::uint64_t bytes,
                     std::chrono::steady_clock::time_point until);

  // Gives back what a context has set aside, before another thread gets it.
  void flush_credits(thread_context& context) noexcept;

  // External only, as scheduler::make_loop(). What the others take is from it; between its enter() and
  // leave() the engine is there.
  result<std::shared_ptr<loop_cell>> make_loop();
  [[nodiscard]] thread_context& context_of(const loop_cell& cell) const noexcept {
    return *drain_contexts_[cell.index];
  }
  run_result run_some(loop_cell& cell, std::size_t jobs_max, duration budget) noexcept;
  void end_loop(loop_cell& cell) noexcept;

  // Lets threads that are still inside a handler go on without an owner. The engine must then never
  // be destroyed.
  void abandon() noexcept;

  // Stepped only: runs a batch of drain `index`, a job of a blocking kind. False: nothing to do.
  bool step_drain(unsigned index) noexcept { return drains_[index]->step(); }
  bool step_blocking() noexcept { return pool_->step(*blocking_context_); }
  // Fires what is due and looks at handlers that run too long. False: nothing was due.
  bool step_timer() noexcept;
  // One round of the log. False: nothing to do, or there is none.
  bool step_log() noexcept { return wal_ != nullptr && wal_->step(); }
  // When step_timer() has something to do next; 0: now.
  [[nodiscard]] std::uint64_t next_timer_ns() const noexcept;

  [[nodiscard]] core& parts() noexcept { return core_; }

 private:
  engine(const core_settings& settings, std::unique_ptr<recovered_log> log, const registry& kinds,
         const environment& world, bool barrier_works);
  status add_drains();
  result<ticket> apply_pause(thread_context& context, scope of, duration resume_after) noexcept;
  result<ticket> apply_resume(thread_context& context, scope of) noexcept;
  result<ticket> apply_intake(thread_context& context, scope of, bool is_open) noexcept;
  template <class Change>
  result<ticket> change_and_say(thread_context& context, scope of, const setting_value& value,
                                Change change) noexcept;
  void restore_setting(const setting_key& key, const setting_value& value);
  void build_log();
  void set_ceiling() noexcept;
  void wait_for_settings_room(thread_context& context) noexcept;
  void say_tenant(thread_context& context, unsigned number, std::string_view name,
                  const tenant_options& wanted) noexcept;
  status take_over_log();
  status restore_sources(const durable_state& state);
  void note_log_state(log_state state) noexcept;
  void note_durable(std::uint64_t lsn) noexcept;
  [[nodiscard]] std::uint64_t logged_jobs() const noexcept;
  status close_log() noexcept;
  void describe_log(log_health& h) const;
  [[nodiscard]] bool is(executor e) const noexcept { return core_.settings.given.executor == e; }
  status start_drain(unsigned index) noexcept;
  status start_timer() noexcept;
  void run_timer() noexcept;
  void hire_drains() noexcept;
  void ask_all_to_stop(job_id only_this) noexcept;
  void say_who_is_stuck() noexcept;
  void live_as(thread_context& context, const std::function<void()>& body) noexcept;
  void count_living(int change) noexcept;
  void note_entered() noexcept;
  bool wait_for_memory(ready_queue& queue, std::chrono::steady_clock::time_point until);
  bool wait_for_disk(std::chrono::steady_clock::time_point until) const noexcept;
  health_report describe_health(const std::vector<tally_sums>& queues,
                                std::uint64_t without_handler) const;
  result<ready_queue*> queue_at(queue_ref queue) const noexcept;
  // Neither: the scheduler.
  struct scope_gates {
    ready_queue* queue = nullptr;
    start_gate* gate = nullptr;
  };
  result<scope_gates> find_scope(scope of) const noexcept;
  void apply_limits(thread_context& context, const scope_gates& of, const limits& wanted) noexcept;
  status check_lane(lane_ref of) const noexcept;
  result<ticket> close_lane(thread_context& context, lane_ref of, lane::mark why,
                            std::uint64_t until_ns) noexcept;
  result<ticket> open_lane(thread_context& context, lane_ref of, lane::mark why) noexcept;
  void close_all_gates() noexcept;
  void wait_for_starts_of(unsigned queue) noexcept;

  const environment world_;
  alarm alarm_;                           // of the timer thread
  std::unique_ptr<recovered_log> log_;    // null: the scheduler has no directory
  std::unique_ptr<spare_keeper> spares_;  // of its log; null: the same, or nobody has a thread
  std::unique_ptr<wal> wal_;              // the same
  std::uint32_t queues_named_ = 0;        // of which the log knows; under changing_
  std::uint32_t tenants_named_ = 0;
  std::uint32_t sources_named_ = 0;
  core core_;
  std::unique_ptr<arena> arena_;
  std::unique_ptr<blocking_pool> pool_;
  thread_context* blocking_context_ = nullptr;  // of step_blocking()
  std::vector<std::unique_ptr<drain>> drains_;
  std::vector<thread_context*> drain_contexts_;
  loop_office loops_;
  std::vector<std::thread> threads_;  // of drains, by their number
  unsigned drains_wanted_ = 0;        // in place of stuck ones; of the timer thread
  thread_context* timer_context_ = nullptr;
  std::thread timer_thread_;
  mutable health_monitor monitor_;
  std::mutex changing_;  // one gate or settings change at a time
  std::mutex saying_;    // one change with what the log is told of it; before changing_

  mutable std::mutex living_mutex_;
  std::condition_variable all_left_;
  int living_ = 0;  // threads of the engine
  std::condition_variable all_entered_;
  unsigned entered_ = 0;  // drains that have been in the arena
};

}  // namespace pawl
