// What `pawl run --store` keeps: payloads of jobs, results, and how far the input was read. The bytes may be
// anything; what is taken for one of them comes back when it is written and read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.hpp"
#include "input_position.hpp"
#include "job_payload.hpp"
#include "pawl/job_result.hpp"
#include "stored_result.hpp"

namespace pawl_tool {
namespace {

void expect_same(std::span<const std::byte> a, std::span<const std::byte> b) {
  PAWL_CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
}

void read_all(std::span<const std::byte> bytes) {
  if (const auto at = decode_position(bytes)) expect_same(encode(*at), bytes);
  const auto result = decode_result(bytes);
  if (result && bytes.size() <= pawl::result_bytes_max) {
    PAWL_CHECK(decode_result(encode(*result)) == result);
  }
  if (const auto p = read_payload(bytes)) {
    std::vector<std::byte> again;
    PAWL_CHECK(append_payload(again, *p) == again.size());
    expect_same(again, bytes);
    PAWL_CHECK(p->timeout.count() >= 0);
  }
}

}  // namespace
}  // namespace pawl_tool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl_tool::read_all(std::as_bytes(std::span(data, size)));
  return 0;
}
