// names.cpp -- the public enumerators' own names, for messages, metrics and the command line.
#include <array>
#include <string_view>

#include "pawl/condition.hpp"
#include "pawl/error.hpp"
#include "pawl/job.hpp"
#include "pawl/memory.hpp"

namespace pawl {

namespace {
template <std::size_t Count>
constexpr std::string_view at(const std::array<std::string_view, Count>& names, auto value) {
  const auto index = static_cast<std::size_t>(value);
  return index < Count ? names[index] : std::string_view("?");
}

constexpr std::array<std::string_view, 13> errc_names{
    "busy",     "corrupt",   "forked", "full",     "invalid", "io",     "memory",
    "no_space", "not_found", "stale",  "stopping", "timeout", "version"};
constexpr std::array<std::string_view, priority_count> priority_names{
    "critical", "high", "above", "normal", "below", "low", "bulk", "idle"};
constexpr std::array<std::string_view, durability_count> durability_names{"none", "relaxed",
                                                                          "durable"};
constexpr std::array<std::string_view, job_state_count> state_names{
    "ended",     "scheduled", "ready", "blocked",   "running",
    "suspended", "completed", "dead",  "cancelled", "expired"};
constexpr std::array<std::string_view, dead_cause_count> cause_names{
    "none",   "exhausted",   "handler",    "crashed", "timeout",
    "decode", "quarantined", "dependency", "shed"};
constexpr std::array<std::string_view, reject_count> reject_names{
    "none",          "queue_full",     "scheduler_full", "no_space",  "log_full",
    "log_too_long",  "log_failed",     "memory",         "too_large", "unknown_kind",
    "unknown_queue", "unknown_tenant", "intake_closed",  "stopping",  "forked",
    "overloaded",    "bad_option",     "duplicate"};
constexpr std::array<std::string_view, waiting_for_count> waiting_names{
    "nothing", "due_time", "gate", "a_drain", "kind", "tenant", "lane", "handler"};
constexpr std::array<std::string_view, issue_count> issue_names{"queue_nearly_full",
                                                                "queue_full",
                                                                "failing",
                                                                "waiting_long",
                                                                "stalled",
                                                                "paused_long",
                                                                "scheduler_nearly_full",
                                                                "scheduler_full",
                                                                "threads_stuck",
                                                                "timers_late",
                                                                "dead_letters_nearly_full",
                                                                "payload_memory_nearly_full",
                                                                "lanes_stopped",
                                                                "breakers_open",
                                                                "memory_low",
                                                                "log_stopped",
                                                                "without_handler"};
constexpr std::array<std::string_view, memory_pool_count> pool_names{
    "slots", "side_tables", "payloads", "places",     "timers",
    "keys",  "queues",      "threads",  "histograms", "dead_letters"};
constexpr std::array<std::string_view, 3> severity_names{"info", "warning", "error"};
constexpr std::array<std::string_view, 3> status_names{"ok", "degraded", "unhealthy"};
}  // namespace

std::string_view name(errc code) noexcept {
  return at(errc_names, code);
}
std::string_view name(durability d) noexcept {
  return at(durability_names, d);
}
std::string_view name(priority p) noexcept {
  return at(priority_names, p);
}
std::string_view name(job_state s) noexcept {
  return at(state_names, s);
}
std::string_view name(dead_cause c) noexcept {
  return at(cause_names, c);
}
std::string_view name(waiting_for w) noexcept {
  return at(waiting_names, w);
}
std::string_view name(reject r) noexcept {
  return at(reject_names, r);
}
std::string_view name(issue i) noexcept {
  return at(issue_names, i);
}
std::string_view name(memory_pool p) noexcept {
  return at(pool_names, p);
}
std::string_view name(severity s) noexcept {
  return at(severity_names, s);
}
std::string_view name(health_status s) noexcept {
  return at(status_names, s);
}

}  // namespace pawl
