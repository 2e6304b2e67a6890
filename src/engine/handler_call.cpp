#include "engine/handler_call.hpp"

#include <exception>
#include <string>
#include <utility>

#include "engine/arena.hpp"
#include "pawl/job_result.hpp"

namespace pawl {

namespace {

outcome call(const running_kind& kind, context& job, std::span<const std::byte> payload) {
  if (!kind.parallel) return kind.call(kind.user, job, payload);
  outcome result = outcome::done();
  isolated([&] { result = kind.call(kind.user, job, payload); });
  return result;
}

outcome thrown(core& c, thread_context& thread, std::string_view what, const slot& job,
               job_id id) noexcept {
  thread.tallies.of(job.queue, job.kind).counts.add(tally::threw);
  thread.now_running.note(what);
  c.say.say(log_level::warning, "handler.threw", what, id);
  return outcome::fail(error_thrown);
}

job_word word_of(const void* cell) noexcept {
  return job_word{static_cast<const word_cell*>(cell)->load(acquire)};
}

}  // namespace

std::span<const std::byte> payload_of(const core& c, const slot& job) noexcept {
  const std::uint32_t payload = job.payload;
  if (payload_arena::is_reference(payload)) return c.payloads.bytes(payload);
  return {job.body, payload};
}

context handler_call::make_context(core& c, thread_context& thread, slot& job, job_id id) noexcept {
  context x;
  x.id_ = id;
  x.word_ = &job.word;
  x.stopping_ = &c.stopping;
  x.attempt_cell_ = &thread.now_running;
  x.owner_ = c.owner;
  x.queue_ = queue_ref{job.queue, c.tag};
  x.kind_ = kind_ref{job.kind};
  x.priority_ = static_cast<priority>(static_cast<std::uint8_t>(job.band));
  x.attempt_ = job.attempt;
  return x;
}

outcome handler_call::run(core& c, thread_context& thread, const running_kind& kind, slot& job,
                          job_id id, bool& fits) noexcept {
  const std::span<const std::byte> payload = payload_of(c, job);
  context x = make_context(c, thread, job, id);
  fits = true;
  try {
    fits = kind.fits == nullptr || kind.fits(payload);
    if (!fits) return outcome::dead();
    return call(kind, x, payload);
  } catch (const std::exception& e) {
    const char* const what = e.what();
    return thrown(c, thread, what == nullptr ? "an exception whose what() is null" : what, job, id);
  } catch (...) {
    return thrown(c, thread, "not a std::exception", job, id);
  }
}

void handler_call::ask_to_stop(thread_context& thread, job_id id,
                               std::uint64_t started_ns) noexcept {
  std::optional<std::stop_source> source;
  {
    const std::lock_guard lock(thread.now_running.mutex);
    const bool is_it =
        thread.line.running() == id && (started_ns == 0 || thread.line.started_ns() == started_ns);
    if (is_it) source = thread.now_running.stop;
  }
  if (source) source->request_stop();
}

unsigned context::crashes() const noexcept {
  return static_cast<const pawl::attempt*>(attempt_cell_)->crashes;
}

bool context::cancel_requested() const noexcept {
  return word_of(word_).has(job_flag::cancel_requested);
}

bool context::timed_out() const noexcept {
  return word_of(word_).has(job_flag::timed_out);
}

bool context::stop_requested() const noexcept {
  return static_cast<const atomic<bool>*>(stopping_)->load(acquire);
}

std::stop_token context::stop_token() {
  pawl::attempt& mine = *static_cast<pawl::attempt*>(attempt_cell_);
  std::optional<std::stop_source> source;
  {
    const std::lock_guard lock(mine.mutex);
    if (!mine.stop) mine.stop.emplace();
    mine.is_used = true;
    source = mine.stop;
  }
  if (cancel_requested() || timed_out() || stop_requested()) source->request_stop();
  return source->get_token();
}

status context::set_result(std::span<const std::byte> bytes) noexcept {
  pawl::attempt& mine = *static_cast<pawl::attempt*>(attempt_cell_);
  if (bytes.size() > result_bytes_max) return failure{errc::invalid, 0, "result"};
  if (mine.result != 0) mine.drop_result();
  mine.is_used = true;
  mine.result = mine.blocks->store(bytes);
  if (mine.result == 0) return failure{errc::memory, 0, "result"};
  return std::monostate{};
}

outcome context::fail(std::string_view text, error_kind kind) noexcept {
  static_cast<pawl::attempt*>(attempt_cell_)->note(text);
  return outcome::fail(kind);
}

outcome context::dead(std::string_view text, error_kind kind) noexcept {
  static_cast<pawl::attempt*>(attempt_cell_)->note(text);
  return outcome::dead(kind);
}

}  // namespace pawl
