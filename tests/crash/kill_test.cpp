// kill -9 at any moment, again and again, on real files: what was acknowledged is there, by both devices.
#include <gtest/gtest.h>

#include "crash/log_life.hpp"
#include "persistence/open_device.hpp"
#include "support/scale.hpp"
#include "support/scratch_directory.hpp"
#include "support/seed.hpp"

namespace pawl::test {
namespace {

TEST(kill, loses_nothing_that_was_acknowledged) {
  random_source random(fresh_seed());
  for (const device_choice choice : {device_choice::posix, device_choice::best}) {
    scratch_directory directory;
    const auto make = [&]() -> std::unique_ptr<log_device> {
      auto opened = open_device(directory.path(), choice);
      return opened ? std::move(opened->device) : nullptr;
    };
    log_start start{.segment_bytes = segment_bytes_min};
    std::uint64_t values = 0;
    std::uint64_t grown = 0;
    for (int life = 0; life < scaled(30); ++life) {
      std::uint64_t acknowledged = 0;
      {
        log_life child(make, start, values, random());
        child.wait(random);
        child.kill();
        ASSERT_TRUE(child.ended(values, acknowledged));
      }
      grown += acknowledged - values;
      const auto device = make();
      start = check_life(*device, acknowledged, values);
      ASSERT_FALSE(HasFailure()) << "life " << life;
    }
    EXPECT_GT(grown, 0u) << "nothing was ever acknowledged";
    std::printf("%s: %llu values\n", choice == device_choice::posix ? "posix" : "uring",
                static_cast<unsigned long long>(values));
  }
}

}  // namespace
}  // namespace pawl::test
