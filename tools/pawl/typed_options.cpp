#include "typed_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "backoff_text.hpp"
#include "duration_text.hpp"
#include "json_job.hpp"
#include "kind.hpp"
#include "limits_text.hpp"
#include "printable.hpp"
#include "priority_text.hpp"
#include "whole_number.hpp"

namespace pawl_tool {

namespace {

std::string settle_kind(const typed_options& typed, run_settings& settings) {
  const std::string wanted = typed.kind.empty() && typed.has_command ? "exec" : typed.kind;
  for (const kind_name known : all_kinds) {
    if (name(known) == wanted) settings.kind = known;
  }
  if (wanted.empty() && !settings.jsonl) {
    return "say what to run: a kind (digest, noop, sleep), or -- COMMAND";
  }
  if (!wanted.empty() && !settings.kind) {
    return fmt::format("there is no kind '{}'; kinds are digest, noop, sleep, or -- COMMAND",
                       wanted);
  }
  const bool is_exec = settings.kind == kind_name::exec;
  if (settings.command.empty() && (typed.has_command || (is_exec && !settings.jsonl))) {
    return "-- is to be followed by a command";
  }
  if (!is_exec && typed.has_command) return fmt::format("kind {} takes no command", wanted);
  return {};
}

std::string not_a_time(std::string_view option, const std::string& text) {
  return fmt::format("{}: '{}' is not a time, such as 1.5, 200ms or 2m", option, text);
}

// `time` stays as it is where the option was not typed.
std::string settle_time(std::string_view option, const std::optional<std::string>& text,
                        std::chrono::nanoseconds& time) {
  if (!text) return {};
  const auto read = parse_duration(*text);
  if (!read) return not_a_time(option, *text);
  if (read->count() == 0) return fmt::format("{}: it must be more than 0", option);
  time = *read;
  return {};
}

std::string settle_sleep(const typed_options& typed, run_settings& settings) {
  if (!typed.sleep_for) return {};
  settings.sleep_for = parse_duration(*typed.sleep_for);
  if (settings.kind != kind_name::sleep) return "--for is for kind sleep";
  return settings.sleep_for ? std::string() : not_a_time("--for", *typed.sleep_for);
}

// Each of these would have no effect.
std::string settle_failures(const typed_options& typed, run_settings& settings) {
  const bool may_retry = settings.attempts > 1 || settings.jsonl;
  const bool never_fails = settings.kind == kind_name::noop && !settings.jsonl;
  if (never_fails && settings.attempts > 1) return "--attempts: kind noop never fails";
  if (never_fails && settings.timeout.count() != 0) return "--timeout: kind noop takes no time";
  if (typed.backoff) {
    const auto backoff = parse_backoff(*typed.backoff);
    if (!backoff.value) return fmt::format("--backoff: '{}': {}", *typed.backoff, backoff.mistake);
    if (!may_retry) return "--backoff is for failed attempts: it needs --attempts of 2 or more";
    settings.backoff = *backoff.value;
    settings.backoff_text = *typed.backoff;
  }
  if (!typed.dead_on) return {};
  const auto codes = parse_exit_codes(*typed.dead_on);
  if (!codes.value) return fmt::format("--dead-on: {}", codes.mistake);
  settings.dead_on = *codes.value;
  if (settings.kind != kind_name::exec && !settings.jsonl) return "--dead-on is for -- COMMAND";
  if (!may_retry) return "--dead-on says what is not tried again: it needs --attempts of 2 or more";
  return {};
}

std::string settle_limits(const typed_options& typed, run_settings& settings) {
  if (typed.rate) {
    const auto rate = parse_rate(*typed.rate);
    if (!rate.value) return fmt::format("--rate: {}", rate.mistake);
    settings.rate = *rate.value;
  }
  for (const std::string& text : typed.queues) {
    const auto queue = parse_queue(text);
    if (!queue.value) return fmt::format("--queue: {}", queue.mistake);
    if (!settings.queues.emplace(queue.value->name, queue.value->options).second) {
      return fmt::format("--queue: {} is there twice", queue.value->name);
    }
    if (!settings.jsonl) settings.own_queue = queue.value->name;
  }
  if (settings.jsonl || typed.queues.size() <= 1) return {};
  return "--queue: only lines of --jsonl say which of several queues they are for";
}

std::string settle_lane(const typed_options& typed, run_settings& settings) {
  if (!typed.lane) return {};
  if (settings.jsonl) {
    settings.lane_member = *typed.lane;
    if (settings.lane_member.empty()) return "--lane: the name of a member is to be said";
    if (!is_json_job_member(*typed.lane)) return {};
    return fmt::format("--lane: {} says something else of a job", printable(*typed.lane));
  }
  const auto number = parse_whole_number(*typed.lane, 1, UINT32_MAX);
  if (!number) return fmt::format("--lane: {} is no number of a word", printable(*typed.lane));
  settings.lane_word = *number;
  return {};
}

std::string settle_input(const typed_options& typed, run_settings& settings) {
  if (typed.nul_separated && settings.jsonl) return "--jsonl reads lines: it goes without --null";
  if (typed.nul_separated) settings.delimiter = '\0';
  return {};
}

// Results that are kept are in memory, too, and grow with the input.
std::string settle_store(const typed_options& typed, run_settings& settings) {
  settings.store = typed.store.value_or("");
  if (typed.store && settings.store.empty()) return "--store: DIR is empty";
  if (settings.begin_anew && !settings.keeps()) return "--new is for --store DIR";
  if (settings.keeps() && settings.memory_bytes != 0) return "--memory goes without --store";
  return {};
}

// Names only: what CLI11 makes of an enumeration takes its numbers as well.
std::string settle_names(const typed_options& typed, run_settings& settings) {
  if (typed.priority) {
    const auto priority = parse_priority(*typed.priority);
    if (!priority) {
      return fmt::format(
          "--priority: {} is none of critical, high, above, normal, below, low, bulk, idle",
          printable(*typed.priority));
    }
    settings.priority = *priority;
  }
  if (!typed.form) return {};
  if (*typed.form != "text" && *typed.form != "jsonl") {
    return fmt::format("--output: {} is neither text nor jsonl", printable(*typed.form));
  }
  settings.form = *typed.form == "jsonl" ? output_form::jsonl : output_form::text;
  return {};
}

std::string settle_concurrency(run_settings& settings) {
  const unsigned most = is_blocking(settings) ? processes_max : drains_max;
  if (settings.concurrency == 0) {
    settings.concurrency = std::min(std::max(1U, std::thread::hardware_concurrency()), most);
  }
  if (settings.concurrency <= most) return {};
  return fmt::format("--concurrency: {} is more than {}, the most for {}", settings.concurrency,
                     most, settings.kind ? name(*settings.kind) : "--jsonl");
}

}  // namespace

std::string settle(const typed_options& typed, run_settings& settings) {
  std::string mistake = settle_kind(typed, settings);
  if (mistake.empty()) mistake = settle_names(typed, settings);
  if (mistake.empty()) mistake = settle_input(typed, settings);
  if (mistake.empty()) mistake = settle_store(typed, settings);
  if (mistake.empty()) mistake = settle_sleep(typed, settings);
  if (mistake.empty()) mistake = settle_time("--timeout", typed.timeout, settings.timeout);
  if (mistake.empty()) mistake = settle_time("--after", typed.after, settings.after);
  if (mistake.empty()) mistake = settle_failures(typed, settings);
  if (mistake.empty()) mistake = settle_limits(typed, settings);
  if (mistake.empty()) mistake = settle_lane(typed, settings);
  if (mistake.empty()) mistake = settle_concurrency(settings);
  return mistake;
}

}  // namespace pawl_tool
