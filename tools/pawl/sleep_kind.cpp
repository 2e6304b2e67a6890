// sleep_kind.cpp -- waits as long as the line says, or as long as --for says.
#include <poll.h>

#include <algorithm>
#include <ctime>

#include "duration_text.hpp"
#include "kind.hpp"
#include "printable.hpp"

namespace pawl_tool {

namespace {

class sleep_kind final : public kind {
 public:
  sleep_kind(const run_settings& settings, const stop_request& stop)
      : sleep_for_(settings.sleep_for), stop_(stop) {}

  void run(const job_input& input, job_result& result) override {
    const auto duration = sleep_for_ ? sleep_for_ : parse_duration(input.text);
    if (!duration) {
      result.hopeless = true;
      result.error = "not a duration, such as 1.5, 200ms or 2m";
      return;
    }
    const auto end = std::chrono::steady_clock::now() + *duration;
    if (!sleep_until(std::min(end, input.deadline))) {
      result.error = "stopped";
    } else if (input.deadline < end) {
      result.timed_out = true;
    }
  }

  std::string describe(const job_input& input) const override {
    if (!sleep_for_) return "sleep " + shell_word(input.text);
    return "sleep " + std::to_string(std::chrono::duration<double>(*sleep_for_).count());
  }

 private:
  // False: cut short.
  bool sleep_until(std::chrono::steady_clock::time_point end) const {
    for (;;) {
      const auto left = std::max(end - std::chrono::steady_clock::now(),
                                 std::chrono::steady_clock::duration::zero());
      timespec limit{};
      limit.tv_sec = static_cast<std::time_t>(left.count() / 1'000'000'000);
      limit.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
      pollfd stopped{stop_.now_descriptor(), POLLIN, 0};
      const int ready = ::ppoll(&stopped, 1, &limit, nullptr);
      if (ready >= 0) return ready == 0;
    }
  }

  const std::optional<std::chrono::nanoseconds> sleep_for_;
  const stop_request& stop_;
};

}  // namespace

std::unique_ptr<kind> make_sleep_kind(const run_settings& settings, const stop_request& stop) {
  return std::make_unique<sleep_kind>(settings, stop);
}

}  // namespace pawl_tool
