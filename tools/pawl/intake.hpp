// intake.hpp -- turns lines into jobs, as fast as the window lets it.
#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "halt_rule.hpp"
#include "input_cursor.hpp"
#include "input_prefix.hpp"
#include "job_order.hpp"
#include "job_window.hpp"
#include "json_job.hpp"
#include "line_reader.hpp"
#include "output_writer.hpp"
#include "pawl/scheduler.hpp"
#include "queue_book.hpp"
#include "settings.hpp"
#include "stop_request.hpp"
#include "tally.hpp"

namespace pawl_tool {

class intake {
 public:
  // Indexed by kind_name; those that lines may ask for.
  using kind_refs = std::array<pawl::kind_ref, std::size(all_kinds)>;

  intake(const run_settings& settings, pawl::scheduler& engine, queue_book& queues,
         const kind_refs& kinds, job_window& window, tally& counts, output_writer& writer,
         halt_rule& halt, stop_request& stop)
      : settings_(settings),
        engine_(engine),
        queues_(queues),
        kinds_(kinds),
        window_(window),
        counts_(counts),
        writer_(writer),
        halt_(halt),
        stop_(stop),
        json_(settings) {}

  // The jobs of a store say from now on how far the input `source` is read.
  void keep_position(pawl::source_ref source, const input_position& at) {
    cursor_.emplace(source, at);
  }

  // Submits every line, first those of `beginning`, until the input ends or the run is stopped.
  void run(line_reader& reader, input_beginning beginning);

  // Why the run was stopped with stop_request::reason::store_failed; empty: not by us.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

 private:
  void refuse_again(const std::vector<refused_line>& lines);
  void take(std::span<const input_line> lines);
  void submit(std::span<const input_line> lines);
  std::size_t submit_plain(std::span<const input_line> lines);
  std::size_t submit_json(const input_line& line);
  std::size_t take_reject(pawl::reject reason, const input_line& line);
  std::size_t give_up(pawl::reject reason);
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
  stop_request& stop_;
  json_job_reader json_;

  std::uint64_t next_sequence_ = 0;
  std::uint64_t dealt_with_ = 0;  // lines, those that a store knew among them
  std::optional<input_cursor> cursor_;
  bool is_past_ = false;          // the cursor is behind these lines already
  std::vector<std::byte> bytes_;  // the payloads of one call of submit_bulk()
  std::vector<pawl::job_spec> specs_;
  bool stopping_ = false;
  std::string trouble_;
};

}  // namespace pawl_tool
