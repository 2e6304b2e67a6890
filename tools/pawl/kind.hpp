// kind.hpp -- a kind of job `pawl run` can do: what it does with a line or a
// payload.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "captured_output.hpp"
#include "job_input.hpp"
#include "job_result.hpp"
#include "settings.hpp"
#include "stop_request.hpp"

namespace pawl_tool {

class kind {
 public:
  virtual ~kind() = default;

  // Does the job. It has failed when it sets result.error; it may fill the other members that
  // concern its own doing. Called by many threads at the same time. Ends soon after stop_request
  // says now, or with result.timed_out after input.deadline.
  virtual void run(const job_input& input, job_result& result) = 0;

  // What run() would do, as a person would type it.
  [[nodiscard]] virtual std::string describe(const job_input& input) const = 0;
};

// As on the command line.
[[nodiscard]] std::string_view name(kind_name which) noexcept;
// As the scheduler and its store know it.
[[nodiscard]] std::string stored_name(kind_name which);

// Jobs of this kind wait more than they compute: they get threads of their own.
[[nodiscard]] constexpr bool is_blocking(kind_name which) noexcept {
  return which == kind_name::exec || which == kind_name::sleep;
}

// Jobs get threads of their own; with --jsonl those of all kinds, so that they share --concurrency.
[[nodiscard]] constexpr bool is_blocking(const run_settings& settings) noexcept {
  return settings.jsonl || is_blocking(*settings.kind);
}

// The kinds that lines may ask for: that of the command line, or with --jsonl all. All references
// are kept. exec starts its process_guard here, so no other thread may run yet, except for a dry run.
class kind_set {
 public:
  kind_set(const run_settings& settings, const stop_request& stop, capture_budget& captures);

  // Null: not one of them.
  [[nodiscard]] kind* find(kind_name which) const noexcept {
    return kinds_[static_cast<std::size_t>(which)].get();
  }

 private:
  std::array<std::unique_ptr<kind>, std::size(all_kinds)> kinds_;
};

std::unique_ptr<kind> make_digest_kind(const stop_request& stop);
std::unique_ptr<kind> make_exec_kind(const run_settings& settings, const stop_request& stop,
                                     capture_budget& captures);
std::unique_ptr<kind> make_noop_kind();
std::unique_ptr<kind> make_sleep_kind(const run_settings& settings, const stop_request& stop);

}  // namespace pawl_tool
