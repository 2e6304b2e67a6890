// queue_book.hpp -- the queues that lines name, made when they are first named.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "pawl/scheduler.hpp"
#include "settings.hpp"

namespace pawl_tool {

class queue_book {
 public:
  // Each queue holds at most `jobs_max`; the rest is as the settings say. They are kept. open() comes first.
  queue_book(pawl::scheduler& engine, const run_settings& settings, std::uint64_t jobs_max)
      : engine_(engine), settings_(settings), jobs_max_(jobs_max) {}

  // Makes the queue of jobs that name none.
  [[nodiscard]] pawl::result<pawl::queue_ref> open() {
    auto made = make(settings_.own_queue);
    if (made) own_ = *made;
    return made;
  }
  [[nodiscard]] pawl::queue_ref own() const noexcept { return own_; }

  // `name` is good for a queue, or empty: own(). Nothing: there are too many.
  [[nodiscard]] std::optional<pawl::queue_ref> find(const std::string& name) {
    if (name.empty() || name == settings_.own_queue) return own_;
    const auto known = queues_.find(name);
    if (known != queues_.end()) return known->second;
    const auto made = make(name);
    if (!made) return std::nullopt;
    return queues_.emplace(name, *made).first->second;
  }

 private:
  pawl::result<pawl::queue_ref> make(const std::string& name) {
    const auto wanted = settings_.queues.find(name);
    auto options = wanted == settings_.queues.end() ? pawl::queue_options{} : wanted->second;
    options.jobs_max = jobs_max_;
    options.keep_results = settings_.keeps();
    return engine_.queue(name, options);
  }

  pawl::scheduler& engine_;
  const run_settings& settings_;
  const std::uint64_t jobs_max_;
  pawl::queue_ref own_;
  std::unordered_map<std::string, pawl::queue_ref> queues_;
};

}  // namespace pawl_tool
