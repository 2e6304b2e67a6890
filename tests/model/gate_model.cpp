// Gate word, work word, active set and eventcount: a pushed job starts if its queue is open.
//
// What must hold: at rest, with the gate open, every pushed job was started, once, and the active
// set is empty; with the gate closed, opening it shows the jobs that wait. A picker that sleeps
// while an open queue has a job, or that goes round without finding any, is a failure.
// Method: pushers, a thread that pauses and resumes, and pickers that pick, retire and sleep as a
// drain does, over one or two queues and one band. The band (toy_band.hpp) finds nothing now and
// then although there is something, as the real one may.
#include <gtest/gtest.h>

#include "base/eventcount.hpp"
#include "explorer/explorer.hpp"
#include "ready/active_set.hpp"
#include "ready/queue_gate.hpp"
#include "toy_band.hpp"

namespace pawl::model::gate_model {
namespace {

inline constexpr unsigned band = 0;

// The steps of the protocol that a seeded bug replaces.
struct real_steps {
  static bool open(queue_gate& gate, active_set& active) {
    return gate.open(gate_reason::paused, active);
  }
  // Not a pop: that may find nothing because another one that found nothing has not given its claim
  // back yet, and then neither of the two would look any more.
  template <class Band>
  static bool look(const Band& b) {
    return b.has_some();
  }
};
// Seeded bug: the opener does not look at the work word.
struct opener_does_not_look : real_steps {
  static bool open(queue_gate& gate, active_set&) {
    active_set elsewhere;
    gate.open(gate_reason::paused, elsewhere);
    return true;
  }
};
// Seeded bug: a picker that found the queue empty does not look again.
struct picker_does_not_look : real_steps {
  template <class Band>
  static bool look(const Band&) {
    return false;
  }
};
struct shape {
  unsigned queues = 1;  // pusher p pushes to queue p % queues; queue 0 is the one that is paused
  unsigned pushers = 1;
  unsigned jobs_each = 1;
  unsigned pausers = 0;
  bool resumes = true;
  unsigned pickers = 1;
};

template <shape Shape, class Steps = real_steps>
class gate_scenario : public scenario {
 public:
  [[nodiscard]] unsigned thread_count() const override {
    return Shape.pushers + Shape.pausers + Shape.pickers;
  }
  [[nodiscard]] bool may_sleep(unsigned thread) const override {
    return thread >= Shape.pushers + Shape.pausers;
  }

  void run(unsigned thread) override {
    if (thread < Shape.pushers) {
      for (unsigned i = 0; i < Shape.jobs_each; ++i) push(thread, thread * Shape.jobs_each + i);
    } else if (thread < Shape.pushers + Shape.pausers) {
      gates_[0].close(gate_reason::paused);
      if (Shape.resumes && Steps::open(gates_[0], active_)) idle_.wake_one();
    } else {
      pick_for_ever(thread - Shape.pushers - Shape.pausers);
    }
  }

  void at_rest() override {
    if (!gates_[0].is_open()) {
      const bool work = Steps::open(gates_[0], active_);
      require(work == active_.has(band), "opening tells something else than the active set");
      require(work || all_started(), "a job of a closed queue was forgotten");
    } else {
      require(all_started(), "a job of an open queue was forgotten");
      require(!active_.has(band), "the active set names a queue, and all pickers sleep");
    }
  }

 private:
  static constexpr unsigned jobs = Shape.pushers * Shape.jobs_each;

  void push(unsigned pusher, unsigned job) {
    const unsigned queue = pusher % Shape.queues;
    bands_[queue].push(pusher / Shape.queues, job);
    gates_[queue].announce(band, active_);
    idle_.wake_one();
  }

  // A drain's loop, without the handler.
  void pick_for_ever(unsigned picker) {
    for (;;) {
      const unsigned queue = active_.next(band, 0);
      if (queue == no_queue) {
        sleep_unless_active(picker);
        continue;
      }
      require(queue < Shape.queues, "a queue that does not exist");
      serve(queue);
    }
  }

  void serve(unsigned queue) {
    queue_gate& gate = gates_[queue];
    auto& jobs_here = bands_[queue];
    if (!gate.is_open()) {
      gate.retire_closed(band, active_);
      return;
    }
    std::uint32_t job = 0;
    if (jobs_here.try_pop(job)) {
      note("started job", job);
      require(++started_[job] == 1, "started twice");
    } else if (gate.retire_empty(band, active_, [&] { return Steps::look(jobs_here); })) {
      cpu_pause();  // somebody is about to take or to bring the job that the look saw
    }
  }

  // any() would look at all eight bands; seven of them never change here. A picker that saw no
  // queue but a set bit goes round again, at once: it pauses here, so that the explorer takes that
  // for the spinning that it is, and for a failure if nobody will end it.
  void sleep_unless_active(unsigned picker) {
    idle_.announce(picker);
    if (active_.has(band)) {
      idle_.withdraw(picker);
      cpu_pause();
    } else {
      idle_.sleep(picker);
    }
  }

  [[nodiscard]] bool all_started() const {
    for (const unsigned n : started_) {
      if (n == 0) return false;
    }
    return true;
  }

  active_set active_;
  queue_gate gates_[2] = {queue_gate{0}, queue_gate{1}};
  eventcount idle_;
  toy_band<(Shape.pushers + Shape.queues - 1) / Shape.queues> bands_[Shape.queues];
  unsigned started_[jobs] = {};
};

constexpr shape two_pushers{.pushers = 2};
constexpr shape two_pickers{.jobs_each = 2, .pickers = 2};
constexpr shape two_queues{.queues = 2, .pushers = 2, .pickers = 2};
constexpr shape two_queues_pause{.queues = 2, .pushers = 2, .pausers = 1};
constexpr shape pause{.jobs_each = 2, .pausers = 1};
constexpr shape pause_two_pickers{.pausers = 1, .pickers = 2};
constexpr shape pause_for_good{.jobs_each = 2, .pausers = 1, .resumes = false};

TEST(gate_model, starts_what_two_pushers_bring) {
  const report r = explore<gate_scenario<two_pushers>>("gate: 2 pushers, 1 picker");
  EXPECT_FALSE(r.failed) << r;
}
TEST(gate_model, two_pickers_forget_nothing) {
  const report r = explore<gate_scenario<two_pickers>>("gate: 1 pusher of 2 jobs, 2 pickers");
  EXPECT_FALSE(r.failed) << r;
}
TEST(gate_model, two_queues_forget_nothing) {
  const report r = explore<gate_scenario<two_queues>>("gate: 2 queues, 2 pickers");
  EXPECT_FALSE(r.failed) << r;
}
TEST(gate_model, pausing_a_queue_leaves_the_other_alone) {
  const report r = explore<gate_scenario<two_queues_pause>>("gate: 2 queues, one is paused");
  EXPECT_FALSE(r.failed) << r;
}
TEST(gate_model, resume_starts_what_waited) {
  const report r = explore<gate_scenario<pause>>("gate: pause and resume, 1 picker");
  EXPECT_FALSE(r.failed) << r;
}
TEST(gate_model, resume_with_two_pickers) {
  const report r = explore<gate_scenario<pause_two_pickers>>("gate: pause and resume, 2 pickers");
  EXPECT_FALSE(r.failed) << r;
}
TEST(gate_model, a_paused_queue_keeps_its_jobs) {
  const report r = explore<gate_scenario<pause_for_good>>("gate: pause for good");
  EXPECT_FALSE(r.failed) << r;
}

TEST(gate_model, finds_an_opener_that_does_not_look) {
  const report r = explore<gate_scenario<pause, opener_does_not_look>>("gate, bug: opener blind",
                                                                       enumeration_only());
  EXPECT_NE(r.failure.find("open queue was forgotten"), std::string::npos) << r;
}
TEST(gate_model, finds_a_picker_that_does_not_look_again) {
  const report r = explore<gate_scenario<two_pickers, picker_does_not_look>>(
      "gate, bug: picker blind", enumeration_only());
  EXPECT_NE(r.failure.find("open queue was forgotten"), std::string::npos) << r;
}

}  // namespace
}  // namespace pawl::model::gate_model
