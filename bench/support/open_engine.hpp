// bench/support/open_engine.hpp -- open a scheduler and a queue, or end the bench saying why not.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "pawl/scheduler.hpp"

namespace bench {

[[noreturn]] inline void fail(const char* what, const pawl::failure& why) {
  std::fprintf(stderr, "bench: %s: %.*s %.*s errno %d\n", what,
               static_cast<int>(pawl::name(why.code).size()), pawl::name(why.code).data(),
               static_cast<int>(why.where.size()), why.where.data(), why.sys_errno);
  std::exit(1);
}

inline std::unique_ptr<pawl::scheduler> open_engine(const pawl::options& options,
                                                    const pawl::registry& kinds) {
  auto opened = pawl::scheduler::open(options, kinds);
  if (!opened) fail("open", opened.error());
  return *std::move(opened);
}

inline pawl::queue_ref open_queue(pawl::scheduler& engine, std::string_view name,
                                  const pawl::queue_options& options) {
  const auto queue = engine.queue(name, options);
  if (!queue) fail("queue", queue.error());
  return *queue;
}

}  // namespace bench
