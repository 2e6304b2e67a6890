// crash/log_life.hpp -- a process that writes a log until it is killed, and another that keeps what was
// acknowledged: a value counts when it was read from the pipe between them.
#pragma once

#include <gtest/gtest.h>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "crash/value_log.hpp"
#include "persistence/log_device.hpp"
#include "support/seed.hpp"

namespace pawl::test {

// A child that goes on with a log. It ends only by a signal, or with exit code 1 if something fails.
class log_life {
 public:
  using make_device = std::function<std::unique_ptr<log_device>()>;

  log_life(const make_device& make, const log_start& start, std::uint64_t values,
           std::uint64_t seed) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    acks_ = ends[0];
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      live(make, start, values, seed, ends[1]);
      ::_exit(1);
    }
    ::close(ends[1]);
  }
  ~log_life() {
    if (acks_ >= 0) ::close(acks_);
  }
  log_life(const log_life&) = delete;
  log_life& operator=(const log_life&) = delete;

  // Lets it live for a while: now and then to its first moments only, else until it has acknowledged
  // something, and then some.
  void wait(random_source& random) const {
    pollfd acks{.fd = acks_, .events = POLLIN, .revents = 0};
    if (random() % 4 != 0) ::poll(&acks, 1, 5'000);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
  }
  void kill() const { ::kill(child_, SIGKILL); }
  // After the end: the last value that was acknowledged, or `before` if none was. False: it failed.
  bool ended(std::uint64_t before, std::uint64_t& acknowledged) {
    acknowledged = before;
    std::uint64_t value = 0;
    while (::read(acks_, &value, sizeof value) == sizeof value) acknowledged = value;
    int how = 0;
    return ::waitpid(child_, &how, 0) == child_ && WIFSIGNALED(how);
  }

 private:
  static void live(const make_device& make, const log_start& start, std::uint64_t values,
                   std::uint64_t seed, int acks) {
    const auto device = make();
    if (device == nullptr) return;
    random_source random(seed);
    value_log log(*device, start, values);
    if (!log.begin(3)) return;
    for (std::uint64_t n = start.first_segment; n-- > 1;) {  // what the base has made superfluous
      const std::string name = file_name(segment_prefix, n);
      if (!log.writer.sync() || !device->open(name)) break;
      if (!device->remove(name)) return;
    }
    if (!device->sync_directory()) return;
    std::uint64_t told = 0;
    for (;;) {
      if (!log.add(random() % 8 == 0 ? 50'000 : random() % 500)) return;
      if (random() % 4 == 0 && !log.writer.sync()) return;
      if (random() % 8 == 0 && !log.writer.write_seal(log.now())) return;
      if (const std::uint64_t durable = log.durable_values(); durable > told) {
        told = durable;
        if (::write(acks, &told, sizeof told) != sizeof told) return;
      }
    }
  }

  pid_t child_ = -1;
  int acks_ = -1;
};

// What the log gives back must be at least what was acknowledged. Returns where the next life begins.
inline log_start check_life(log_device& device, std::uint64_t acknowledged, std::uint64_t& values) {
  value_taker taker;
  const log_summary summary = read_log(device, taker);
  EXPECT_FALSE(summary.fault) << summary.fault->cause.where << ", segment "
                              << summary.fault->segment << ", offset " << summary.fault->offset;
  EXPECT_TRUE(taker.is_prefix());
  EXPECT_GE(taker.values.size(), acknowledged) << "something acknowledged is lost";
  values = taker.values.size();
  return start_after(summary);
}

}  // namespace pawl::test
