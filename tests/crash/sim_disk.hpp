// crash/sim_disk.hpp -- a disk that forgets. It keeps apart what was synced and what was not; crash() makes
// the disk that a power cut could leave: of the sectors that were not synced any subset, the others
// as they were, zeroed, or torn; of the names that were not synced the first few. It can also fail the
// n-th call.
//
// Completions come at once, in order, or with `lazy` at a reap(), in an order drawn from its seed.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "persistence/log_device.hpp"
#include "persistence/segment_header.hpp"
#include "support/seed.hpp"

namespace pawl::test {

inline constexpr std::size_t sector_bytes = 512;
using sector = std::array<std::byte, sector_bytes>;

// Bytes that the copies of a disk share until one of them writes: there are a hundred thousand copies.
class shared_bytes {
 public:
  [[nodiscard]] const std::vector<std::byte>& read() const { return *bytes_; }
  std::vector<std::byte>& write() {
    if (bytes_.use_count() != 1) bytes_ = std::make_shared<std::vector<std::byte>>(*bytes_);
    return *bytes_;
  }

 private:
  std::shared_ptr<std::vector<std::byte>> bytes_ = std::make_shared<std::vector<std::byte>>();
};

// What becomes of a sector that was not synced and did not reach the disk whole.
enum class lost_as { old, zeros, torn };

class sim_disk final : public log_device {
 public:
  // Called after each call that changed something.
  std::function<void()> on_change;
  // The call with this number fails with `error`, and with `for_ever` all after it; counted from 0.
  std::uint64_t fail_at = ~std::uint64_t{0};
  int error = 0;
  bool for_ever = false;
  bool write_short = false;  // the write that fails writes half instead
  bool lazy = false;
  bool is_full = false;  // for new files
  // Seeded bug: syncs of directories do nothing.
  bool forgets_names = false;

  sim_disk() = default;
  explicit sim_disk(std::uint64_t seed) : random_(seed) {}

  // Sectors that a crash may lose, but for those that would not change anything.
  [[nodiscard]] std::size_t unsynced_sectors() const {
    std::size_t n = 0;
    for (const auto& [number, f] : files_) n += f.pending.size();
    return n;
  }
  [[nodiscard]] std::size_t unsynced_names() const { return name_changes_.size(); }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

  // The disk after a power cut. `is_kept(i)` says whether unsynced sector i is there, in the order in which
  // they were written within their file; `names` how many of the changes of names are.
  [[nodiscard]] sim_disk crash(const std::function<bool(std::size_t)>& is_kept, std::size_t names,
                               lost_as how, std::uint64_t seed) const {
    sim_disk after(seed);
    random_source random(seed);
    after.next_file_ = next_file_;
    after.names_ = durable_names_;
    for (std::size_t i = 0; i < names; ++i) apply(after.names_, name_changes_[i]);
    after.durable_names_ = after.names_;
    std::size_t index = 0;
    for (const auto& [number, f] : files_) {
      file left;
      left.durable = f.durable;
      for (const auto& [where, p] : f.pending) {
        const sector& content = p.content;
        const bool kept = is_kept(index++);
        if (!kept && how == lost_as::old) continue;
        const auto at =
            left.durable.write().begin() + static_cast<std::ptrdiff_t>(where * sector_bytes);
        if (kept) {
          std::copy(content.begin(), content.end(), at);
        } else if (how == lost_as::zeros) {
          std::fill_n(at, sector_bytes, std::byte{0});
        } else {
          std::copy_n(content.begin(), random() % sector_bytes, at);
        }
      }
      left.now = left.durable;
      after.files_[number] = std::move(left);
    }
    return after;
  }

  // The disk as the next process finds it when this one is killed: nothing is lost, nothing is more durable.
  [[nodiscard]] sim_disk killed() const {
    sim_disk after = *this;
    after.on_change = nullptr;
    after.under_way_.clear();
    after.done_.clear();
    for (auto& [number, f] : after.files_) {
      for (auto& [where, p] : f.pending) p.has_ended = true;
    }
    return after;
  }

  // The bytes of a file, to spoil them before the disk is copied.
  std::vector<std::byte>& bytes_of(std::string_view name) {
    return files_.at(names_.at(std::string(name))).now.write();
  }
  void drop_tail(std::string_view name, std::size_t bytes) { bytes_of(name).resize(bytes); }
  [[nodiscard]] std::size_t files() const { return names_.size(); }
  [[nodiscard]] bool has(std::string_view name) const { return names_.contains(std::string(name)); }

  result<std::vector<std::string>> list() override {
    std::vector<std::string> names;
    for (const auto& [name, number] : names_) names.push_back(name);
    return names;
  }
  status create(std::string_view name, std::uint64_t bytes) override {
    if (fails()) return refusal("create");
    if (is_full) return failure{.code = errc::no_space, .sys_errno = ENOSPC, .where = "create"};
    file f;
    f.now.write().assign(bytes, std::byte{0});
    // Before its first sync its content is anything.
    f.durable.write().assign(bytes, std::byte{0xee});
    f.is_new = true;
    files_[next_file_] = f;
    change({"", std::string(name), next_file_++});
    return changed();
  }
  status rename(std::string_view from, std::string_view to) override {
    if (fails()) return refusal("rename");
    change({std::string(from), std::string(to), names_.at(std::string(from))});
    return changed();
  }
  status remove(std::string_view name) override {
    if (fails()) return refusal("remove");
    change({std::string(name), "", 0});
    return changed();
  }
  status sync_directory() override {
    if (fails()) return refusal("sync directory");
    if (!forgets_names) {
      durable_names_ = names_;
      name_changes_.clear();
    }
    return changed();
  }

  result<file_ref> open(std::string_view name) override {
    if (fails()) return refusal("open");
    return static_cast<file_ref>(names_.at(std::string(name)));
  }
  void close(file_ref) noexcept override {}
  result<std::uint64_t> size(file_ref f) override {
    return files_.at(number_of(f)).now.read().size();
  }
  result<std::size_t> read(file_ref f, std::uint64_t offset, std::span<std::byte> room) override {
    if (fails()) return refusal("read");
    const std::vector<std::byte>& bytes = files_.at(number_of(f)).now.read();
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(room.size(), bytes.size() - offset);
    std::memcpy(room.data(), bytes.data() + offset, n);
    return n;
  }

  void start_write(file_ref f, std::uint64_t offset, byte_span bytes,
                   std::uint64_t token) override {
    // From now on it may be on the disk, whole or in part.
    put(files_.at(number_of(f)), offset, bytes);
    under_way_.push_back({number_of(f), offset, bytes, token, false, {}});
    if (!lazy) end(under_way_.size() - 1);
  }
  void start_sync(file_ref f, std::uint64_t token) override {
    // It covers what has come to an end by now, and no more.
    operation sync{number_of(f), 0, {}, token, true, {}};
    for (const auto& [where, p] : files_.at(number_of(f)).pending) {
      if (p.has_ended) sync.covered[where] = p.content;
    }
    under_way_.push_back(std::move(sync));
    if (!lazy) end(under_way_.size() - 1);
  }
  std::size_t reap(std::span<completion> done, bool wait) override {
    while (lazy && !under_way_.empty() && ((wait && done_.empty()) || random_() % 2 == 0)) {
      end(random_() % under_way_.size());
    }
    const std::size_t n = std::min(done.size(), done_.size());
    std::copy_n(done_.begin(), n, done.begin());
    done_.erase(done_.begin(), done_.begin() + static_cast<std::ptrdiff_t>(n));
    return n;
  }

 private:
  struct pending_sector {
    sector content;
    bool has_ended;  // its write has
  };
  struct file {
    shared_bytes now;
    shared_bytes durable;
    std::map<std::size_t, pending_sector> pending;
    bool is_new = false;
  };
  struct name_change {
    std::string from;  // empty: the file is new
    std::string to;    // empty: it is gone
    std::uint32_t file;
  };
  struct operation {
    std::uint32_t file;
    std::uint64_t offset;
    byte_span bytes;
    std::uint64_t token;
    bool is_sync;
    std::map<std::size_t, sector> covered;
  };
  using name_map = std::map<std::string, std::uint32_t>;

  static std::uint32_t number_of(file_ref f) { return static_cast<std::uint32_t>(f); }
  static void apply(name_map& names, const name_change& c) {
    if (!c.from.empty()) names.erase(c.from);
    if (!c.to.empty()) names[c.to] = c.file;
  }
  void change(const name_change& c) {
    apply(names_, c);
    name_changes_.push_back(c);
  }
  bool fails() {
    const std::uint64_t call = calls_++;
    return call == fail_at || (for_ever && call > fail_at);
  }
  [[nodiscard]] failure refusal(std::string_view where) const {
    return {.code = errc::io, .sys_errno = error, .where = where};
  }
  status changed() {
    if (on_change) on_change();
    return std::monostate{};
  }

  // Operation `i` comes to an end.
  void end(std::size_t i) {
    const operation op = under_way_[i];
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(i));
    file& f = files_.at(op.file);
    if (fails()) {
      const bool is_half = write_short && !op.is_sync;
      done_.push_back(
          {op.token, is_half ? static_cast<std::int64_t>(op.bytes.size() / 2) : -error});
    } else if (op.is_sync) {
      if (f.is_new) f.durable.write().assign(f.now.read().size(), std::byte{0});
      f.is_new = false;
      for (const auto& [where, content] : op.covered) {
        std::copy(content.begin(), content.end(),
                  f.durable.write().begin() + static_cast<std::ptrdiff_t>(where * sector_bytes));
        if (const auto at = f.pending.find(where);
            at != f.pending.end() && at->second.content == content) {
          f.pending.erase(at);
        }
      }
      done_.push_back({op.token, 0});
    } else {
      for (std::size_t at = 0; at < op.bytes.size(); at += sector_bytes) {
        const auto p = f.pending.find((op.offset + at) / sector_bytes);
        if (p != f.pending.end()) p->second.has_ended = true;
      }
      done_.push_back({op.token, static_cast<std::int64_t>(op.bytes.size())});
    }
    if (on_change) on_change();
  }
  void put(file& f, std::uint64_t offset, byte_span bytes) {
    std::memcpy(f.now.write().data() + offset, bytes.data(), bytes.size());
    for (std::size_t at = 0; at < bytes.size(); at += sector_bytes) {
      sector s;
      std::memcpy(s.data(), bytes.data() + at, sector_bytes);
      const std::size_t where = (offset + at) / sector_bytes;
      const std::byte* durable = f.durable.read().data() + offset + at;
      if (std::memcmp(durable, s.data(), sector_bytes) != 0) f.pending[where] = {s, false};
    }
  }

  random_source random_{1};
  std::map<std::uint32_t, file> files_;
  name_map names_;
  name_map durable_names_;
  std::vector<name_change> name_changes_;
  std::vector<operation> under_way_;
  std::vector<completion> done_;
  std::uint32_t next_file_ = 1;
  std::uint64_t calls_ = 0;
};

}  // namespace pawl::test
