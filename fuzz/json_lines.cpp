// Lines of `pawl run --jsonl`, which may be anything. The first byte chooses the command line. A line is a job
// within its bounds or a mistake that says where; what is written of it as JSON can be read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "job_input.hpp"
#include "json_job.hpp"
#include "json_text.hpp"

namespace pawl_tool {
namespace {

run_settings settings_of(std::uint8_t choice) {
  run_settings s;
  s.jsonl = true;
  if ((choice & 1) != 0) {
    s.kind = kind_name::exec;
    s.command = {"echo", "{}"};
  }
  if ((choice & 2) != 0) s.lane_member = "account";
  return s;
}

void expect_job(const job_order& order) {
  PAWL_CHECK(order.attempts <= 255);
  PAWL_CHECK(order.after.count() >= 0);
  PAWL_CHECK(order.timeout.count() >= 0);
  PAWL_CHECK(order.queue.size() <= 128);
  if (!order.is_words) return;
  for (const std::string& word : words_in(order.text)) {
    PAWL_CHECK(word.find('\0') == std::string::npos);
  }
}

void expect_mistake(const line_mistake& m, std::size_t line_bytes) {
  PAWL_CHECK(m.column <= line_bytes + 1);
  PAWL_CHECK(!m.cause.empty());
  PAWL_CHECK(!m.error.empty());
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// As the payload of a job, it comes back.
void expect_written(std::string_view text) {
  std::string line = R"({"kind":"digest","payload":)";
  append_json(line, text);
  line += '}';
  PAWL_CHECK(is_utf8(line));
  const run_settings settings = settings_of(0);
  json_job_reader reader(settings);
  job_order order;
  const auto mistake = reader.read(line, order);
  if (!is_utf8(text) || text.find('\0') != text.npos) return;
  PAWL_CHECK(!mistake);
  PAWL_CHECK(order.text == text);
}

}  // namespace
}  // namespace pawl_tool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view line(reinterpret_cast<const char*>(data) + 1, size - 1);
  const pawl_tool::run_settings settings = pawl_tool::settings_of(data[0]);
  pawl_tool::json_job_reader reader(settings);
  pawl_tool::job_order order;
  if (const auto mistake = reader.read(line, order)) {
    pawl_tool::expect_mistake(*mistake, line.size());
  } else {
    pawl_tool::expect_job(order);
  }
  pawl_tool::expect_written(line);
  return 0;
}
