// RocksDB: a WriteBatch a commit, its log synced. It merges the batches of several producers itself.
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <atomic>

#include "contenders/commit_store.hpp"

namespace bench {
namespace {

// Big-endian: keys are sorted as bytes.
class key_bytes {
 public:
  explicit key_bytes(std::uint64_t key) noexcept {
    for (std::size_t i = 0; i < 8; ++i) bytes_[i] = static_cast<char>(key >> (56 - 8 * i));
  }
  [[nodiscard]] rocksdb::Slice slice() const noexcept { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, 8> bytes_;
};

class commit_rocksdb final : public commit_store {
 public:
  commit_rocksdb(const std::string& directory, commit_level level) {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* opened = nullptr;
    require(rocksdb::DB::Open(options, directory, &opened).ok(), "rocksdb: open");
    db_.reset(opened);
    how_.sync = level == commit_level::synced;
  }
  [[nodiscard]] const char* name() const noexcept override { return "rocksdb"; }

 private:
  std::uint64_t put(std::span<const commit_payload> payloads) override {
    const std::uint64_t first = next_.fetch_add(payloads.size(), std::memory_order_relaxed);
    rocksdb::WriteBatch batch(payloads.size() * (sizeof(commit_payload) + 16));
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      batch.Put(key_bytes(first + i).slice(),
                {reinterpret_cast<const char*>(&payloads[i]), sizeof payloads[i]});
    }
    require(db_->Write(how_, &batch).ok(), "rocksdb: put");
    return first;
  }
  void erase(std::uint64_t first_key, std::uint64_t count) override {
    rocksdb::WriteBatch batch(count * 16);
    for (std::uint64_t i = 0; i < count; ++i) batch.Delete(key_bytes(first_key + i).slice());
    require(db_->Write(how_, &batch).ok(), "rocksdb: delete");
  }
  std::uint64_t count() override {
    const std::unique_ptr<rocksdb::Iterator> all(db_->NewIterator({}));
    std::uint64_t n = 0;
    for (all->SeekToFirst(); all->Valid(); all->Next()) ++n;
    require(all->status().ok(), "rocksdb: read");
    return n;
  }

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions how_;
  std::atomic<std::uint64_t> next_{1};
};

}  // namespace

std::unique_ptr<commit_contender> make_rocksdb(const std::string& directory, commit_level level) {
  return std::make_unique<commit_rocksdb>(directory, level);
}

}  // namespace bench
