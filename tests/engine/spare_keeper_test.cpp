#include "engine/spare_keeper.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "engine/wal_device.hpp"
#include "persistence/segment_header.hpp"
#include "persistence/segment_name.hpp"
#include "support/threads.hpp"

namespace pawl::test {
namespace {

class spare_keeper_test : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path_of(std::uint64_t number) const {
    return directory_.path() + '/' + file_name(spare_prefix, number);
  }
  scratch_directory directory_;
  faulty_device device_{directory_.path()};
  const ready_spares none_{};
};

TEST_F(spare_keeper_test, has_made_what_was_wanted) {
  spare_keeper keeper(device_, segment_bytes_min, none_);
  for (std::uint64_t n = 5; n < 9; ++n) {
    keeper.want(n);
    keeper.want(n);
    ASSERT_TRUE(keeper.take(n));
    EXPECT_EQ(std::filesystem::file_size(path_of(n)), segment_bytes_min);
    EXPECT_FALSE(keeper.take(n)) << "it is given once";
  }
}

TEST_F(spare_keeper_test, has_nothing_that_nobody_wanted) {
  spare_keeper keeper(device_, segment_bytes_min, none_);
  EXPECT_FALSE(keeper.take(5));
  keeper.want(6);
  EXPECT_FALSE(keeper.take(5));
  EXPECT_TRUE(keeper.take(6));
}

TEST_F(spare_keeper_test, lets_its_user_wait_only_if_he_takes_what_is_not_there_yet) {
  door made;
  device_.before_create = [&] { made.wait(); };
  spare_keeper keeper(device_, segment_bytes_min, none_);
  keeper.want(5);
  ASSERT_TRUE(made.wait_for_arrivals(1));
  EXPECT_FALSE(std::filesystem::exists(path_of(5)));
  std::thread opener([&] { made.open(); });
  EXPECT_TRUE(keeper.take(5));
  EXPECT_TRUE(std::filesystem::exists(path_of(5)));
  opener.join();
}

TEST_F(spare_keeper_test, leaves_it_to_others_to_be_told_that_the_disk_is_full) {
  int tries = 0;
  device_.before_create = [&] { ++tries; };
  device_.is_full = true;
  spare_keeper keeper(device_, segment_bytes_min, none_);
  keeper.want(5);
  EXPECT_FALSE(keeper.take(5));
  keeper.want(5);
  EXPECT_FALSE(keeper.take(5));
  EXPECT_EQ(tries, 1);
  device_.is_full = false;
  keeper.want(6);
  EXPECT_TRUE(keeper.take(6));
}

TEST_F(spare_keeper_test, leaves_what_nobody_took_to_the_next_opening) {
  {
    spare_keeper keeper(device_, segment_bytes_min, none_);
    keeper.want(5);
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path_of(5)); }));
  }
  EXPECT_EQ(std::filesystem::file_size(path_of(5)), segment_bytes_min);
}

TEST_F(spare_keeper_test, gives_what_is_there_before_it_makes_any) {
  int made = 0;
  device_.before_create = [&] { ++made; };
  spare_keeper keeper(device_, segment_bytes_min, ready_spares(5, 2));
  keeper.want(5);
  EXPECT_TRUE(keeper.take(5));
  keeper.want(6);
  EXPECT_TRUE(keeper.take(6));
  EXPECT_FALSE(keeper.take(6)) << "it is given once";
  EXPECT_EQ(made, 0);
  keeper.want(7);
  EXPECT_TRUE(keeper.take(7));
  EXPECT_EQ(made, 1);
}

}  // namespace
}  // namespace pawl::test
