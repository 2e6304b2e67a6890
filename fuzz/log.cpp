// A directory of three epochs that something was done to: bytes changed, blocks zeroed, copied and moved, files
// cut, swapped and removed. It is refused, or gives a beginning of what was written; and never ends
// the process.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "crash/sim_disk.hpp"
#include "crash/value_log.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/segment_name.hpp"

namespace pawl {
namespace {

using test::sim_disk;

// One with a base that is complete, and before and after it one without.
sim_disk directory() {
  sim_disk disk(1);
  log_start start{.segment_bytes = segment_bytes_min};
  std::uint64_t values = 0;
  for (int epoch = 1; epoch <= 3; ++epoch) {
    test::value_log log(disk, start, values);
    PAWL_CHECK(log.writer.begin(log.now()));
    if (epoch == 2) PAWL_CHECK(log.begin_base(2));
    if (epoch != 3) {
      for (const std::size_t bytes : {100u, 30'000u, 40'000u, 10u}) PAWL_CHECK(log.add(bytes));
    }
    PAWL_CHECK(log.writer.sync());
    test::value_taker taker;
    start = test::start_after(read_log(disk, taker));
    values = taker.values.size();
  }
  return disk;
}

void damage(sim_disk& disk, byte_reader& r, std::uint64_t segments) {
  const std::string name = file_name(segment_prefix, 1 + r.u8() % segments);
  const std::string other = file_name(segment_prefix, 1 + r.u8() % segments);
  const std::uint8_t what = r.u8() % 6;
  const std::size_t at = r.u16();
  const auto value = static_cast<std::byte>(r.u8());
  if (!r.ok() || !disk.has(name) || !disk.has(other)) return;
  std::vector<std::byte>& bytes = disk.bytes_of(name);
  std::vector<std::byte>& others = disk.bytes_of(other);
  const std::size_t block = at / block_bytes * block_bytes;
  if (what == 0 && at < bytes.size()) bytes[at] ^= value;
  if (what == 1 && block < bytes.size())
    std::fill_n(bytes.data() + block, std::min(block_bytes, bytes.size() - block), value);
  if (what == 2 && block + block_bytes <= std::min(bytes.size(), others.size())) {
    std::copy_n(others.data() + block, block_bytes, bytes.data() + block);
  }
  if (what == 3) bytes.resize(std::min(bytes.size(), at));
  if (what == 4) std::swap(bytes, others);
  if (what == 5) PAWL_CHECK(disk.remove(name));
}

void read_damaged(byte_span input) {
  static const sim_disk whole = directory();
  static const std::size_t segments = whole.files();
  sim_disk disk = whole;
  byte_reader r(input);
  for (int i = 0; i < 16 && r.left() != 0; ++i) damage(disk, r, segments);
  test::value_taker taker;
  const log_summary summary = read_log(disk, taker);
  PAWL_CHECK(taker.is_prefix());
  PAWL_CHECK(!summary.fault || !summary.fault->cause.where.empty());
}

}  // namespace
}  // namespace pawl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl::read_damaged(std::as_bytes(std::span(data, size)));
  return 0;
}
