#include "persistence/log_collector.hpp"

#include <algorithm>

namespace pawl {

bool log_collector::add(thread_ring& ring) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t n = ring_count_.load(relaxed);  // written under the lock
  if (n == rings_max) return false;
  rings_[n].store(&ring, release);
  ring_count_.store(n + 1, release);  // [ring]
  return true;
}

std::uint64_t log_collector::published_bytes() const noexcept {
  std::uint64_t bytes = 0;
  const std::uint32_t count = ring_count_.load(acquire);  // [ring]
  for (std::uint32_t i = 0; i < count; ++i) bytes += rings_[i].load(acquire)->published_bytes();
  return bytes;
}

// The look before a sleep: a ring that comes after it has nothing that its owner does not wake for.
bool log_collector::has_published() const noexcept {
  const std::uint32_t count = ring_count_.load(seq_cst);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!rings_[i].load(acquire)->is_empty()) return true;
  }
  return false;
}

void log_collector::note_progress() noexcept {
  durable_lsn_.store(writer_.durable_lsn(), release);  // [durable]
  if (writer_.failed()) has_failed_.store(true, release);
}

status log_collector::write_cut(const boot_moment& now) {
  const std::uint64_t lsn = cut_.begin();
  // Rings that are added from here on have nothing that this cut must have.
  const std::uint32_t count = ring_count_.load(seq_cst);
  parts_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint64_t offset = offsets_[i];
    rings_[i].load(acquire)->take(lsn, [&](byte_span bytes) {
      if (bytes.empty()) return;
      parts_.push_back({i + 1, offset, bytes});  // ring 0 is the log's own
      offset += bytes.size();
    });
  }
  if (parts_.empty()) {
    writer_.pass(lsn);
  } else if (status s = writer_.write(lsn, parts_, now); !s) {
    return s;
  }
  for (const cut_part& p : parts_) offsets_[p.ring - 1] = p.offset + p.bytes.size();
  for (std::uint32_t i = 0; i < count; ++i) rings_[i].load(acquire)->give_back();
  return std::monostate{};
}

log_collector::next_look log_collector::step(const boot_moment& now, bool wants_durable) {
  writer_.step(false);
  note_progress();
  if (has_failed()) return {};
  commit_sight seen{.bytes = published_bytes(),
                    .wants_durable = wants_durable,
                    .is_writing = !writer_.is_all_durable(),
                    .has_buffer = writer_.has_buffer()};
  if (seen.bytes != 0 && first_seen_ns_ == 0)
    first_seen_ns_ = std::max<std::uint64_t>(now.boot_ns, 1);
  seen.waiting_ns = seen.bytes != 0 ? now.boot_ns - first_seen_ns_ : 0;
  const commit_decision d = decide_commit(rule_, seen);
  if (!d.collect) return {.is_under_way = seen.is_writing, .wait_ns = d.wait_ns};
  return cut(now);
}

log_collector::next_look log_collector::cut(const boot_moment& now) {
  const status written = write_cut(now);
  first_seen_ns_ = 0;
  note_progress();
  if (!written && !has_failed()) return {.refused = written.error()};
  return {.again = true};
}

void log_collector::await() {
  writer_.step(true);
  note_progress();
}

status log_collector::flush(const boot_moment& now) {
  if (status s = write_cut(now); !s) return s;
  const status synced = writer_.sync();
  note_progress();
  return synced;
}

}  // namespace pawl
