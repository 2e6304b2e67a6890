// explorer/choices.hpp -- the sequence of decisions that makes one interleaving.
//
// An execution asks for each decision in turn. Depth first: the answers are those of the prefix
// kept from the interleaving before, then always the first; advance() moves the last decision that
// has an answer left to its next one. Random: each answer is drawn. Both write the answers down, so
// that replay() can run the same interleaving once more, this time with a trace.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace pawl::model {

class choices {
 public:
  // Drawn answers from here on. A thread goes on with probability 1 - 1 / `switch_in`.
  void start_random(std::uint64_t seed) {
    engine_.seed(seed);
    random_ = true;
    switch_in_ = 2u << (engine_() % 4);
    made_.clear();
    position_ = 0;
  }
  void start_depth_first() {
    random_ = false;
    made_.clear();
    position_ = 0;
  }
  // The same answers again.
  void replay() {
    random_ = false;
    position_ = 0;
  }

  // Answer 0 is the plain one: the same thread goes on, a buffered store stays where it is.
  unsigned choose(unsigned count) {
    if (count <= 1) return 0;
    if (position_ < made_.size()) {
      if (made_[position_].count != count) {
        std::fprintf(stderr, "explorer: the scenario is not deterministic\n");
        std::abort();
      }
      return made_[position_++].answer;
    }
    unsigned answer = 0;
    if (random_ && engine_() % switch_in_ == 0) answer = static_cast<unsigned>(engine_() % count);
    made_.push_back({answer, count});
    ++position_;
    return answer;
  }

  // False: all interleavings have been seen.
  bool advance() {
    position_ = 0;
    while (!made_.empty() && made_.back().answer + 1 == made_.back().count) made_.pop_back();
    if (made_.empty()) return false;
    ++made_.back().answer;
    return true;
  }

  [[nodiscard]] std::string text() const {
    std::string all;
    for (const choice& c : made_) all += std::to_string(c.answer) + " ";
    return all;
  }

 private:
  struct choice {
    unsigned answer;
    unsigned count;
  };

  std::vector<choice> made_;
  std::size_t position_ = 0;
  bool random_ = false;
  unsigned switch_in_ = 2;
  std::mt19937_64 engine_;
};

}  // namespace pawl::model
