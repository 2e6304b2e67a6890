// bench/contenders/commit_contender.hpp -- one way to keep jobs on a disk, behind one call.
//
// Producers hand over jobs of 64 bytes; each is accepted, run (its number is added to a sum) and
// completed. Synced: accept and completion are both durable, and a producer never has more than so many
// jobs outstanding, which are those whose accept is not known to be durable. Relaxed: neither waits for
// the disk. One .cpp a contender; each includes its own library alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

struct commit_payload {
  std::uint64_t number = 0;
  std::uint64_t filler[7] = {};
};

enum class commit_level : std::uint8_t { synced, relaxed };

struct commit_work {
  unsigned producers = 1;
  std::uint64_t jobs = 0;
  std::uint64_t outstanding = 1;  // of each producer
};

struct commit_costs {
  double seconds = 0;  // from the first submit until all have ended, durably if synced
  // From a submit until it is durable; one a call, which may have several jobs. Empty if relaxed.
  std::vector<std::uint64_t> latencies_ns;
  std::uint64_t written_bytes = 0;  // 0: not known
  std::uint64_t syncs = 0;          // 0: not known
};

class commit_contender {
 public:
  commit_contender() = default;
  commit_contender(const commit_contender&) = delete;
  commit_contender& operator=(const commit_contender&) = delete;
  virtual ~commit_contender() = default;

  [[nodiscard]] virtual const char* name() const noexcept = 0;
  // Runs payloads 1..jobs, and checks that each was run and that none is left.
  virtual commit_costs run(const commit_work& work) = 0;
};

// Each in an empty directory of its own.
std::unique_ptr<commit_contender> make_rocksdb(const std::string& directory, commit_level level);
std::unique_ptr<commit_contender> make_sqlite(const std::string& directory, commit_level level);
std::unique_ptr<commit_contender> make_lmdb(const std::string& directory, commit_level level);

}  // namespace bench
