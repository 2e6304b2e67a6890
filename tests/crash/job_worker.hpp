// crash/job_worker.hpp -- runs durable jobs until it is killed or its log fails, and says through a pipe what is
// durable of them. Opens the directory and goes on, with segments of any small size.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.hpp"
#include "crash/job_oracle.hpp"
#include "pawl/scheduler.hpp"
#include "support/opened.hpp"
#include "support/seed.hpp"

namespace pawl::test {

class job_worker {
 public:
  static constexpr int log_failed = 2;  // with which it ends when nothing is durable any more

  job_worker(const std::string& directory, bool io_uring, int pipe, std::uint64_t seed)
      : pipe_(pipe), random_(seed) {
    kinds_.add("life/1", &job_worker::run, this,
               {.max_attempts = 100, .backoff = backoff::fixed(std::chrono::milliseconds(1))});
    options o = small_options();
    o.directory = directory;
    o.segment_bytes = std::uint32_t{64 << 10} << 2 * below(random_, 2);
    o.io_uring = io_uring;
    o.dead_in_memory = 100'000;
    o.results_in_memory = 1'000'000;
    o.log = {.write = &job_worker::note_warning};
    o.hooks = {.on_end = &job_worker::note_end, .user = this};
    auto opened = scheduler::open(o, kinds_);
    if (!opened) end(opened.error());
    opened_ = std::move(*opened);
    durable_ = queue_or_exit(*opened_, "life", {.keep_results = true});
    relaxed_ = queue_or_exit(*opened_, "relaxed", {.durability = durability::relaxed});
    for (std::size_t n = 0; n < anchors; ++n) anchored_.push_back(anchor(n));
  }

  // Jobs from `next` on, acknowledged by the batch, until something ends it.
  void live(std::uint64_t next) {
    for (;;) {
      std::vector<std::pair<std::uint64_t, ticket>> batch;
      for (std::uint64_t n = 1 + below(random_, job_oracle::batch_max); n > 0; --n, ++next) {
        batch.emplace_back(next, submit(next));
      }
      wait_for(batch.back().second);
      say({.said = life_message::what::accepted_below, .number = next});
      cancel_some(batch);
      tell_ends();
    }
  }
  // Until all is done.
  void finish() {
    for (const job_id a : anchored_) PAWL_CHECK(opened_->cancel(a));
    const auto is_empty = [this] {
      const counters c = opened_->read_counters();
      return c.accepted + c.requeued == c.ended();
    };
    while (!is_empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    tell_ends();
    tell_results();
    tell_dead();
    if (const status s = opened_->stop(std::chrono::seconds(60)); !s) end(s.error());
    opened_.reset();
    say({.said = life_message::what::over});
  }

 private:
  static constexpr std::uint64_t fence = UINT64_MAX;  // more than there are jobs

  [[noreturn]] static void end(const failure& f) {
    if (f.code == errc::io) ::_exit(log_failed);
    std::fprintf(stderr, "%s: %.*s\n", std::string(name(f.code)).c_str(),
                 static_cast<int>(f.where.size()), f.where.data());
    std::abort();
  }
  // How it ends says it all of a log that fails, or was refused because the disk has.
  static void note_warning(void*, const log_record& r) {
    if (r.level == log_level::info || r.event == "log.failed" || r.event == "log.refused") return;
    std::fprintf(stderr, "%s: %s\n", std::string(r.event).c_str(), std::string(r.message).c_str());
  }
  void say(const life_message& m) const {
    if (::write(pipe_, &m, sizeof m) != sizeof m) ::_exit(3);  // in one piece
  }

  // --- Submits and cancels ---

  ticket submit(std::uint64_t number) {
    const job_role role = role_of(number);
    job_options how;
    if (number % 5 == 0) how.after = std::chrono::microseconds(number % 7'000);
    how.priority = static_cast<priority>(number % priority_count);
    if (role == job_role::hopeless) how.max_attempts = 2;
    return submit(role == job_role::relaxed ? relaxed_ : durable_, number, how);
  }
  ticket submit(queue_ref queue, std::uint64_t number, const job_options& how) {
    const auto answer = opened_->submit(queue, kind_ref{0}, bytes_of(number), how);
    if (answer.reason == reject::log_failed) ::_exit(log_failed);
    PAWL_CHECK(answer);
    return answer.ticket;
  }
  void wait_for(const ticket& t) {
    if (const status s = opened_->wait_durable(t, std::chrono::seconds(60)); !s) end(s.error());
  }
  // Made in the first life, and found in all others.
  job_id anchor(std::size_t n) {
    const std::string text = "anchor " + std::to_string(n);
    const unique_key key{
        .key = text, .scope = static_cast<unique_scope>(n), .on_duplicate = on_duplicate::existing};
    const ticket t =
        submit(durable_, fence, {.after = std::chrono::hours(24 * 365), .unique = &key});
    wait_for(t);
    say({.said = life_message::what::anchored_as, .number = n, .id = t.id.value});
    return t.id;
  }
  void cancel_some(const std::vector<std::pair<std::uint64_t, ticket>>& batch) {
    std::vector<std::uint64_t> cancelled;
    ticket last;
    for (const auto& [number, of] : batch) {
      if (role_of(number) != job_role::to_cancel) continue;
      is_cancelled = false;
      const auto done = opened_->cancel(of.id);
      if (!done || !is_cancelled) continue;  // it has ended, or runs
      last = *done;
      cancelled.push_back(number);
    }
    wait_for(last);
    for (const std::uint64_t n : cancelled) say({.said = life_message::what::ended, .number = n});
  }

  // --- Attempts and ends ---

  // Each third job fails once before it does well.
  static outcome run(void* user, context& job, std::span<const std::byte> payload) {
    at_hand = value_of<std::uint64_t>(payload);
    if (at_hand == fence) return outcome::done();
    static_cast<const job_worker*>(user)->say(
        {.said = life_message::what::started, .number = at_hand});
    const job_role role = role_of(at_hand);
    if (role == job_role::hopeless) return job.fail("hopeless");
    if (role == job_role::with_result) PAWL_CHECK(job.set_result(result_of(at_hand)));
    return at_hand % 3 == 0 && job.attempt() == 1 ? outcome::fail() : outcome::done();
  }
  static std::vector<std::byte> result_of(std::uint64_t number) {
    const auto one = bytes_of(number);
    std::vector<std::byte> all;
    for (std::uint64_t n = 0; n <= number % 32; ++n) all.insert(all.end(), one.begin(), one.end());
    return all;
  }
  // On the thread that has run the job, or cancels it.
  static void note_end(void* user, const job_change& change) {
    if (change.state == job_state::cancelled) is_cancelled = true;
    const bool is_over = change.state == job_state::completed || change.state == job_state::dead;
    if (!is_over || at_hand == fence) return;
    auto& self = *static_cast<job_worker*>(user);
    const std::lock_guard lock(self.mutex_);
    self.ended_.push_back(at_hand);
  }
  // What is said later is durable only together with what was said before it.
  void tell_ends() {
    std::vector<std::uint64_t> ended;
    {
      const std::lock_guard lock(mutex_);
      ended.swap(ended_);
    }
    wait_for(submit(durable_, fence, {}));
    for (const std::uint64_t n : ended) say({.said = life_message::what::ended, .number = n});
  }

  // --- What is left at the end ---

  void tell_results() const {
    for (std::uint64_t cursor = 0;;) {
      const auto page = opened_->list_results(cursor);
      PAWL_CHECK(page);
      for (const job_result& r : page->results) {
        const auto shown = opened_->show_result(r.id);
        PAWL_CHECK(shown && r.bytes.size() >= sizeof(std::uint64_t) && shown->bytes == r.bytes);
        const auto number =
            value_of<std::uint64_t>(std::span(r.bytes).first(sizeof(std::uint64_t)));
        PAWL_CHECK(r.bytes == result_of(number));
        say({.said = life_message::what::has_result, .number = number});
      }
      if ((cursor = page->cursor) == 0) return;
    }
  }
  void tell_dead() const {
    for (std::uint64_t cursor = 0;;) {
      const auto page = opened_->list_dead({}, cursor);
      PAWL_CHECK(page);
      for (const dead_letter& letter : page->letters) {
        std::vector<std::byte> payload;
        PAWL_CHECK(opened_->show_dead(letter.status.id, &payload));
        PAWL_CHECK(letter.status.cause == dead_cause::exhausted && letter.errors.size() == 2);
        say({.said = life_message::what::is_dead, .number = value_of<std::uint64_t>(payload)});
      }
      if ((cursor = page->cursor) == 0) return;
    }
  }

  static inline thread_local std::uint64_t at_hand = fence;  // the job that this thread ran last
  static inline thread_local bool is_cancelled = false;      // by this thread
  const int pipe_;
  random_source random_;
  registry kinds_;
  std::mutex mutex_;
  std::vector<std::uint64_t> ended_;  // and not told
  std::unique_ptr<scheduler> opened_;
  queue_ref durable_;
  queue_ref relaxed_;
  std::vector<job_id> anchored_;
};

}  // namespace pawl::test
