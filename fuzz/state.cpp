// Records of a cut of two rings, which may be anything; the first byte says how long the first ring is. The cut
// is taken twice. It is refused, or gives a state whose base gives the same state again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "crash/sim_disk.hpp"
#include "persistence/durable_state.hpp"
#include "persistence/state_text.hpp"
#include "persistence/write_base.hpp"

namespace pawl {
namespace {

boot_moment moment(std::uint64_t ns, int boot) {
  boot_moment m{.wall_ns = 1'000'000'000 + ns, .boot_ns = ns, .boot_id = {}};
  m.boot_id[0] = static_cast<std::byte>(boot);
  return m;
}

void check_base(const durable_state& state, const boot_moment& now) {
  test::sim_disk disk(1);
  log_writer writer(disk, {.segment_bytes = segment_bytes_min});
  PAWL_CHECK(writer.begin(now));
  const base_request request{
      .first_lsn = 1, .now = now, .floor = state.floor(), .opened = {.epoch = 1}};
  PAWL_CHECK(write_base(writer, state, request));
  durable_state again(now);
  PAWL_CHECK(!read_log(disk, again).fault);
  PAWL_CHECK(again.finish());
  PAWL_CHECK(again.floor() == state.floor());
  PAWL_CHECK(text_of(again, test::job_order::same) == text_of(state, test::job_order::same));
}

void take_all(byte_span input) {
  byte_reader r(input);
  const std::size_t first = r.u8() * std::size_t{16};
  const boot_moment now = moment(5'000, 1);
  durable_state state(now);
  const byte_span rest = r.rest();
  const std::size_t n = std::min(first, rest.size());
  const cut_part parts[] = {{0, 0, rest.first(n)}, {1, 0, rest.subspan(n)}};
  const log_cut cut{.lsn = 1, .epoch = 1, .written = moment(9'000, 2), .parts = parts};
  if (!state.take(cut) || !state.take(cut) || !state.finish()) return;
  check_base(state, now);
}

}  // namespace
}  // namespace pawl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl::take_all(std::as_bytes(std::span(data, size)));
  return 0;
}
