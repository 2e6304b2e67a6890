// What must come true together is one group of the log: where a source stands with the job that says so, and a result
// with the end of its job. Method: a scheduler is brought to say such things in each way there is, and then its
// log is read record by record. A crash between two groups is too rare to be waited for.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "pawl/scheduler.hpp"
#include "pawl/unique.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/posix_device.hpp"
#include "persistence/record_any.hpp"
#include "support/opened.hpp"
#include "support/scratch_directory.hpp"

namespace pawl::test {
namespace {

using namespace std::chrono_literals;

constexpr kind_ref answer_it{0};

std::string text_of(byte_span bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What one group says.
struct said_together {
  std::vector<std::string> submitted;  // payloads
  std::vector<std::string> positions;
  std::vector<job_id> results;
  std::vector<job_id> completed;

  void hear(const submit_record& r) {
    for (const submitted_job& job : r.jobs) submitted.push_back(text_of(job.payload));
  }
  void hear(const cursor_record& r) { positions.push_back(text_of(r.position)); }
  void hear(const result_record& r) { results.push_back(r.id); }
  void hear(const ended_record& r) {
    for (const ended_job& job : r.jobs) completed.push_back(job.id);
  }
  template <class Record>
  void hear(const Record&) {}
};

// The groups of a log that one process has written into a new directory.
class group_reader final : public cut_taker {
 public:
  std::vector<said_together> groups;

  explicit group_reader(const std::string& directory) {
    const auto device = posix_device::open(directory);
    EXPECT_TRUE(device);
    EXPECT_FALSE(read_log(**device, *this).fault);
  }
  status take(const log_cut& cut) override {
    for (const cut_part& part : cut.parts) {
      record_walk walk(part.bytes);
      bool begins = true;
      while (const auto record = walk.next()) {
        if (begins) groups.emplace_back();
        begins = record->more == more::no;
        const auto any = decode(*record);
        if (!any) return any.error();
        std::visit([this](const auto& r) { groups.back().hear(r); }, *any);
      }
    }
    return std::monostate{};
  }
};

outcome answer(void*, context& job, std::span<const std::byte> payload) {
  return job.set_result(payload) ? outcome::done() : outcome::dead();
}

class log_groups : public ::testing::Test {
 protected:
  log_groups() { kinds_.add("answer/1", answer); }

  std::unique_ptr<scheduler> open(bool dispatch) {
    options o = small_options();
    o.directory = directory_.path();
    o.segment_bytes = 256u << 10;
    o.dispatch = dispatch;
    return open_or_exit(o, kinds_);
  }
  // A payload of its own for each job, which is its position as well.
  std::string next_text() {
    texts_.push_back("job " + std::to_string(texts_.size()));
    return texts_.back();
  }
  void submit_with_cursor(scheduler& s, queue_ref q, source_ref source, job_options how) {
    const std::string text = next_text();
    const source_cursor at{source, std::as_bytes(std::span(text))};
    how.cursor = &at;
    EXPECT_TRUE(s.submit(q, answer_it, at.position, how));
  }
  // A bulk in which each job has a cursor, or only the last one.
  void submit_bulk(scheduler& s, queue_ref q, source_ref source, const job_options& how,
                   bool each) {
    std::vector<std::string> texts(5);
    std::vector<source_cursor> cursors;
    std::vector<job_spec> specs;
    for (std::string& text : texts) {
      text = next_text();
      cursors.push_back({source, std::as_bytes(std::span(text))});
    }
    for (const source_cursor& at : cursors) {
      specs.push_back({at.position, how});
      if (each || &at == &cursors.back()) specs.back().options.cursor = &at;
    }
    EXPECT_TRUE(s.submit_bulk(q, answer_it, specs));
  }

  registry kinds_;
  const scratch_directory directory_;
  std::vector<std::string> texts_;
};

TEST_F(log_groups, have_a_cursor_and_its_job_in_one_piece) {
  {
    const auto s = open(false);
    const source_ref source = *s->source("numbers");
    const queue_ref plain = queue_or_exit(*s, "plain");
    const queue_ref relaxed = queue_or_exit(*s, "relaxed", {.durability = durability::relaxed});
    const queue_ref ordered = queue_or_exit(*s, "ordered", {.order = queue_order::deadline});
    int key = 0;
    for (const queue_ref q : {plain, relaxed, ordered}) {
      for (const job_options& how :
           {job_options{}, job_options{.max_attempts = 7}, job_options{.after = 1h},
            job_options{.expires = 1h}, job_options{.lane = "l"}, job_options{.deadline = 1h}}) {
        submit_with_cursor(*s, q, source, how);
        submit_bulk(*s, q, source, how, true);
        submit_bulk(*s, q, source, how, false);
      }
      const std::string text = std::to_string(++key);
      const unique_key once{.key = text};
      submit_with_cursor(*s, q, source, {.unique = &once});
    }
    ASSERT_TRUE(s->stop(10s));
  }
  std::set<std::string> submitted;
  std::size_t cursors = 0;
  for (const said_together& g : group_reader(directory_.path()).groups) {
    submitted.insert(g.submitted.begin(), g.submitted.end());
    for (const std::string& position : g.positions) {
      ++cursors;
      EXPECT_EQ(std::count(g.submitted.begin(), g.submitted.end(), position), 1) << position;
    }
  }
  EXPECT_EQ(submitted, std::set<std::string>(texts_.begin(), texts_.end()));
  EXPECT_GE(cursors, 3u * 6 * 3);
}

TEST_F(log_groups, have_a_result_and_the_end_of_its_job_in_one_piece) {
  std::set<std::uint64_t> ids;
  {
    const auto s = open(true);
    for (const durability level : {durability::durable, durability::relaxed}) {
      const queue_ref q =
          queue_or_exit(*s, name(level), {.durability = level, .keep_results = true});
      for (int i = 0; i < 50; ++i) {
        const auto accepted = s->submit(q, answer_it, std::as_bytes(std::span("value")));
        ASSERT_TRUE(accepted && s->wait(accepted.ticket.id, 20s));
        ids.insert(accepted.ticket.id.value);
      }
    }
    ASSERT_TRUE(s->stop(10s));
  }
  for (const said_together& g : group_reader(directory_.path()).groups) {
    EXPECT_EQ(g.results, g.completed) << "each job has left one";
    for (const job_id id : g.completed) EXPECT_EQ(ids.erase(id.value), 1u);
  }
  EXPECT_TRUE(ids.empty());
}

}  // namespace
}  // namespace pawl::test
