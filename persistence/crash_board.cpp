#include "persistence/crash_board.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/crc32c.hpp"
#include "base/seeded_bug.hpp"
#include "persistence/descriptor.hpp"
#include "persistence/record_fields.hpp"

namespace pawl {
namespace {

constexpr const char* board_name = "board";
constexpr std::array<std::byte, 8> board_magic{std::byte{0x89}, std::byte{0x50}, std::byte{0x57},
                                               std::byte{0x4c}, std::byte{0x42}, std::byte{0x0d},
                                               std::byte{0x0a}, std::byte{0x1a}};
constexpr std::size_t fields_bytes = 56;
constexpr std::size_t crc_offset = block_bytes - 4;
constexpr std::uint32_t lines_max = 1u << 20;

failure board_failure(int error, std::string_view where) noexcept {
  const bool is_full = error == ENOSPC || error == EDQUOT;
  return {.code = is_full ? errc::no_space : errc::io, .sys_errno = error, .where = where};
}

std::string path_in(const std::string& directory) {
  return directory + '/' + board_name;
}

constexpr std::size_t bytes_of(std::uint32_t lines) noexcept {
  return block_bytes + std::size_t{lines} * sizeof(crash_line);
}

// 0, or why not.
int allocate(int fd, std::size_t bytes) noexcept {
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  return error;
}

void encode_header(std::span<std::byte> block, const board_identity& whose, std::uint32_t lines) {
  byte_writer w(block);
  w.bytes(board_magic);
  w.u16(format_major);
  w.u16(format_minor);
  w.u32(lines);
  w.bytes(whose.directory_id);
  w.u64(whose.epoch);
  w.bytes(whose.boot_id);
  PAWL_CHECK(w.size() == fields_bytes);
  w.zeros(crc_offset - fields_bytes);
  w.u32(crc32c(block.first(crc_offset)));
}

// How many lines there are; none: this is not the board that `whose` tells of.
std::uint32_t lines_of(byte_span block, const board_identity& whose) {
  byte_reader r(block);
  if (r.array<8>() != board_magic || r.u16() != format_major) return 0;
  r.u16();
  const std::uint32_t lines = r.u32();
  const bool is_of_directory = r.array<16>() == whose.directory_id;
  const bool is_of_epoch = r.u64() == whose.epoch;
  const bool is_of_boot = r.array<16>() == whose.boot_id;
  const bool is_ours = is_of_directory && ((is_of_epoch && is_of_boot) || PAWL_SEEDED(stale_board));
  r.zeros(crc_offset - fields_bytes);
  const bool is_whole = r.u32() == crc32c(block.first(crc_offset)) && r.is_at_end();
  return is_ours && is_whole ? lines : 0;
}

// Until the end of the file, or of what a board can be. Errors: io.
result<std::vector<std::byte>> read_file(int fd) {
  std::vector<std::byte> bytes;
  for (std::size_t filled = 0;;) {
    bytes.resize(filled + (std::size_t{64} << 10));
    const ssize_t n =
        ::pread(fd, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return board_failure(errno, "board: read");
    filled += static_cast<std::size_t>(n);
    if (n != 0 && filled < bytes_of(lines_max)) continue;
    bytes.resize(filled);
    return bytes;
  }
}

}  // namespace

std::vector<crash_note> crash_notes_in(byte_span file, const board_identity& whose) {
  std::vector<crash_note> notes;
  if (file.size() < block_bytes) return notes;
  const std::uint32_t lines = lines_of(file.first(block_bytes), whose);
  byte_reader r(file.subspan(block_bytes));
  for (std::uint32_t i = 0; i < lines; ++i) {
    byte_reader line(r.bytes(sizeof(crash_line)));
    const job_id job{line.u64()};
    const std::uint64_t version = line.u64();
    const std::uint64_t alone = line.u64();
    line.zeros(sizeof(crash_line) - 24);
    if (!r.ok()) break;
    const bool can_be = version + 1 < record_version_limit && alone <= 1;
    if (line.is_at_end() && job && can_be) notes.push_back({job, version, alone == 1});
  }
  return notes;
}

result<std::vector<crash_note>> read_crash_board(const std::string& directory,
                                                 const board_identity& whose) {
  const descriptor file(::open(path_in(directory).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::vector<crash_note>();
    return board_failure(errno, "board: open");
  }
  const auto bytes = read_file(file.get());
  if (!bytes) return bytes.error();
  return crash_notes_in(*bytes, whose);
}

result<crash_board> crash_board::make(const std::string& directory, const board_identity& whose,
                                      std::uint32_t lines) {
  PAWL_CHECK(lines <= lines_max);
  const descriptor file(::open(path_in(directory).c_str(),
                               O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.get() < 0) return board_failure(errno, "board: make");
  const std::size_t bytes = bytes_of(lines);
  if (const int error = allocate(file.get(), bytes); error != 0) {
    return board_failure(error, "board: allocate");
  }
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return board_failure(errno, "board: map");
  crash_board board(memory, bytes);
  std::byte* const begin = static_cast<std::byte*>(memory);
  for (std::uint32_t i = 0; i < lines; ++i) {
    std::construct_at(reinterpret_cast<crash_line*>(begin + block_bytes + i * sizeof(crash_line)));
  }
  encode_header({begin, block_bytes}, whose, lines);
  return result<crash_board>(std::move(board));
}

crash_line* crash_board::line(std::uint32_t index) const noexcept {
  if (bytes_of(index + 1) > bytes_) return nullptr;
  return reinterpret_cast<crash_line*>(static_cast<std::byte*>(memory_) + bytes_of(index));
}

crash_board::crash_board(crash_board&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

crash_board& crash_board::operator=(crash_board&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

crash_board::~crash_board() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

}  // namespace pawl
