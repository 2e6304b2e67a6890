// job_runner.hpp -- the handler: runs a kind for one job, counts it, and passes its result on.
#pragma once

#include <cstddef>
#include <span>

#include "job_window.hpp"
#include "kind.hpp"
#include "output_writer.hpp"
#include "pawl/context.hpp"
#include "pawl/outcome.hpp"
#include "settings.hpp"
#include "tally.hpp"

namespace pawl_tool {

class job_runner {
 public:
  job_runner(const run_settings& settings, kind& does, tally& counts, job_window& window,
             output_writer& writer)
      : settings_(settings), kind_(does), counts_(counts), window_(window), writer_(writer) {}

  // A pawl::handler; `user` is the job_runner.
  static pawl::outcome call(void* user, pawl::context& job, std::span<const std::byte> payload) {
    return static_cast<job_runner*>(user)->run(job, payload);
  }

 private:
  pawl::outcome run(pawl::context& job, std::span<const std::byte> payload);
  [[nodiscard]] bool nothing_to_show(const job_result& result) const noexcept;

  const run_settings& settings_;
  kind& kind_;
  tally& counts_;
  job_window& window_;
  output_writer& writer_;
};

}  // namespace pawl_tool
