// intake.hpp -- turns lines into jobs, as fast as the window lets it.
#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "job_window.hpp"
#include "line_reader.hpp"
#include "output_writer.hpp"
#include "pawl/scheduler.hpp"
#include "settings.hpp"
#include "tally.hpp"

namespace pawl_tool {

class intake {
 public:
  intake(const run_settings& settings, pawl::scheduler& engine, pawl::queue_ref queue,
         pawl::kind_ref kind, job_window& window, tally& counts, output_writer& writer)
      : settings_(settings),
        engine_(engine),
        queue_(queue),
        kind_(kind),
        window_(window),
        counts_(counts),
        writer_(writer) {}

  // Submits every line until the input ends or the run is stopped.
  void run(line_reader& reader);

  // No more lines will come: what the window has acquired is all there is. Any thread.
  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_relaxed); }

 private:
  void submit(std::span<const input_line> lines);
  std::size_t submit_some(std::span<const input_line> lines);
  std::size_t take_reject(pawl::reject reason, const input_line& line);
  void refuse(const input_line& line, std::string_view cause, std::string error);

  const run_settings& settings_;
  pawl::scheduler& engine_;
  const pawl::queue_ref queue_;
  const pawl::kind_ref kind_;
  job_window& window_;
  tally& counts_;
  output_writer& writer_;

  std::uint64_t next_sequence_ = 0;
  std::vector<std::byte> bytes_;  // the payloads of one call of submit_bulk()
  std::vector<pawl::job_spec> specs_;
  bool stopping_ = false;
  std::atomic<bool> ended_{false};
};

}  // namespace pawl_tool
