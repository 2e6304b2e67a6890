// stored_jobs.hpp -- a store that a real scheduler has made, for the command to look at.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pawl/scheduler.hpp"
#include "pawl_process.hpp"

namespace pawl_tests {

class stored_jobs {
 public:
  stored_jobs();

  // Opens it; the jobs that were submitted run if `dispatch`. Those of kind "die/1" die at once.
  void open(bool dispatch = false);
  // Stops it in order.
  void close();
  // Its id.
  std::uint64_t submit(std::string_view queue, std::string_view payload,
                       const pawl::job_options& how = {});
  std::uint64_t submit_dying(std::string_view payload);
  // Until so many are dead.
  void wait_for_dead(std::uint64_t count) const;

  [[nodiscard]] const std::string& path() const { return path_; }
  // Its segments, ascending, with their whole names.
  [[nodiscard]] words segments() const;
  // All files with their contents and times of change, as one text to compare.
  [[nodiscard]] std::string everything() const;

  // `pawl` with these words, the directory behind the second.
  [[nodiscard]] process_end run(words arguments) const;

 private:
  std::uint64_t submit(pawl::queue_ref queue, pawl::kind_ref kind, std::string_view payload,
                       const pawl::job_options& how);
  static pawl::outcome die(void*, pawl::context& job, std::span<const std::byte>);
  static pawl::outcome do_nothing(void*, pawl::context&, std::span<const std::byte>);

  const temporary_folder folder_;
  const std::string path_;
  pawl::registry kinds_;
  pawl::kind_ref note_;
  pawl::kind_ref dies_;
  std::unique_ptr<pawl::scheduler> scheduler_;
};

// The bytes of a file from `offset` on are replaced.
void overwrite(const std::string& file, std::size_t offset, std::string_view bytes);
[[nodiscard]] std::string content_of(const std::string& file);

}  // namespace pawl_tests
