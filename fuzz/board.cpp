// The page that says what ran when a process died, which may be anything. Its header's CRC is made right, as else
// hardly anything would get behind that. What it blames are jobs, with versions that they can have, and not more
// than there is room for.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.hpp"
#include "base/crc32c.hpp"
#include "persistence/crash_board.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {
namespace {

id_bytes id_of(char c) {
  id_bytes id{};
  id.fill(static_cast<std::byte>(c));
  return id;
}

void read_any(byte_span given) {
  const board_identity whose{id_of('d'), 7, id_of('b')};
  std::vector<std::byte> file(given.begin(), given.end());
  static_cast<void>(crash_notes_in(file, whose));
  if (file.size() < block_bytes) return;
  const std::span head = std::span(file).first(block_bytes);
  byte_writer(head.last(4)).u32(crc32c(head.first(block_bytes - 4)));
  const std::vector<crash_note> notes = crash_notes_in(file, whose);
  PAWL_CHECK(notes.size() <= (file.size() - block_bytes) / sizeof(crash_line));
  for (const crash_note& note : notes) {
    PAWL_CHECK(note.job && note.version + 1 < record_version_limit);
  }
}

}  // namespace
}  // namespace pawl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pawl::read_any(std::as_bytes(std::span(data, size)));
  return 0;
}
