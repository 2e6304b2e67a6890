#include "state_reading.hpp"

#include "base/clock.hpp"
#include "persistence/boot_now.hpp"

namespace pawl_tool {

namespace {

class counting_taker final : public pawl::cut_taker {
 public:
  counting_taker(pawl::durable_state& to, state_reading& seen) : to_(to), seen_(seen) {}

  pawl::status take(const pawl::log_cut& cut) override {
    if (seen_.first_lsn == 0) seen_.first_lsn = cut.lsn;
    if (cut.epoch != epoch_) ++seen_.epochs;
    epoch_ = cut.epoch;
    for (const pawl::cut_part& part : cut.parts) {
      pawl::record_walk walk(part.bytes);
      while (walk.next()) ++seen_.records;
    }
    const pawl::status taken = to_.take(cut);
    failed_ = !taken;
    return taken;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  pawl::durable_state& to_;
  state_reading& seen_;
  std::uint64_t epoch_ = 0;
  bool failed_ = false;
};

}  // namespace

name_book state_reading::names() const {
  name_book book;
  using of = pawl::name_space;
  for (const of space : {of::queue, of::kind, of::tenant, of::source, of::tag}) {
    for (const auto& [number, text] : state->names(space)) book.add({space, number, text});
  }
  return book;
}

pawl::result<state_reading> read_state(store_reader& store) {
  const auto boot_id = pawl::read_boot_id();
  if (!boot_id) return boot_id.error();
  state_reading all;
  all.now = pawl::moment_of(pawl::system_clock(), *boot_id);
  all.state = std::make_unique<pawl::durable_state>(all.now);
  counting_taker taker(*all.state, all);
  all.seen = store.read(taker);
  if (!taker.failed()) {
    const pawl::status finished = all.state->finish();
    all.has_jobs = finished.has_value();
    if (!finished && !all.seen.summary.fault) {
      all.seen.summary.fault = pawl::log_fault{.cause = finished.error()};
    }
  }
  all.is_whole = !all.seen.summary.fault;
  return pawl::result<state_reading>(std::move(all));
}

}  // namespace pawl_tool
