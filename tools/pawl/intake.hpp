// intake.hpp -- turns lines into jobs, as fast as the window lets it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <span>
#include <vector>

#include "halt_rule.hpp"
#include "job_order.hpp"
#include "job_window.hpp"
#include "json_job.hpp"
#include "line_reader.hpp"
#include "output_writer.hpp"
#include "pawl/scheduler.hpp"
#include "queue_book.hpp"
#include "settings.hpp"
#include "tally.hpp"

namespace pawl_tool {

class intake {
 public:
  // Indexed by kind_name; those that lines may ask for.
  using kind_refs = std::array<pawl::kind_ref, std::size(all_kinds)>;

  intake(const run_settings& settings, pawl::scheduler& engine, queue_book& queues,
         const kind_refs& kinds, job_window& window, tally& counts, output_writer& writer,
         halt_rule& halt)
      : settings_(settings),
        engine_(engine),
        queues_(queues),
        kinds_(kinds),
        window_(window),
        counts_(counts),
        writer_(writer),
        halt_(halt),
        json_(settings) {}

  // Submits every line until the input ends or the run is stopped.
  void run(line_reader& reader);

  // No more lines will come: what the window has acquired is all there is. Any thread.
  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_relaxed); }

 private:
  void submit(std::span<const input_line> lines);
  std::size_t submit_plain(std::span<const input_line> lines);
  std::size_t submit_json(const input_line& line);
  std::size_t take_reject(pawl::reject reason, const input_line& line);
  void refuse(const input_line& line, line_mistake mistake);
  [[nodiscard]] pawl::job_options options_of(const job_order& order) const;

  const run_settings& settings_;
  pawl::scheduler& engine_;
  queue_book& queues_;
  const kind_refs kinds_;
  job_window& window_;
  tally& counts_;
  output_writer& writer_;
  halt_rule& halt_;
  json_job_reader json_;

  std::uint64_t next_sequence_ = 0;
  std::vector<std::byte> bytes_;  // the payloads of one call of submit_bulk()
  std::vector<pawl::job_spec> specs_;
  bool stopping_ = false;
  std::atomic<bool> ended_{false};
};

}  // namespace pawl_tool
