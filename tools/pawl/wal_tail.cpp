#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <deque>

#include "monitor.hpp"
#include "persistence/log_tail.hpp"
#include "record_stream.hpp"
#include "row_writer.hpp"
#include "settings.hpp"
#include "wal_commands.hpp"

namespace pawl_tool {

namespace {

constexpr std::uint64_t rows_shown = 10;  // of what was there, unless somebody says otherwise
constexpr long look_every_ns = 100'000'000;

// Waits until it is time for the next look. True: a signal says to end.
bool wait_for_end() {
  sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGINT);
  ::sigaddset(&ends, SIGTERM);
  const timespec longest{0, look_every_ns};
  return ::sigtimedwait(&ends, nullptr, &longest) > 0;
}

bool nobody_reads() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLNVAL)) != 0;
}

// Passes cuts on and notes the last, so that a reading of the whole log can go on behind it.
class noting_taker final : public pawl::cut_taker {
 public:
  noting_taker(pawl::cut_taker& to, std::uint64_t& lsn) : to_(to), lsn_(lsn) {}
  pawl::status take(const pawl::log_cut& cut) override {
    lsn_ = cut.lsn;
    return to_.take(cut);
  }

 private:
  pawl::cut_taker& to_;
  std::uint64_t& lsn_;
};

class following {
 public:
  explicit following(const store_session& with)
      : with_(with),
        rows_(with.asked.form, record_shape(), with.out),
        records_(with.asked, [this](const field_list& row) { return take(row); }) {}

  int operator()() {
    reading r = with_.store.read(records_);
    show_last();
    const bool goes_on = with_.asked.follow && is_store(r) && !r.summary.fault && !r.ended_early;
    if (!goes_on) return conclude(with_, r);
    if (!with_.asked.quiet) with_.messages.message(as_of(r));
    return follow(r);
  }

 private:
  // What was there is kept until it is known which rows are the last; what comes then is shown.
  bool take(const field_list& row) {
    if (shows_) {
      rows_.write(row);
      return !rows_.failed();
    }
    last_.push_back(row);
    const std::uint64_t most =
        with_.asked.limit == store_query::no_limit ? rows_shown : with_.asked.limit;
    if (last_.size() > most) last_.pop_front();
    return true;
  }

  void show_last() {
    shows_ = true;
    for (const field_list& row : last_) rows_.write(row);
    last_.clear();
    rows_.flush();
  }

  int follow(reading r) {
    for (;;) {
      std::uint64_t lsn = r.lsn;
      noting_taker taker(records_, lsn);
      pawl::log_tail tail(with_.store.device(), r.summary);
      for (auto end = pawl::log_tail::end::here; end == pawl::log_tail::end::here;) {
        if (wait_for_end()) return exit_interrupted;
        if (rows_.failed() || nobody_reads()) return 0;
        const auto taken = tail.take_new(taker);
        rows_.flush();
        if (!taken) return fail(taken.error());
        end = *taken;
      }
      r = with_.store.read(records_, lsn);
      rows_.flush();
      if (r.summary.fault) return conclude(with_, r);
    }
  }

  int fail(const pawl::failure& why) {
    const bool is_over = why.code == seen_enough.code && why.where == seen_enough.where;
    if (is_over) return 0;
    with_.messages.message(text_of(why));
    return exit_code_of(why);
  }

  const store_session& with_;
  row_writer rows_;
  record_stream records_;
  std::deque<field_list> last_;
  bool shows_ = false;
};

}  // namespace

int tail_log(const store_session& with) {
  if (with.asked.follow) block_signals();
  return following(with)();
}

}  // namespace pawl_tool
