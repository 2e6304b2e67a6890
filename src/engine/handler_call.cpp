#include "engine/handler_call.hpp"

#include <exception>
#include <string>

#include "engine/arena.hpp"

namespace pawl {

namespace {

outcome call(const registry::entry& kind, context& job, std::span<const std::byte> payload) {
  if (!kind.options.parallel) return kind.call(kind.user, job, payload);
  outcome result = outcome::done();
  isolated([&] { result = kind.call(kind.user, job, payload); });
  return result;
}

verdict verdict_of(outcome o) noexcept {
  switch (o.what()) {
    case outcome::code::done:
      return {job_event::done};
    case outcome::code::dead:
      return {job_event::die, dead_cause::handler};
    case outcome::code::cancelled:
      return {job_event::cancel};
  }
  return {job_event::die, dead_cause::handler};
}

}  // namespace

std::span<const std::byte> payload_of(const core& c, const slot& job) noexcept {
  const std::uint32_t payload = job.payload;
  if (payload_arena::is_reference(payload)) return c.payloads.bytes(payload);
  return {job.body, payload};
}

context handler_call::make_context(core& c, slot& job, job_id id) noexcept {
  context x;
  x.id_ = id;
  x.word_ = &job.word;
  x.stopping_ = &c.stopping;
  x.owner_ = c.owner;
  x.queue_ = queue_ref{job.queue, c.tag};
  x.kind_ = kind_ref{job.kind};
  x.priority_ = static_cast<priority>(static_cast<std::uint8_t>(job.band));
  x.attempt_ = job.attempt;
  return x;
}

verdict handler_call::run(core& c, const registry::entry& kind, slot& job, job_id id) noexcept {
  const std::span<const std::byte> payload = payload_of(c, job);
  context x = make_context(c, job, id);
  try {
    if (kind.fits != nullptr && !kind.fits(payload)) return {job_event::die, dead_cause::decode};
    return verdict_of(call(kind, x, payload));
  } catch (const std::exception& e) {
    c.say.say(log_level::warning, "handler.threw", e.what(), id);
  } catch (...) {
    c.say.say(log_level::warning, "handler.threw", "not a std::exception", id);
  }
  return {job_event::die, dead_cause::handler};
}

bool context::cancel_requested() const noexcept {
  return job_word{static_cast<const word_cell*>(word_)->load(acquire)}.has(
      job_flag::cancel_requested);
}

bool context::stop_requested() const noexcept {
  return static_cast<const atomic<bool>*>(stopping_)->load(acquire);
}

}  // namespace pawl
