// SQLite: a transaction a commit, in its log (WAL), synchronous=FULL; relaxed: NORMAL, which syncs at
// checkpoints only. It has one writer, so producers take turns.
#include <sqlite3.h>

#include "contenders/commit_store.hpp"

namespace bench {
namespace {

class statement {
 public:
  statement(sqlite3* db, const char* text) {
    require(sqlite3_prepare_v2(db, text, -1, &handle_, nullptr) == SQLITE_OK, "sqlite: prepare");
  }
  ~statement() { sqlite3_finalize(handle_); }
  statement(const statement&) = delete;
  statement& operator=(const statement&) = delete;

  void bind(int at, std::uint64_t value) {
    sqlite3_bind_int64(handle_, at, static_cast<sqlite3_int64>(value));
  }
  void bind(int at, const commit_payload& payload) {
    sqlite3_bind_blob(handle_, at, &payload, sizeof payload, SQLITE_STATIC);
  }
  void run() {
    require(sqlite3_step(handle_) == SQLITE_DONE, "sqlite: step");
    sqlite3_reset(handle_);
  }
  std::uint64_t number() {
    require(sqlite3_step(handle_) == SQLITE_ROW, "sqlite: step");
    const auto value = static_cast<std::uint64_t>(sqlite3_column_int64(handle_, 0));
    sqlite3_reset(handle_);
    return value;
  }

 private:
  sqlite3_stmt* handle_ = nullptr;
};

class connection {
 public:
  connection(const std::string& path, commit_level level) {
    require(sqlite3_open(path.c_str(), &handle_) == SQLITE_OK, "sqlite: open");
    run("PRAGMA journal_mode=WAL");
    run(level == commit_level::synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
    run("CREATE TABLE jobs(id INTEGER PRIMARY KEY, payload BLOB NOT NULL)");
  }
  ~connection() { sqlite3_close(handle_); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  [[nodiscard]] sqlite3* get() const noexcept { return handle_; }

 private:
  void run(const char* text) {
    require(sqlite3_exec(handle_, text, nullptr, nullptr, nullptr) == SQLITE_OK, text);
  }
  sqlite3* handle_ = nullptr;
};

class commit_sqlite final : public commit_store {
 public:
  commit_sqlite(const std::string& directory, commit_level level)
      : db_(directory + "/jobs.sqlite", level) {}
  [[nodiscard]] const char* name() const noexcept override { return "sqlite"; }

 private:
  std::uint64_t put(std::span<const commit_payload> payloads) override {
    const std::lock_guard lock(mutex_);
    const std::uint64_t first = next_;
    begin_.run();
    for (const commit_payload& payload : payloads) {
      insert_.bind(1, next_++);
      insert_.bind(2, payload);
      insert_.run();
    }
    commit_.run();
    return first;
  }
  void erase(std::uint64_t first_key, std::uint64_t count) override {
    const std::lock_guard lock(mutex_);
    begin_.run();
    for (std::uint64_t i = 0; i < count; ++i) {
      delete_.bind(1, first_key + i);
      delete_.run();
      require(sqlite3_changes(db_.get()) == 1, "sqlite: delete");
    }
    commit_.run();
  }
  std::uint64_t count() override {
    const std::lock_guard lock(mutex_);
    return count_.number();
  }

  connection db_;
  std::mutex mutex_;
  std::uint64_t next_ = 1;  // under it, as are the statements
  statement begin_{db_.get(), "BEGIN IMMEDIATE"};
  statement commit_{db_.get(), "COMMIT"};
  statement insert_{db_.get(), "INSERT INTO jobs VALUES(?, ?)"};
  statement delete_{db_.get(), "DELETE FROM jobs WHERE id = ?"};
  statement count_{db_.get(), "SELECT count(*) FROM jobs"};
};

}  // namespace

std::unique_ptr<commit_contender> make_sqlite(const std::string& directory, commit_level level) {
  return std::make_unique<commit_sqlite>(directory, level);
}

}  // namespace bench
