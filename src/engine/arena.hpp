// engine/arena.hpp -- the oneTBB arena that drains work in, so that handlers can spawn parallel work.
//
// Jobs are never TBB tasks (300 to 700 ns each, and a waiting one would run another inside itself).
// Drains are threads of ours that occupy the arena's reserved slots; TBB's own workers join only for
// what handlers spawn.
#pragma once

#include <memory>

namespace pawl {

class arena {
 public:
  // `with_workers` false: what handlers spawn runs on the thread that waits for it.
  explicit arena(unsigned drains, bool with_workers = true);
  ~arena();

  // Runs `body` on the calling thread as a member of the arena.
  template <class F>
  void execute(F body) {
    run(&body, [](void* f) { (*static_cast<F*>(f))(); });
  }

 private:
  void run(void* body, void (*call)(void*));

  struct state;  // arena.cpp, the one file that includes TBB
  std::unique_ptr<state> state_;
};

namespace detail {
void run_isolated(void* body, void (*call)(void*));
}

// Runs `body`; while it waits for tasks it spawned, this thread runs no other tasks of the arena.
template <class F>
void isolated(F body) {
  detail::run_isolated(&body, [](void* f) { (*static_cast<F*>(f))(); });
}

}  // namespace pawl
