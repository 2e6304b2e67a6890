// The text for Prometheus. Method: a small parser of the text format, strict about what a scraper is strict
// about (families in one piece, HELP and TYPE once and first, no sample twice, escaped labels, buckets that
// grow up to +Inf), and its samples against the metrics they were made of.
#include "pawl/prometheus.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "pawl/version.hpp"
#include "sim/stepped_world.hpp"
#include "support/opened.hpp"
#include "support/seed.hpp"

namespace pawl {
namespace {

using labels = std::map<std::string, std::string>;

struct sample {
  std::string name;
  labels of;
  double value = 0;
};

struct parsed_text {
  std::map<std::string, std::string> types;  // by family
  std::vector<sample> samples;

  // The sum of all samples of that name whose labels are among those.
  double sum(const std::string& name, const labels& wanted = {}) const {
    double total = 0;
    for (const sample& s : samples) {
      bool fits = s.name == name;
      for (const auto& [key, value] : wanted) {
        const auto found = s.of.find(key);
        fits = fits && found != s.of.end() && found->second == value;
      }
      if (fits) total += s.value;
    }
    return total;
  }
  std::set<std::string> values_of(const std::string& label) const {
    std::set<std::string> seen;
    for (const sample& s : samples) {
      if (const auto found = s.of.find(label); found != s.of.end()) seen.insert(found->second);
    }
    return seen;
  }
};

bool is_name(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  }
  return true;
}

class parser {
 public:
  explicit parser(const std::string& text) : in_(text) {}

  parsed_text parse() {
    for (std::string line; std::getline(in_, line);) {
      SCOPED_TRACE(line);
      if (line.rfind("# ", 0) == 0) {
        comment(line);
      } else {
        sample_line(line);
      }
      if (::testing::Test::HasFatalFailure()) break;
    }
    end_family();
    return out_;
  }

 private:
  void comment(const std::string& line) {
    std::istringstream words(line);
    std::string hash;
    std::string what;
    std::string name;
    words >> hash >> what >> name;
    ASSERT_TRUE(is_name(name));
    if (what == "HELP") {
      end_family();
      ASSERT_TRUE(helped_.insert(name).second) << "a second HELP";
      family_ = name;
      return;
    }
    ASSERT_EQ(what, "TYPE");
    ASSERT_EQ(name, family_);
    std::string type;
    words >> type;
    ASSERT_TRUE(type == "counter" || type == "gauge" || type == "histogram");
    ASSERT_TRUE(out_.types.emplace(name, type).second) << "a second TYPE";
  }

  void sample_line(const std::string& line) {
    sample s;
    std::size_t i = line.find_first_of("{ ");
    ASSERT_NE(i, std::string::npos);
    s.name = line.substr(0, i);
    ASSERT_TRUE(is_name(s.name));
    if (line[i] == '{') {
      ASSERT_NO_FATAL_FAILURE(label_list(line, i, s.of));
    }
    ASSERT_EQ(line[i], ' ');
    const std::string number = line.substr(i + 1);
    char* end = nullptr;
    s.value = std::strtod(number.c_str(), &end);
    ASSERT_EQ(*end, '\0') << "more than a value";
    check_family(s);
    ASSERT_TRUE(seen_.insert({s.name, s.of}).second) << "a second time";
    if (s.name == family_ + "_bucket") buckets_.push_back(s);
    if (s.name == family_ + "_count") counts_[s.of] = s.value;
    out_.samples.push_back(std::move(s));
  }

  void label_list(const std::string& line, std::size_t& i, labels& of) {
    ++i;
    while (line.at(i) != '}') {
      const std::size_t equals = line.find('=', i);
      ASSERT_NE(equals, std::string::npos);
      const std::string name = line.substr(i, equals - i);
      ASSERT_TRUE(is_name(name));
      i = equals + 1;
      ASSERT_EQ(line.at(i++), '"');
      std::string value;
      for (; line.at(i) != '"'; ++i) {
        if (line[i] == '\\') {
          const char c = line.at(++i);
          ASSERT_TRUE(c == '\\' || c == '"' || c == 'n');
          value.push_back(c == 'n' ? '\n' : c);
        } else {
          value.push_back(line[i]);
        }
      }
      ++i;
      ASSERT_TRUE(of.emplace(name, value).second);
      if (line.at(i) == ',') ++i;
    }
    ++i;
  }

  void check_family(const sample& s) {
    ASSERT_EQ(out_.types.count(family_), 1u) << "no TYPE before it";
    const std::string& type = out_.types[family_];
    if (type == "histogram") {
      ASSERT_TRUE(s.name == family_ + "_bucket" || s.name == family_ + "_sum" ||
                  s.name == family_ + "_count");
    } else {
      ASSERT_EQ(s.name, family_) << "not in one piece with its family";
    }
    if (type == "counter") {
      ASSERT_GE(s.value, 0);
      ASSERT_EQ(s.value, std::floor(s.value));
      ASSERT_EQ(s.name.substr(s.name.size() - 6), "_total");
    }
    ASSERT_EQ(s.name.rfind("pawl_", 0), 0u);
  }

  // Buckets grow with their bounds; the last is +Inf and holds all.
  void end_family() {
    std::map<labels, std::map<double, double>> by_bound;
    for (const sample& b : buckets_) {
      labels of = b.of;
      by_bound[of.extract("le").empty() ? labels{} : of]
              [std::strtod(b.of.at("le").c_str(), nullptr)] = b.value;
    }
    for (const auto& [of, bounds] : by_bound) {
      double last = 0;
      for (const auto& [bound, count] : bounds) {
        EXPECT_GE(count, last);
        last = count;
      }
      EXPECT_TRUE(std::isinf(bounds.rbegin()->first));
      EXPECT_EQ(last, counts_[of]);
    }
    EXPECT_EQ(by_bound.size(), counts_.size());
    buckets_.clear();
    counts_.clear();
  }

  std::istringstream in_;
  parsed_text out_;
  std::string family_;
  std::set<std::string> helped_;
  std::set<std::pair<std::string, labels>> seen_;
  std::vector<sample> buckets_;
  std::map<labels, double> counts_;
};

parsed_text parse(const std::string& text) {
  return parser(text).parse();
}

TEST(prometheus_test, says_what_the_metrics_say) {
  test::stepped_world w;
  w.wanted.histograms = true;
  test::random_source random(test::fresh_seed());
  std::vector<kind_ref> kinds;
  std::vector<queue_ref> queues;
  for (int i = 0; i < 4; ++i) {
    kinds.push_back(w.kind(("kind." + std::to_string(i) + "/1").c_str()));
  }
  w.act = [&](context&) {
    w.leap(std::chrono::microseconds(test::below(random, 5000)));
    return test::one_in(random, 5)   ? outcome::fail()
           : test::one_in(random, 5) ? outcome::dead()
                                     : outcome::done();
  };
  w.open();
  for (int i = 0; i < 3; ++i) queues.push_back(w.queue("queue-" + std::to_string(i)));
  for (int i = 0; i < 500; ++i) {
    const auto k = kinds[test::below(random, kinds.size())];
    w.submit(queues[test::below(random, 3)], k,
             {.after = std::chrono::milliseconds(test::below(random, 3) * 100)});
  }
  w.advance(std::chrono::milliseconds(1500));
  w.e->count_rejected(w.context_of_host(), queues[0], kinds[0], reject::queue_full, 7);
  w.e->count_rejected(w.context_of_host(), queue_ref{99, 99}, kinds[0], reject::unknown_queue, 2);
  const metrics m = w.e->read_metrics();
  const std::string text = to_prometheus(m);
  const parsed_text p = parse(text);
  ASSERT_FALSE(HasFailure()) << text;

  for (const pair_metrics& pair : m.pairs) {
    const labels of{{"queue", m.queues[pair.queue.index].name},
                    {"kind", m.kinds[pair.kind.index].name}};
    const auto is = [&](const char* name, std::uint64_t value) {
      EXPECT_EQ(p.sum(name, of), static_cast<double>(value)) << name;
    };
    is("pawl_jobs_enqueued_total", pair.counts.accepted);
    is("pawl_jobs_started_total", pair.counts.started);
    is("pawl_jobs_finished_total", pair.counts.ended());
    is("pawl_jobs_retried_total", pair.counts.retried);
    is("pawl_job_run_seconds_count", pair.times.run.count());
    EXPECT_NEAR(p.sum("pawl_job_run_seconds_sum", of), pair.times.run.sum_seconds(), 1e-6);
  }
  EXPECT_EQ(p.sum("pawl_jobs_finished_total", {{"outcome", "completed"}}),
            static_cast<double>(m.total.completed));
  EXPECT_GT(p.sum("pawl_jobs_dead_total", {{"cause", "handler"}}), 0);
  EXPECT_EQ(p.sum("pawl_jobs_dead_total"),
            p.sum("pawl_jobs_finished_total", {{"outcome", "dead"}}));
  EXPECT_EQ(p.sum("pawl_jobs_rejected_total", {{"queue", "queue-0"}, {"reason", "queue_full"}}), 7);
  EXPECT_EQ(p.sum("pawl_jobs_rejected_total", {{"queue", ""}, {"reason", "unknown_queue"}}), 2);
  for (const queue_metrics& q : m.queues) {
    const labels of{{"queue", q.name}};
    EXPECT_EQ(p.sum("pawl_jobs", {{"queue", q.name}, {"state", "scheduled"}}),
              static_cast<double>(q.scheduled));
    EXPECT_EQ(p.sum("pawl_job_queue_seconds_count", of), static_cast<double>(q.times.wait.count()));
    EXPECT_EQ(p.sum("pawl_schedule_lag_seconds_count", of),
              static_cast<double>(q.times.lag.count()));
    EXPECT_EQ(p.sum("pawl_job_end_to_end_seconds_count", of),
              static_cast<double>(q.times.total.count()));
  }
  EXPECT_EQ(p.sum("pawl_jobs_max"), 8000);
}

TEST(prometheus_test, bytes_are_shown_where_they_have_a_bound) {
  metrics m;
  m.queues.resize(2);
  for (std::uint16_t q = 0; q < 2; ++q) {
    m.queues[q].name = q == 0 ? "a" : "b";
    m.queues[q].queue.index = q;
  }
  m.queues[1].bytes = 70;
  m.queues[1].bytes_max = 100;
  parsed_text p = parse(to_prometheus(m));
  EXPECT_EQ(p.sum("pawl_queue_bytes"), 70);
  EXPECT_EQ(p.sum("pawl_queue_bytes_max", {{"queue", "b"}}), 100);
  EXPECT_EQ(p.sum("pawl_queue_bytes_max"), 100) << "a queue without a bound has no sample";
  EXPECT_FALSE(p.types.contains("pawl_bytes"));
  m.health.bytes = 7;
  m.health.bytes_max = 9;
  p = parse(to_prometheus(m));
  EXPECT_EQ(p.sum("pawl_bytes"), 7);
  EXPECT_EQ(p.sum("pawl_bytes_max"), 9);
}

// Each count of a bucket is that of the times up to its bound.
TEST(prometheus_test, memory_is_shown_by_pool_and_its_budget_where_there_is_one) {
  for (const std::uint64_t budget : {std::uint64_t{0}, std::uint64_t{64} << 20}) {
    test::stepped_world w;
    w.wanted.memory_bytes_max = budget;
    w.check_counts = false;
    const kind_ref kind = w.kind("k");
    w.open();
    const queue_ref q = w.queue("q");
    const std::vector<std::byte> payload(1000);
    w.submit(q, kind, {.after = std::chrono::seconds(1)}, payload);
    static_cast<void>(w.e->step_timer());
    const metrics m = w.e->read_metrics();
    const parsed_text p = parse(to_prometheus(m));
    const memory_report& r = m.health.memory;
    EXPECT_GT(r.bytes, 0u);
    EXPECT_EQ(p.sum("pawl_memory_bytes"), static_cast<double>(r.bytes));
    EXPECT_EQ(p.values_of("pool").size(), memory_pool_count);
    for (std::size_t i = 0; i < memory_pool_count; ++i) {
      const auto pool = static_cast<memory_pool>(i);
      EXPECT_EQ(p.sum("pawl_memory_bytes", {{"pool", std::string(name(pool))}}),
                static_cast<double>(r.of(pool)));
    }
    EXPECT_GT(r.of(memory_pool::timers), 0u);
    EXPECT_GT(r.of(memory_pool::payloads), 0u);
    EXPECT_EQ(p.sum("pawl_memory_set_aside_bytes"), static_cast<double>(r.set_aside_bytes));
    EXPECT_EQ(p.sum("pawl_memory_free_bytes"), static_cast<double>(r.free_bytes));
    EXPECT_EQ(p.sum("pawl_memory_limit_bytes"), static_cast<double>(budget));
    EXPECT_EQ(p.types.count("pawl_memory_limit_bytes"), budget == 0 ? 0u : 1u);
    EXPECT_EQ(p.types.count("pawl_dead_letters_purged_total"), budget == 0 ? 0u : 1u);
  }
}

TEST(prometheus_test, buckets_count_what_is_not_above_their_bounds) {
  metrics m;
  m.kinds.resize(1);
  m.kinds[0].name = "k";
  m.queues.resize(1);
  m.queues[0].name = "q";
  m.queues[0].queue.index = 0;
  test::random_source random(test::fresh_seed());
  std::vector<std::uint64_t> times(2000);
  for (std::uint64_t& t : times) {
    t = random() >> (20 + test::below(random, 40));
    m.queues[0].times.wait.add(histogram::bucket_of(t), 1);
  }
  const parsed_text p = parse(to_prometheus(m));
  int buckets = 0;
  for (const sample& s : p.samples) {
    if (s.name != "pawl_job_queue_seconds_bucket" || s.of.at("le") == "+Inf") continue;
    ++buckets;
    const auto bound = std::llround(std::strtod(s.of.at("le").c_str(), nullptr) * 1e9);
    // Bounds are powers of two; a time that is exactly one counts above it.
    EXPECT_EQ(bound & (bound - 1), 0) << s.of.at("le");
    EXPECT_EQ(s.value, static_cast<double>(
                           std::count_if(times.begin(), times.end(), [bound](std::uint64_t t) {
                             return t < static_cast<std::uint64_t>(bound);
                           })));
  }
  EXPECT_EQ(buckets, 16);
}

TEST(prometheus_test, escapes_whatever_a_name_is) {
  metrics m;
  m.kinds.resize(1);
  m.kinds[0].name = "ki\nnd";
  m.kinds[0].kind.index = 0;
  m.queues.resize(1);
  m.queues[0].name = "a\"b\\c";
  m.queues[0].queue.index = 0;
  m.pairs.push_back({queue_ref{0, 1}, kind_ref{0}, {}, {}});
  m.pairs[0].counts.accepted = 5;
  const parsed_text p = parse(to_prometheus(m));
  EXPECT_EQ(p.sum("pawl_jobs_enqueued_total", {{"queue", "a\"b\\c"}, {"kind", "ki\nnd"}}), 5);
}

// The number of samples does not follow the number of queues, and nothing is lost; a queue that is called
// as the rest is belongs to it.
TEST(prometheus_test, names_are_bounded_and_the_rest_is_added_up) {
  metrics m;
  constexpr std::uint16_t queues = 300;
  constexpr std::uint16_t kinds = 20;
  std::uint64_t all = 0;
  for (std::uint16_t k = 0; k < kinds; ++k) {
    m.kinds.emplace_back();
    m.kinds.back().name = "kind." + std::to_string(k);
    m.kinds.back().kind.index = k;
    m.kinds.back().held_back = k;
  }
  for (std::uint16_t q = 0; q < queues; ++q) {
    m.queues.emplace_back();
    m.queues.back().name = q == 3 ? "other" : "queue." + std::to_string(q);
    m.queues.back().queue.index = q;
    m.queues.back().waiting = q;
    m.queues.back().oldest_ready = std::chrono::seconds(q);
    m.queues.back().times.wait.add(histogram::bucket_of(1000), 1);
    for (std::uint16_t k = 0; k < kinds; ++k) {
      m.pairs.push_back({queue_ref{q, 1}, kind_ref{k}, {}, {}});
      m.pairs.back().counts.accepted = q + k;
      all += static_cast<std::uint64_t>(q + k);
    }
  }
  const parsed_text p = parse(to_prometheus(m, {.queues_max = 10, .kinds_max = 5}));
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(p.values_of("queue").size(), 10u);  // "other" is one of the ten
  EXPECT_EQ(p.values_of("kind").size(), 6u);
  EXPECT_EQ(p.values_of("kind").count("other"), 1u);
  EXPECT_EQ(p.sum("pawl_jobs_enqueued_total"), static_cast<double>(all));
  EXPECT_EQ(p.sum("pawl_jobs", {{"state", "waiting"}}), 299.0 * 300 / 2);
  EXPECT_EQ(p.sum("pawl_queue_oldest_age_seconds", {{"queue", "other"}}), 299);
  EXPECT_EQ(p.sum("pawl_job_queue_seconds_count"), 300);
  EXPECT_EQ(p.sum("pawl_kind_held_back"), 190);
}

TEST(prometheus_test, breakers_are_there_where_kinds_have_one) {
  metrics m;
  const breaker_state states[] = {breaker_state::none, breaker_state::closed, breaker_state::open,
                                  breaker_state::half_open};
  for (std::uint16_t k = 0; k < 4; ++k) {
    m.kinds.emplace_back();
    m.kinds.back().name = "kind." + std::to_string(k);
    m.kinds.back().kind.index = k;
    m.kinds.back().breaker = states[k];
    m.kinds.back().breaker_opened = k;
  }
  m.kinds[2].breaker_half_opened = 7;
  m.kinds[2].breaker_closed = 8;
  const parsed_text p = parse(to_prometheus(m));
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(p.types.count("pawl_breaker_state"), 1u);
  EXPECT_EQ(p.sum("pawl_breaker_state", {{"kind", "kind.1"}}), 0);
  EXPECT_EQ(p.sum("pawl_breaker_state", {{"kind", "kind.2"}}), 2);
  EXPECT_EQ(p.sum("pawl_breaker_state", {{"kind", "kind.3"}}), 1);
  EXPECT_EQ(p.sum("pawl_breaker_transitions_total", {{"to", "open"}}), 6);
  EXPECT_EQ(p.sum("pawl_breaker_transitions_total", {{"to", "half_open"}}), 7);
  EXPECT_EQ(p.sum("pawl_breaker_transitions_total", {{"to", "closed"}}), 8);
}

TEST(prometheus_test, breakers_of_lanes_are_summed_up_without_their_keys) {
  metrics m;
  m.lanes.lanes = 1'000'000;
  m.lanes.breakers_open = 3;
  m.lanes.breaker_opened = 5;
  const parsed_text p = parse(to_prometheus(m));
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(p.sum("pawl_lane_breakers_open"), 3);
  EXPECT_EQ(p.sum("pawl_lane_breaker_opened_total"), 5);
  EXPECT_EQ(p.sum("pawl_lanes"), 1'000'000);
}

// All that may be on a page.
metrics metrics_of_everything() {
  metrics m;
  m.kinds.resize(1);
  m.kinds[0].kind.index = 0;
  m.kinds[0].breaker = breaker_state::closed;
  m.queues.resize(1);
  queue_metrics& q = m.queues[0];
  q.queue.index = 0;
  q.bytes_max = q.concurrency_max = 1;
  q.starts_per_s_max = 1;
  q.counts.rejected[1] = 1;
  m.pairs.push_back({queue_ref{0, 1}, kind_ref{0}, {}, {}});
  m.pairs[0].counts.dead[1] = 1;
  for (job_histograms* const h : {&q.times, &m.pairs[0].times}) {
    for (histogram* const one : {&h->wait, &h->lag, &h->run, &h->total}) one->add(1, 1);
  }
  m.health.bytes_max = m.health.memory.bytes_max = 1;
  m.health.conditions.emplace_back();
  return m;
}

TEST(prometheus_test, the_header_names_what_is_on_the_page_and_nothing_else) {
  const parsed_text p = parse(to_prometheus(metrics_of_everything()));
  std::ifstream in(PAWL_PROMETHEUS_HEADER);
  std::set<std::string> named;
  for (std::string line; std::getline(in, line) && line != "#pragma once";) {
    for (std::size_t at = 0; (at = line.find("pawl_", at)) != std::string::npos;) {
      const std::size_t end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", at);
      named.insert(line.substr(at, end - at));
      at = std::min(end, line.size());
    }
  }
  std::set<std::string> there;
  for (const auto& [name, type] : p.types) there.insert(name);
  EXPECT_EQ(there, named);
}

TEST(prometheus_test, exceptions_and_starts_that_a_rate_put_off_are_counted) {
  test::stepped_world w;
  w.check_counts = false;
  const kind_ref kind = w.kind("k", {.max_attempts = 1});
  w.open();
  const queue_ref q = w.queue("q", {.limits = {.rate = {1, std::chrono::seconds(1), 1}}});
  w.act = [](context& job) -> outcome {
    if (job.id().value % 2 == 0) throw 5;
    return outcome::done();
  };
  for (int i = 0; i < 4; ++i) w.submit(q, kind);
  w.advance(std::chrono::seconds(10));
  const metrics m = w.e->read_metrics();
  const parsed_text p = parse(to_prometheus(m));
  const counters& c = m.total;
  EXPECT_EQ(c.completed + c.threw, 4u);
  EXPECT_EQ(p.sum("pawl_handler_exceptions_total", {{"kind", "k"}}), static_cast<double>(c.threw));
  EXPECT_GE(p.sum("pawl_rate_limited_total", {{"queue", "q"}}), 3) << "three waited for it";
  EXPECT_EQ(p.sum("pawl_start_time_seconds"),
            static_cast<double>(w.clock.wall_ahead_ns + 1'000'000'000) * 1e-9);
  EXPECT_EQ(p.sum("pawl_build_info", {{"version", std::string(library_version)}}), 1);
}

TEST(prometheus_test, an_empty_scheduler_is_a_valid_page) {
  const parsed_text p = parse(to_prometheus(metrics{}));
  EXPECT_FALSE(HasFailure());
  EXPECT_EQ(p.sum("pawl_steals_total"), 0);
  EXPECT_GT(p.samples.size(), 5u);
}

}  // namespace
}  // namespace pawl
