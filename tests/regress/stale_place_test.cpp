// A place whose job has gone must not be judged by the job that lives in its slot now. Found in
// review: a cancelled job's slot went to a job of a paused queue; the drain took that queue's closed
// gate for its own, put its batch back, and began again, for ever.
#include <gtest/gtest.h>

#include "support/opened.hpp"
#include "support/threads.hpp"

namespace pawl {
namespace {

using test::no_payload;

TEST(stale_place, of_a_slot_that_a_paused_queue_has_now_holds_up_nobody) {
  // The job that lives in the slot now is of a plain, then of a blocking kind.
  registry kinds;
  const auto say_done = [](void*, context&, std::span<const std::byte>) { return outcome::done(); };
  const kind_ref plain = kinds.add("k", say_done);
  const kind_ref blocking = kinds.add("b", say_done, nullptr, {.blocking = true});
  for (const kind_ref kind : {plain, blocking}) {
    const auto s = test::open_or_exit(test::small_options(), kinds);
    const queue_ref a = test::queue_or_exit(*s, "a");
    const queue_ref b = test::queue_or_exit(*s, "b");
    ASSERT_TRUE(s->pause(a));
    ASSERT_TRUE(s->pause(b));
    const auto gone = s->submit(a, plain, no_payload());
    ASSERT_TRUE(s->cancel(gone.ticket.id));
    const auto now = s->submit(b, kind, no_payload());  // takes the warm slot
    const auto z = s->submit(a, plain, no_payload());
    ASSERT_TRUE(s->resume(a));
    EXPECT_TRUE(s->wait(z.ticket.id, test::patience));
    EXPECT_TRUE(test::eventually([&] { return s->health().drains_asleep == 2; })) << "no livelock";
    EXPECT_EQ(s->find(now.ticket.id)->state, job_state::ready);
  }
}

}  // namespace
}  // namespace pawl
