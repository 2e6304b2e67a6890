#include "persistence/segment_maker.hpp"

#include <array>
#include <string>

#include "base/seeded_bug.hpp"
#include "persistence/block_memory.hpp"
#include "persistence/segment_name.hpp"

namespace pawl {
namespace {

// Waits for the one thing that is under way.
status outcome_of(log_device& device, std::int64_t expected, std::string_view where) {
  std::array<completion, 1> done{};
  if (device.reap(done, true) != 1) return failure{.code = errc::io, .where = where};
  const std::int64_t result = done[0].result;
  if (result == expected) return std::monostate{};
  const int error = result < 0 ? static_cast<int>(-result) : 0;
  return failure{.code = errc::io, .sys_errno = error, .where = where};
}

status write_header(log_device& device, file_ref file, const segment_header& header) {
  block_memory memory(block_bytes);
  encode(header, memory.span().first<block_bytes>());
  device.start_write(file, 0, memory.span(), 0);
  if (status s = outcome_of(device, block_bytes, "segment header: write"); !s) return s;
  device.start_sync(file, 0);
  return outcome_of(device, 0, "segment header: sync");
}

// From a spare file that has its length and its blocks.
status spare_becomes_segment(log_device& device, const segment_header& header) {
  const std::string spare = file_name(spare_prefix, header.number);
  const auto file = device.open(spare);
  if (!file) return file.error();
  const status written = write_header(device, *file, header);
  device.close(*file);
  if (!written) return written;
  if (status s = device.rename(spare, file_name(segment_prefix, header.number)); !s) return s;
  if (PAWL_SEEDED(missing_directory_sync)) return std::monostate{};
  return device.sync_directory();
}

}  // namespace

status make_segment(log_device& device, const segment_header& header, bool has_spare) {
  const std::string spare = file_name(spare_prefix, header.number);
  if (!has_spare) {
    if (status s = device.create(spare, header.segment_bytes); !s) return s;
  }
  return spare_becomes_segment(device, header);
}

status sync_segment(log_device& device, std::uint64_t number) {
  const auto file = device.open(file_name(segment_prefix, number));
  if (!file) return file.error();
  device.start_sync(*file, 0);
  const status synced = outcome_of(device, 0, "segment: sync");
  device.close(*file);
  return synced;
}

}  // namespace pawl
