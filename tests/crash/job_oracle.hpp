// crash/job_oracle.hpp -- what lives of a scheduler say of their jobs, and who keeps it and looks whether it fits
// together.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <set>

namespace pawl::test {

// What a job is there for, by its number.
enum class job_role {
  plain,
  with_result,  // leaves one behind
  hopeless,     // fails until it is dead
  to_cancel,    // is cancelled, if it has not started by then
  relaxed,      // in a queue that is not waited for
};
constexpr job_role role_of(std::uint64_t number) {
  switch (number % 16) {
    case 1:
    case 9:
      return job_role::with_result;
    case 3:
      return number % 64 == 3 ? job_role::hopeless : job_role::plain;
    case 5:
    case 10:
      return job_role::to_cancel;
    case 7:
    case 14:
      return job_role::relaxed;
    default:
      return job_role::plain;
  }
}

// Jobs that are due long after the last life; each holds a key of its own.
inline constexpr std::size_t anchors = 3;

// What a life says: of all jobs below that number, or of the one with it.
struct life_message {
  enum class what : std::uint64_t {
    accepted_below,
    started,
    ended,        // completed, cancelled or dead, and that is durable
    anchored_as,  // the anchor with that number has this id
    has_result,   // at the end of all
    is_dead,      // at the end of all
    over,
  };
  what said = what::over;
  std::uint64_t number = 0;
  std::uint64_t id = 0;
};

class job_oracle {
 public:
  static constexpr std::uint64_t batch_max = 200;  // of what a life submits before it says so

  // Where the next life may begin: the one before may have submitted a batch of which it said nothing.
  [[nodiscard]] std::uint64_t next() const { return next_; }

  void hear(life_message m) {
    const std::uint64_t n = m.number;
    switch (m.said) {
      case life_message::what::accepted_below:
        while (begin_ < n) accepted_.insert(begin_++);
        break;
      case life_message::what::started:
        EXPECT_FALSE(ended_.contains(n)) << n << " ran again";
        started_.insert(n);
        next_ = std::max(next_, n + 1);
        break;
      case life_message::what::ended:
        ended_.insert(n);
        break;
      case life_message::what::anchored_as:
        ASSERT_LT(n, anchors);
        if (anchored_[n] == 0) anchored_[n] = m.id;
        EXPECT_EQ(anchored_[n], m.id) << "there are two of anchor " << n;
        break;
      case life_message::what::has_result:
        EXPECT_EQ(role_of(n), job_role::with_result) << n;
        EXPECT_TRUE(results_.insert(n).second) << "two results of " << n;
        break;
      case life_message::what::is_dead:
        EXPECT_EQ(role_of(n), job_role::hopeless) << n;
        EXPECT_TRUE(dead_.insert(n).second) << "two dead letters of " << n;
        break;
      case life_message::what::over:
        is_over_ = true;
        break;
    }
  }
  void end_life() {
    next_ = std::max(next_, begin_) + batch_max + 1;
    begin_ = next_;
  }
  void check_end() const {
    EXPECT_TRUE(is_over_);
    EXPECT_FALSE(accepted_.empty());
    for (const std::uint64_t n : accepted_) check_end_of(n, "was accepted");
    for (const std::uint64_t n : ended_) check_end_of(n, "had ended");
  }
  [[nodiscard]] std::size_t accepted() const { return accepted_.size(); }
  [[nodiscard]] std::size_t ended() const { return ended_.size(); }
  [[nodiscard]] std::size_t results() const { return results_.size(); }
  [[nodiscard]] std::size_t dead() const { return dead_.size(); }

 private:
  void check_end_of(std::uint64_t n, const char* what) const {
    const job_role role = role_of(n);
    if (role == job_role::to_cancel) return;  // whether or not somebody was told
    if (!started_.contains(n)) ADD_FAILURE() << "job " << n << ' ' << what << " and never ran";
    if (role == job_role::with_result && !results_.contains(n)) {
      ADD_FAILURE() << "job " << n << ' ' << what << " and has no result";
    }
    if (role == job_role::hopeless && !dead_.contains(n)) {
      ADD_FAILURE() << "job " << n << ' ' << what << " and has no dead letter";
    }
  }

  std::uint64_t begin_ = 0;  // of what this life's next message is about
  std::uint64_t next_ = 0;
  std::array<std::uint64_t, anchors> anchored_{};  // ids
  std::set<std::uint64_t> accepted_;
  std::set<std::uint64_t> started_;
  std::set<std::uint64_t> ended_;
  std::set<std::uint64_t> results_;
  std::set<std::uint64_t> dead_;
  bool is_over_ = false;
};

}  // namespace pawl::test
