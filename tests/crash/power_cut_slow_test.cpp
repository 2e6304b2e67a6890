// Power cuts under the log alone, as real file systems live them: ext4 and XFS on loop devices. Needs root, loop
// devices and mkfs.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "crash/log_life.hpp"
#include "crash/loop_disk.hpp"
#include "persistence/open_device.hpp"
#include "persistence/posix_device.hpp"
#include "support/seed.hpp"

namespace pawl::test {
namespace {

// Says that it has synced, and has not.
class lying_device final : public log_device {
 public:
  explicit lying_device(std::unique_ptr<posix_device> real) : real_(std::move(real)) {}
  result<std::vector<std::string>> list() override { return real_->list(); }
  status create(std::string_view name, std::uint64_t bytes) override {
    return real_->create(name, bytes);
  }
  status rename(std::string_view from, std::string_view to) override {
    return real_->rename(from, to);
  }
  status remove(std::string_view name) override { return real_->remove(name); }
  status sync_directory() override { return std::monostate{}; }
  result<file_ref> open(std::string_view name) override { return real_->open(name); }
  void close(file_ref file) noexcept override { real_->close(file); }
  result<std::uint64_t> size(file_ref file) override { return real_->size(file); }
  result<std::size_t> read(file_ref file, std::uint64_t offset,
                           std::span<std::byte> room) override {
    return real_->read(file, offset, room);
  }
  void start_write(file_ref file, std::uint64_t offset, byte_span bytes,
                   std::uint64_t token) override {
    real_->start_write(file, offset, bytes, token);
  }
  void start_sync(file_ref, std::uint64_t token) override { real_->note_end({token, 0}); }
  std::size_t reap(std::span<completion> done, bool wait) override {
    return real_->reap(done, wait);
  }

 private:
  std::unique_ptr<posix_device> real_;
};

using maker = std::function<std::unique_ptr<log_device>(const std::string&)>;

std::unique_ptr<log_device> honest(const std::string& directory, device_choice choice) {
  auto opened = open_device(directory, choice);
  return opened ? std::move(opened->device) : nullptr;
}
std::unique_ptr<log_device> lying(const std::string& directory) {
  auto real = posix_device::open(directory);
  return real ? std::make_unique<lying_device>(std::move(*real)) : nullptr;
}

// Lives that end with the power, or with a kill. What was lost of what was acknowledged: nothing, or by whom
// it was found.
struct loss {
  int lives = 0;
  std::uint64_t values = 0;
  bool was_found = false;
};
loss live(loop_disk& disk, const maker& make, int lives, bool is_power, random_source& random) {
  loss l;
  log_start start{.segment_bytes = segment_bytes_min};
  EXPECT_TRUE(disk.make_names_durable());
  for (; l.lives < lives && !l.was_found; ++l.lives) {
    std::uint64_t acknowledged = 0;
    {
      log_life child([&] { return make(disk.directory()); }, start, l.values, random());
      child.wait(random);
      EXPECT_TRUE(!is_power || disk.cut_power());
      child.kill();
      child.ended(l.values, acknowledged);
    }
    EXPECT_TRUE(!is_power || disk.mount_again());
    const auto device = honest(disk.directory(), device_choice::posix);
    value_taker taker;
    const log_summary summary = read_log(*device, taker);
    l.was_found = summary.fault || !taker.is_prefix() || taker.values.size() < acknowledged;
    if (!l.was_found) l.values = taker.values.size();
    start = start_after(summary);
  }
  return l;
}

class power_cut : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(on, power_cut, ::testing::Values("ext4", "xfs"),
                         [](const auto& type) { return std::string(type.param); });

TEST_P(power_cut, loses_nothing_that_was_acknowledged) {
  random_source random(fresh_seed());
  loop_disk disk(GetParam(), "320M");
  if (!disk.is_there()) GTEST_SKIP() << "no " << GetParam() << " on a loop device here";
  for (const device_choice choice : {device_choice::posix, device_choice::best}) {
    disk.make_directory();
    const loss l = live(
        disk, [choice](const std::string& d) { return honest(d, choice); }, 50, true, random);
    EXPECT_FALSE(l.was_found) << "in life " << l.lives;
    EXPECT_GT(l.values, 0u);
    std::printf("%d power cuts, %llu values\n", l.lives, static_cast<unsigned long long>(l.values));
  }
}

// A log without syncs survives a kill, and no power cut.
TEST_P(power_cut, a_missing_sync_is_found_by_a_power_cut_only) {
  random_source random(fresh_seed());
  loop_disk disk(GetParam(), "320M");
  if (!disk.is_there()) GTEST_SKIP() << "no " << GetParam() << " on a loop device here";
  const loss by_kill = live(disk, lying, 20, false, random);
  EXPECT_FALSE(by_kill.was_found);
  EXPECT_GT(by_kill.values, 0u);
  disk.make_directory();
  const loss by_power = live(disk, lying, 50, true, random);
  EXPECT_TRUE(by_power.was_found) << "50 power cuts did not find a missing sync";
  std::printf("found by power cut %d\n", by_power.lives);
}

}  // namespace
}  // namespace pawl::test
