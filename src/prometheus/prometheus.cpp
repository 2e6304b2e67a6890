#include "pawl/prometheus.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "pawl/version.hpp"

namespace pawl {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using label = std::pair<const char*, std::string_view>;

// Families in the order of their first sample; two samples of one name and labels are added up, so none
// comes twice, whatever queues are called.
class page {
 public:
  void count(const char* name, const char* help, std::initializer_list<label> labels,
             std::uint64_t value) {
    at(name, help, MetricType::Counter, labels).counter.value += static_cast<double>(value);
  }
  void gauge(const char* name, const char* help, std::initializer_list<label> labels,
             double value) {
    at(name, help, MetricType::Gauge, labels).gauge.value += value;
  }
  void gauge(const char* name, const char* help, std::initializer_list<label> labels,
             std::uint64_t value) {
    gauge(name, help, labels, static_cast<double>(value));
  }
  void longest(const char* name, const char* help, std::initializer_list<label> labels,
               double value) {
    double& known = at(name, help, MetricType::Gauge, labels).gauge.value;
    known = std::max(known, value);
  }
  void times(const char* name, const char* help, std::initializer_list<label> labels,
             const histogram& h) {
    if (h.count() == 0) return;
    constexpr unsigned first_power = 10;
    constexpr unsigned last_power = 40;
    ClientMetric::Histogram& sum = at(name, help, MetricType::Histogram, labels).histogram;
    sum.bucket.resize((last_power - first_power) / 2 + 1);
    sum.sample_count += h.count();
    sum.sample_sum += h.sum_seconds();
    for (unsigned power = first_power; power <= last_power; power += 2) {
      // One nanosecond less: there one of the histogram's buckets ends, so the count is exact.
      const std::int64_t ns = std::int64_t{1} << power;
      ClientMetric::Bucket& b = sum.bucket[(power - first_power) / 2];
      b.upper_bound = static_cast<double>(ns) * 1e-9;
      b.cumulative_count += h.count_up_to(duration(ns - 1));
    }
  }

  [[nodiscard]] const std::vector<MetricFamily>& families() const noexcept { return families_; }

 private:
  ClientMetric& at(const char* name, const char* help, MetricType type,
                   std::initializer_list<label> labels) {
    const auto [family_place, is_new] = places_.try_emplace(name);
    auto& [family_number, samples] = family_place->second;
    if (is_new) {
      family_number = families_.size();
      families_.push_back({name, help, type, {}});
    }
    std::vector<ClientMetric>& metrics = families_[family_number].metric;
    std::string key;
    for (const auto& [label_name, value] : labels) key.append(value).push_back('\0');
    const auto [sample, is_first] = samples.try_emplace(std::move(key), metrics.size());
    if (is_first) {
      ClientMetric& added = metrics.emplace_back();
      for (const auto& [label_name, value] : labels) {
        added.label.push_back({label_name, std::string(value)});
      }
    }
    return metrics[sample->second];
  }

  std::vector<MetricFamily> families_;
  // By family: its place, and the places of its samples by their labels.
  std::map<std::string_view, std::pair<std::size_t, std::map<std::string, std::size_t>>> places_;
};

constexpr std::string_view other = "other";
constexpr std::string_view compiler = __VERSION__;

double seconds_of(duration d) noexcept {
  return static_cast<double>(d.count()) * 1e-9;
}

class writer {
 public:
  writer(const metrics& of, const prometheus_options& how) noexcept : m_(of), how_(how) {}

  const std::vector<MetricFamily>& write() {
    for (const pair_metrics& p : m_.pairs) {
      write_counts(queue_name(p.queue), kind_name(p.kind), p.counts);
      page_.times("pawl_job_run_seconds", "How long handlers ran",
                  {{"queue", queue_name(p.queue)}, {"kind", kind_name(p.kind)}}, p.times.run);
    }
    for (const queue_metrics& q : m_.queues) {
      write_rejected(queue_name(q.queue), q.counts);
      write_queue(queue_name(q.queue), q);
      if (has_name(q.queue)) write_settings(q);
    }
    write_rejected("", m_.unassigned);
    for (const kind_metrics& k : m_.kinds) {
      page_.gauge("pawl_kind_held_back",
                  "Jobs that wait for the limits or the breaker of their kind",
                  {{"kind", kind_name(k.kind)}}, k.held_back);
      if (k.breaker == breaker_state::none) continue;
      write_breaker(kind_name(k.kind), k);
    }
    write_engine();
    return page_.families();
  }

 private:
  [[nodiscard]] bool has_name(queue_ref q) const noexcept { return q.index < how_.queues_max; }
  [[nodiscard]] std::string_view queue_name(queue_ref q) const noexcept {
    return has_name(q) ? std::string_view(m_.queues[q.index].name) : other;
  }
  [[nodiscard]] std::string_view kind_name(kind_ref k) const noexcept {
    return k.index < how_.kinds_max ? std::string_view(m_.kinds[k.index].name) : other;
  }

  void write_counts(std::string_view queue, std::string_view kind, const counters& c) {
    const auto count = [&](const char* name, const char* help, std::uint64_t value) {
      page_.count(name, help, {{"queue", queue}, {"kind", kind}}, value);
    };
    count("pawl_jobs_enqueued_total", "Jobs accepted", c.accepted);
    count("pawl_jobs_started_total", "Attempts started", c.started);
    std::uint64_t dead = 0;
    for (std::size_t i = 0; i < c.dead.size(); ++i) {
      dead += c.dead[i];
      if (c.dead[i] == 0) continue;
      page_.count("pawl_jobs_dead_total", "Jobs that died, by cause",
                  {{"queue", queue}, {"kind", kind}, {"cause", name(static_cast<dead_cause>(i))}},
                  c.dead[i]);
    }
    const std::array<std::pair<job_state, std::uint64_t>, 4> ends{
        {{job_state::completed, c.completed},
         {job_state::dead, dead},
         {job_state::cancelled, c.cancelled},
         {job_state::expired, c.expired}}};
    for (const auto& [state, value] : ends) {
      page_.count("pawl_jobs_finished_total", "Jobs that ended, by outcome",
                  {{"queue", queue}, {"kind", kind}, {"outcome", name(state)}}, value);
    }
    count("pawl_jobs_retried_total", "Failed attempts that are made again", c.retried);
    count("pawl_jobs_pushed_back_total", "Snoozes, rate limits, yields, interruptions",
          c.pushed_back);
    count("pawl_jobs_requeued_total", "Dead jobs made ready again", c.requeued);
    count("pawl_jobs_timed_out_total", "Attempts that ran longer than their run_timeout",
          c.timed_out);
    count("pawl_jobs_overrun_total", "Attempts still inside after the grace", c.overrun);
    count("pawl_stale_results_total", "Results that came after an overrun and did not count",
          c.stale_results);
    count("pawl_handler_exceptions_total", "Attempts that ended with an exception", c.threw);
    count("pawl_rate_limited_total", "Starts that a rate put off, each time one was asked",
          c.rate_refused);
    count("pawl_jobs_deduplicated_total", "Submits answered with the job that held the unique key",
          c.deduplicated);
    count("pawl_jobs_replaced_total", "Jobs cancelled by a submit with their unique key",
          c.replaced);
  }

  void write_breaker(std::string_view kind, const kind_metrics& k) {
    const std::array<std::pair<std::string_view, std::uint64_t>, 3> changes{
        {{"open", k.breaker_opened},
         {"half_open", k.breaker_half_opened},
         {"closed", k.breaker_closed}}};
    for (const auto& [to, value] : changes) {
      page_.count("pawl_breaker_transitions_total", "Changes of the breaker of a kind",
                  {{"kind", kind}, {"to", to}}, value);
    }
    const double state = k.breaker == breaker_state::open        ? 2
                         : k.breaker == breaker_state::half_open ? 1
                                                                 : 0;
    page_.longest("pawl_breaker_state", "0: closed, 1: half open, 2: open", {{"kind", kind}},
                  state);
  }

  void write_rejected(std::string_view queue, const counters& c) {
    for (std::size_t i = 0; i < c.rejected.size(); ++i) {
      if (c.rejected[i] == 0) continue;
      page_.count("pawl_jobs_rejected_total", "Jobs refused, by reason",
                  {{"queue", queue}, {"reason", name(static_cast<reject>(i))}}, c.rejected[i]);
    }
  }

  void write_queue(std::string_view queue, const queue_metrics& q) {
    const std::array<std::pair<std::string_view, std::uint64_t>, 3> states{
        {{"waiting", q.waiting}, {"scheduled", q.scheduled}, {"running", q.running}}};
    for (const auto& [state, value] : states) {
      page_.gauge("pawl_jobs", "Jobs alive, by state", {{"queue", queue}, {"state", state}}, value);
    }
    page_.longest("pawl_queue_oldest_age_seconds", "How long the oldest ready job waits, at most",
                  {{"queue", queue}}, seconds_of(q.oldest_ready));
    page_.times("pawl_job_queue_seconds", "From a job's submit to its first start",
                {{"queue", queue}}, q.times.wait);
    page_.times("pawl_schedule_lag_seconds", "From a later due time to the start",
                {{"queue", queue}}, q.times.lag);
    page_.times("pawl_job_end_to_end_seconds", "From a job's submit to its end", {{"queue", queue}},
                q.times.total);
  }

  void write_settings(const queue_metrics& q) {
    const auto gauge = [&](const char* name, const char* help, double value) {
      page_.gauge(name, help, {{"queue", q.name}}, value);
    };
    gauge("pawl_queue_paused", "1: paused", q.paused ? 1 : 0);
    gauge("pawl_queue_held", "1: held", q.held ? 1 : 0);
    gauge("pawl_queue_intake_open", "1: it takes jobs", q.takes_jobs ? 1 : 0);
    gauge("pawl_queue_jobs_max", "Bound on the jobs alive", static_cast<double>(q.jobs_max));
    if (q.bytes_max != 0) {
      gauge("pawl_queue_bytes", "Payload bytes of the jobs alive", static_cast<double>(q.bytes));
      gauge("pawl_queue_bytes_max", "Bound on them", static_cast<double>(q.bytes_max));
    }
    if (q.concurrency_max != 0) {
      gauge("pawl_queue_concurrency_limit", "Bound on the jobs running", q.concurrency_max);
      gauge("pawl_queue_concurrency", "Jobs running", static_cast<double>(q.running));
    }
    if (q.starts_per_s_max != 0) {
      gauge("pawl_queue_rate_limit", "Bound on the starts a second", q.starts_per_s_max);
    }
  }

  void write_engine() {
    const health_report& h = m_.health;
    page_.gauge("pawl_build_info", "1; what was built",
                {{"version", library_version}, {"compiler", compiler}}, std::uint64_t{1});
    page_.gauge("pawl_start_time_seconds", "When the scheduler was opened, since the epoch", {},
                std::chrono::duration<double>(m_.opened.time_since_epoch()).count());
    page_.count("pawl_steals_total", "Jobs a drain started from another drain's batch", {},
                m_.total.stolen);
    page_.count("pawl_stale_entries_total", "Places in a band whose job had gone elsewhere", {},
                m_.total.stale_entries);
    const auto busy = static_cast<std::uint64_t>(
        std::count_if(h.threads.begin(), h.threads.end(),
                      [](const thread_health& t) { return bool{t.running}; }));
    const std::uint64_t parked = h.drains_asleep;
    const std::uint64_t all = h.threads.size();
    const std::array<std::pair<std::string_view, std::uint64_t>, 3> states{
        {{"busy", busy}, {"parked", parked}, {"idle", all - std::min(all, busy + parked)}}};
    for (const auto& [state, value] : states) {
      page_.gauge("pawl_workers", "Threads that may run handlers, by state", {{"state", state}},
                  value);
    }
    page_.gauge("pawl_worker_stuck", "Threads held by handlers that overran", {},
                std::uint64_t{h.overruns});
    page_.gauge("pawl_timers_pending", "Entries for what is due later", {}, h.timers);
    page_.gauge("pawl_dead_letters", "Dead letters kept", {}, h.dead);
    page_.gauge("pawl_lanes", "Lanes that have jobs", {}, m_.lanes.lanes);
    page_.gauge("pawl_lane_waiting_jobs", "Jobs whose turn had come, but not in their lane", {},
                m_.lanes.waiting);
    page_.gauge("pawl_lane_stopped_jobs", "Dead jobs that their lanes wait for", {},
                m_.lanes.stopped);
    page_.gauge("pawl_lane_breakers_open", "Lanes whose breaker is open or half open", {},
                m_.lanes.breakers_open);
    page_.count("pawl_lane_breaker_opened_total", "Times the breaker of a lane has opened", {},
                m_.lanes.breaker_opened);
    page_.gauge("pawl_jobs_max", "Bound on the jobs alive", {}, h.jobs_max);
    if (h.bytes_max != 0) {
      page_.gauge("pawl_bytes", "Payload bytes of the jobs alive", {}, h.bytes);
      page_.gauge("pawl_bytes_max", "Bound on them", {}, h.bytes_max);
    }
    write_memory(h.memory);
    page_.gauge("pawl_health_status", "0: ok, 1: degraded, 2: unhealthy", {},
                static_cast<std::uint64_t>(h.status));
    for (const condition& c : h.conditions) {
      page_.gauge("pawl_conditions", "What is wrong, by issue",
                  {{"issue", name(c.what)}, {"severity", name(c.severity)}}, std::uint64_t{1});
    }
  }

  void write_memory(const memory_report& m) {
    for (std::size_t i = 0; i < memory_pool_count; ++i) {
      page_.gauge("pawl_memory_bytes", "Memory taken from the system",
                  {{"pool", name(static_cast<memory_pool>(i))}}, m.by_pool[i]);
    }
    page_.gauge("pawl_memory_set_aside_bytes", "Memory that jobs alive may take yet", {},
                m.set_aside_bytes);
    page_.gauge("pawl_memory_free_bytes", "Memory for jobs with small payloads", {}, m.free_bytes);
    if (m.bytes_max == 0) return;
    page_.gauge("pawl_memory_limit_bytes", "Bound on what is taken and set aside", {}, m.bytes_max);
    page_.count("pawl_dead_letters_purged_total", "Dead letters that made room in memory", {},
                m.letters_purged);
  }

  const metrics& m_;
  const prometheus_options how_;
  page page_;
};

}  // namespace

std::string to_prometheus(const metrics& of, const prometheus_options& how) {
  writer w(of, how);
  return prometheus::TextSerializer().Serialize(w.write());
}

}  // namespace pawl
