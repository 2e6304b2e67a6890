#include "thread_lease.hpp"

#include <new>
#include <utility>
#include <vector>

namespace pawl {

namespace {

struct lease {
  std::shared_ptr<lease_desk> desk;
  thread_context* context;
  bool to_give_back;
};

void give_back(const lease& l) noexcept {
  // In a child of fork() the lock may have been left locked, and there is nothing to give back to.
  if (!l.to_give_back || l.desk->guard.is_child()) return;
  const std::lock_guard lock(l.desk->mutex);
  if (l.desk->open == nullptr) return;
  l.desk->open->flush_credits(*l.context);
  l.desk->open->parts().contexts.give_back(l.context);
}

// The last lease used, as plain values: no guard to test, usable until the very end of the thread.
struct last_lease {
  const lease_desk* desk = nullptr;
  thread_context* context = nullptr;
  bool thread_is_leaving = false;
};
constinit thread_local last_lease last;

struct thread_leases {
  std::vector<lease> all;
  ~thread_leases() {
    for (const lease& l : all) give_back(l);
    last = {nullptr, nullptr, true};
  }
};
thread_local thread_leases leases;

// Forgets schedulers that have gone. Rare: when a thread meets a new one.
void forget_closed() noexcept {
  last.desk = nullptr;  // its desk may be freed below, and another be made at the same address
  std::erase_if(leases.all, [](const lease& l) {
    if (l.desk->guard.is_child()) return false;  // its lock may have been left locked
    const std::lock_guard lock(l.desk->mutex);
    return l.desk->open == nullptr;
  });
}

thread_context* remember(const std::shared_ptr<lease_desk>& desk, thread_context* context,
                         bool to_give_back) noexcept {
  try {
    leases.all.push_back({desk, context, to_give_back});
  } catch (const std::bad_alloc&) {
    give_back({desk, context, to_give_back});
    return nullptr;
  }
  last.desk = desk.get();
  last.context = context;
  return context;
}

}  // namespace

thread_context* lease_context(const std::shared_ptr<lease_desk>& desk) noexcept {
  if (last.desk == desk.get()) return last.context;
  // A destructor of another thread-local object submits, after ours has run.
  if (last.thread_is_leaving) return desk->open->parts().contexts.shared();
  for (const lease& l : leases.all) {
    if (l.desk == desk) {
      last.desk = desk.get();
      last.context = l.context;
      return l.context;
    }
  }
  forget_closed();
  thread_context* const context = desk->open->parts().contexts.lend();
  if (context == nullptr) return nullptr;
  return remember(desk, context, context->role() == context_role::application);
}

void adopt_context(const std::shared_ptr<lease_desk>& desk, thread_context& context) noexcept {
  remember(desk, &context, false);
}

thread_context* act_as(const std::shared_ptr<lease_desk>& desk, thread_context& context) noexcept {
  if (last.thread_is_leaving) return nullptr;
  thread_context* const before = lease_context(desk);
  if (before == nullptr) return nullptr;
  for (lease& l : leases.all) {
    if (l.desk == desk) l.context = &context;
  }
  last.context = &context;
  return before;
}

bool is_acting_as(const std::shared_ptr<lease_desk>& desk, const thread_context* context) noexcept {
  if (last.thread_is_leaving) return false;
  for (const lease& l : leases.all) {
    if (l.desk == desk) return l.context == context;
  }
  return false;
}

thread_context* own_thread_context(const std::shared_ptr<lease_desk>& desk) noexcept {
  if (last.thread_is_leaving) return nullptr;
  for (const lease& l : leases.all) {
    if (l.desk == desk) return l.context->may_block() ? nullptr : l.context;
  }
  return nullptr;
}

}  // namespace pawl
