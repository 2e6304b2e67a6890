// toy_mutex.hpp -- a lock for models, over the explorer's atomics: others may be run while one has it.
#pragma once

#include "base/atomic.hpp"

namespace pawl::model {

class toy_mutex {
 public:
  void lock() noexcept {
    while (held_.exchange(true, acquire)) cpu_pause();
  }
  void unlock() noexcept { held_.store(false, release); }

 private:
  atomic<bool> held_{false};
};

}  // namespace pawl::model
