// LMDB: a transaction a commit, its default sync; relaxed: MDB_NOSYNC, after which a crash of the machine may
// take all of it. It has one writer, so producers take turns; keys are given inside, so that all are appended.
#include <lmdb.h>

#include "contenders/commit_store.hpp"

namespace bench {
namespace {

void check(int code, const char* what) {
  require(code == 0, what);
}

MDB_val value_of(std::uint64_t& key) noexcept {
  return {sizeof key, &key};
}

class commit_lmdb final : public commit_store {
 public:
  commit_lmdb(const std::string& directory, commit_level level) {
    check(mdb_env_create(&env_), "lmdb: create");
    check(mdb_env_set_mapsize(env_, std::size_t{1} << 30), "lmdb: map size");
    const unsigned flags = level == commit_level::synced ? 0 : MDB_NOSYNC;
    check(mdb_env_open(env_, directory.c_str(), flags, 0600), "lmdb: open");
    MDB_txn* const change = begin(0);
    check(mdb_dbi_open(change, nullptr, MDB_INTEGERKEY, &jobs_), "lmdb: open");
    commit(change);
  }
  ~commit_lmdb() override { mdb_env_close(env_); }
  [[nodiscard]] const char* name() const noexcept override { return "lmdb"; }

 private:
  std::uint64_t put(std::span<const commit_payload> payloads) override {
    MDB_txn* const change = begin(0);
    const std::uint64_t first = next_;
    for (const commit_payload& payload : payloads) {
      MDB_val key = value_of(next_);
      MDB_val value{sizeof payload, const_cast<commit_payload*>(&payload)};
      check(mdb_put(change, jobs_, &key, &value, MDB_APPEND), "lmdb: put");
      ++next_;
    }
    commit(change);
    return first;
  }
  void erase(std::uint64_t first_key, std::uint64_t count) override {
    MDB_txn* const change = begin(0);
    for (std::uint64_t at = first_key; at < first_key + count; ++at) {
      MDB_val key = value_of(at);
      check(mdb_del(change, jobs_, &key, nullptr), "lmdb: delete");
    }
    commit(change);
  }
  std::uint64_t count() override {
    MDB_txn* const look = begin(MDB_RDONLY);
    MDB_stat seen{};
    check(mdb_stat(look, jobs_, &seen), "lmdb: read");
    mdb_txn_abort(look);
    return seen.ms_entries;
  }

  MDB_txn* begin(unsigned flags) {
    MDB_txn* begun = nullptr;
    check(mdb_txn_begin(env_, nullptr, flags, &begun), "lmdb: begin");
    return begun;
  }
  static void commit(MDB_txn* change) { check(mdb_txn_commit(change), "lmdb: commit"); }

  MDB_env* env_ = nullptr;
  MDB_dbi jobs_ = 0;
  std::uint64_t next_ = 1;  // its writer's
};

}  // namespace

std::unique_ptr<commit_contender> make_lmdb(const std::string& directory, commit_level level) {
  return std::make_unique<commit_lmdb>(directory, level);
}

}  // namespace bench
