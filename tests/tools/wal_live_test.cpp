// A store that is read again and again while a scheduler writes, closes and opens it: no reading finds
// damage, none keeps an opening from its lock, and what had been durable before is in it.
#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "pawl_process.hpp"
#include "stored_jobs.hpp"

namespace pawl_tests {
namespace {

TEST(wal_live, readings_find_no_damage_and_all_that_was_durable) {
  stored_jobs store;
  store.open();
  std::atomic<std::uint64_t> durable{0};
  std::atomic<bool> ends{false};
  std::thread reader([&] {
    for (int i = 0; !ends.load() || i < 3; ++i) {
      const std::uint64_t before = durable.load();
      const process_end end = store.run({"wal", "verify", "-o", "jsonl"});
      EXPECT_EQ(end.exit_code, 0) << end.output << end.errors;
      if (end.exit_code != 0) return;
      EXPECT_GE(nlohmann::json::parse(end.output).at("jobs").get<std::uint64_t>(), before);
    }
  });
  for (int epoch = 0; epoch < 8; ++epoch) {
    for (int i = 0; i < 40; ++i) {
      store.submit("mail", std::string(3'000, 'x'));
      durable.fetch_add(1);
    }
    store.close();
    store.open();  // fails the test if it is refused
  }
  ends.store(true);
  reader.join();
  store.close();
}

}  // namespace
}  // namespace pawl_tests
