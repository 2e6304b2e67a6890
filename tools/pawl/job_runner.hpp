// job_runner.hpp -- the handler: runs a kind for one attempt, counts it, and passes the result of the
// last one on. What an attempt wrote that is made again is dropped. With a store the result of a job that
// completes goes into it with the job's end, and a job that is ended by a second Ctrl-C stays there.
#pragma once

#include <cstddef>
#include <span>

#include "base/check.hpp"
#include "halt_rule.hpp"
#include "job_payload.hpp"
#include "job_window.hpp"
#include "kind.hpp"
#include "output_writer.hpp"
#include "pawl/context.hpp"
#include "pawl/outcome.hpp"
#include "settings.hpp"
#include "stop_request.hpp"
#include "tally.hpp"

namespace pawl_tool {

class job_runner {
 public:
  // All but `which` are kept by address.
  job_runner(const run_settings& settings, kind_name which, kind& does, stop_request& stop,
             tally& counts, job_window& window, output_writer& writer, halt_rule& halt)
      : settings_(settings),
        which_(which),
        kind_(does),
        stop_(stop),
        counts_(counts),
        window_(window),
        writer_(writer),
        halt_(halt) {}

  // A pawl::handler; `user` is the job_runner.
  static pawl::outcome call(void* user, pawl::context& job, std::span<const std::byte> bytes) {
    const auto given = read_payload(bytes);
    PAWL_CHECK(given);  // who submits and who reads the store has seen to that
    return static_cast<job_runner*>(user)->run(job, *given);
  }

 private:
  pawl::outcome run(pawl::context& job, const payload& given);
  pawl::outcome give_up();
  void attempt(const payload& given, job_result& result) const;
  [[nodiscard]] unsigned attempts_max(pawl::context& job) const noexcept;
  [[nodiscard]] bool keep(pawl::context& job, const payload& given, const job_result& result) const;
  void show(pawl::context& job, const payload& given, job_result&& result);
  [[nodiscard]] bool nothing_to_show(const job_result& result) const noexcept;

  const run_settings& settings_;
  const kind_name which_;
  kind& kind_;
  stop_request& stop_;
  tally& counts_;
  job_window& window_;
  output_writer& writer_;
  halt_rule& halt_;
  const std::int64_t began_ns_ = steady_now_ns();
};

}  // namespace pawl_tool
