// pawl/registry.hpp -- the kinds of jobs a program can run: names and their handlers.
//
// A registry is a value: fill it, hand it to scheduler::open(), which copies it. Nothing is global.
// Names are durable and versioned, such as "mail.send/1": 1 to 128 characters of [A-Za-z0-9._/-].
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "pawl/breaker.hpp"
#include "pawl/codec.hpp"
#include "pawl/context.hpp"
#include "pawl/export.hpp"
#include "pawl/job.hpp"
#include "pawl/limits.hpp"
#include "pawl/outcome.hpp"

namespace pawl {

// Called on a thread of the scheduler, for different jobs at the same time. `payload` is valid
// during the call. It may throw where the program has exceptions; the attempt has then failed.
using handler = outcome (*)(void* user, context&, std::span<const std::byte> payload);

struct kind_options {
  // The handler waits (for a file, a socket, a child process): it runs on a thread of its own from
  // a pool of options::blocking_threads_max, so that it keeps no processor from other jobs.
  bool blocking = false;
  // The handler spawns oneTBB work, such as parallel_for, and waits for it: idle threads of the
  // scheduler's arena take part, and while it waits it runs no unrelated work. Calls on the scheduler
  // from inside such work count as calls from outside: do not wait there.
  bool parallel = false;
  std::uint8_t max_attempts = 3;                   // starts; 1 to 255
  pawl::backoff backoff{};                         // before a retry
  duration run_timeout = std::chrono::minutes(5);  // of each attempt; 0: none
  // With options::directory: a job that ran so often when the process died, while nothing else ran but what
  // had outlived options::quarantine, is dead(crashed). Who kills the process from outside counts as well.
  // 0: none ever is.
  std::uint8_t max_crashes = 3;
  // Errors that are worth fewer starts than max_attempts; rules for kind 0 are not used.
  std::array<retry_rule, 4> rules{};
  pawl::limits limits{};
  breaker_rule breaker{};  // when it is given a rest; default: never
};

class PAWL_EXPORT registry {
 public:
  // Adds a kind. `user` is passed to the handler and kept by address: it must outlive the
  // scheduler. A name that is malformed or already there, or a null handler, makes
  // scheduler::open() fail with errc::invalid; the reference is then unusable.
  kind_ref add(std::string_view name, handler call, void* user = nullptr,
               kind_options options = {});

  // Typed: `call` is outcome(context&, const T&); it is copied and shared by all calls. A payload
  // that codec<T> refuses ends its job as dead(decode).
  template <class T, class F>
  requires std::is_invocable_r_v<outcome, const F&, context&, const T&> kind_ref
  add(std::string_view name, F call, kind_options options = {});

  struct entry {
    std::string name;
    handler call = nullptr;
    void* user = nullptr;
    kind_options options;
    std::shared_ptr<void> state;                         // what `user` points to, for typed kinds
    bool (*fits)(std::span<const std::byte>) = nullptr;  // typed kinds: can the payload be decoded
  };
  // In the order of add(): a kind_ref is an index into it.
  [[nodiscard]] std::span<const entry> entries() const noexcept { return entries_; }
  // False: some add() was given a malformed or repeated name, a null handler, or the 65,536th kind.
  [[nodiscard]] bool valid() const noexcept { return valid_; }

 private:
  kind_ref add_entry(entry e);

  std::vector<entry> entries_;
  bool valid_ = true;
};

template <class T, class F>
requires std::is_invocable_r_v<outcome, const F&, context&, const T&> kind_ref
registry::add(std::string_view name, F call, kind_options options) {
  auto state = std::make_shared<F>(std::move(call));
  entry e;
  e.name = std::string(name);
  e.user = state.get();
  e.call = [](void* user, context& job, std::span<const std::byte> payload) -> outcome {
    const std::optional<T> value = codec<T>::decode(payload);
    if (!value) return outcome::dead();  // `fits` said otherwise a moment ago: a codec that wavers
    return (*static_cast<const F*>(user))(job, *value);
  };
  e.fits = [](std::span<const std::byte> payload) { return codec<T>::decode(payload).has_value(); };
  e.options = options;
  e.state = std::move(state);
  return add_entry(std::move(e));
}

}  // namespace pawl
