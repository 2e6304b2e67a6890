// persistence/record_maker.hpp -- random records of each kind that keep to the rules, extremes among them.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "persistence/record_any.hpp"
#include "support/seed.hpp"

namespace pawl::test {

// What it makes looks at texts and arrays that the maker keeps.
class record_maker {
 public:
  explicit record_maker(std::uint64_t seed) : random_(seed) {}

  any_record make(record_kind kind) {
    switch (kind) {
      case record_kind::name:
        return name_record{some<name_record::of>(1, 5), number<std::uint32_t>(1), text(1, 200)};
      case record_kind::submit:
        return submit();
      case record_kind::ended:
        return ended_record{some<ended_record::way>(0, 2), versions(ended_)};
      case record_kind::again:
        return again_record{state(), some<again_record::why>(0, 5), time()};
      case record_kind::died:
        return died_record{state(), some<dead_cause>(1, 8)};
      case record_kind::change:
        return change();
      case record_kind::requeued:
        return requeued_record{id(), version(), some<priority>(0, 7)};
      case record_kind::purged:
        return purged_record{versions(purged_)};
      case record_kind::result:
        return result_record{id(), version(), as_bytes(text(0, one_in(random_, 10) ? 65'536 : 99))};
      case record_kind::crashed:
        return crashed();
      case record_kind::key:
        return key();
      case record_kind::cursor:
        return cursor_record{number<std::uint32_t>(1), number<std::uint64_t>(),
                             as_bytes(text(0, 1'024))};
      case record_kind::setting:
        return setting();
      case record_kind::floor:
        return floor_record{number<std::uint64_t>()};
      case record_kind::opened:
        return opened_record{number<std::uint64_t>(1), number<std::uint64_t>(),
                             number<std::uint64_t>(), number<std::uint64_t>(),
                             some<opened_record::before>(0, 2)};
      case record_kind::closed:
        return closed_record{number<std::uint64_t>(1)};
      case record_kind::note:
        return note_record{text(0, one_in(random_, 10) ? 65'535 : 99)};
    }
    return note_record{};
  }

 private:
  template <class T>
  T number(T least = 0, T most = std::numeric_limits<T>::max()) {
    const auto what = random_() % 8;
    if (what == 0) return least;
    if (what == 1) return most;
    const auto value = static_cast<T>(random_() >> (random_() % 64));
    return value < least ? least : value > most ? most : value;
  }
  template <class Enum>
  Enum some(unsigned first, unsigned last) {
    return static_cast<Enum>(first + random_() % (last - first + 1));
  }
  bool coin() { return one_in(random_, 2); }
  job_id id() { return {number<std::uint64_t>(1)}; }
  std::uint64_t version() { return number<std::uint64_t>(0, record_version_limit - 1); }
  clock_time time() { return {some<clock_name>(0, 1), number<std::uint64_t>()}; }
  duration delay() {
    return duration(number<std::int64_t>(0, std::numeric_limits<std::int64_t>::max()));
  }
  std::size_t size(std::size_t least, std::size_t most) {
    const auto what = random_() % 8;
    return what == 0 ? least : what == 1 ? most : least + random_() % (most - least + 1);
  }
  std::string_view text(std::size_t least, std::size_t most) {
    std::string s(size(least, most), '\0');
    for (char& c : s) c = static_cast<char>(random_());
    return texts_.emplace_back(std::move(s));
  }
  template <std::size_t N>
  std::array<std::byte, N> bytes() {
    std::array<std::byte, N> a;
    for (std::byte& b : a) b = static_cast<std::byte>(random_());
    return a;
  }
  // An array that stays where it is.
  template <class T>
  std::span<const T> keep(std::deque<std::vector<T>>& where, std::vector<T> items) {
    return where.emplace_back(std::move(items));
  }
  template <class T>
  std::span<const T> versions(std::deque<std::vector<T>>& where) {
    std::vector<T> items(one_in(random_, 50) ? 65'535 : size(1, 40));
    for (T& item : items) item = {id(), version()};
    return keep(where, std::move(items));
  }

  submit_record submit() {
    submit_record x;
    x.common = {number<std::uint32_t>(1), number<std::uint32_t>(1), some<priority>(0, 7),
                number<std::uint8_t>(1),  number<std::uint16_t>(),  number<std::uint16_t>(),
                number<std::uint64_t>()};
    submit_extras& e = x.extras;
    if (coin()) extras(e);
    std::vector<submitted_job> jobs(size(1, 20));
    for (submitted_job& job : jobs) job = {id(), version(), as_bytes(text(0, 100))};
    if (one_in(random_, 50)) jobs.front().payload = as_bytes(text(1 << 20, 1 << 20));
    x.jobs = keep(submitted_, std::move(jobs));
    return x;
  }
  void extras(submit_extras& e) {
    if (coin()) e.due = time();
    if (coin()) e.expires_ns = number<std::uint64_t>();
    if (coin()) e.run_timeout_ns = number<std::uint64_t>();
    if (coin()) e.backoff = retry();
    if (coin()) {
      e.unique = {{random_(), random_()},
                  some<unique_scope>(0, 2),
                  some<unique_until>(0, 1),
                  number<std::uint64_t>()};
    }
    if (coin()) e.tenant = number<std::uint32_t>(1);
    if (coin()) e.lane = {text(1, 300), number<std::uint64_t>()};
    if (coin()) e.deadline_ns = number<std::uint64_t>();
    if (coin()) e.exact_priority = static_cast<std::int64_t>(random_());
    if (coin()) e.parent = {id(), number<std::uint32_t>()};
    if (coin()) e.tag = number<std::uint32_t>(1);
    if (coin()) e.trace = {bytes<16>(), bytes<8>(), number<std::uint8_t>()};
  }
  backoff retry() {
    backoff b;
    b.form = some<backoff::shape>(0, 3);
    b.jitter = some<jitter>(0, 3);
    b.table_count = static_cast<std::uint8_t>(
        size(b.form == backoff::shape::table ? 1 : 0, backoff::table_max));
    b.factor = number<std::uint16_t>();
    b.base = delay();
    b.cap = delay();
    for (std::size_t i = 0; i < b.table_count; ++i) b.delays[i] = delay();
    return b;
  }
  attempt_state state() {
    attempt_state s{id(),
                    version(),
                    number<std::uint8_t>(),
                    number<std::uint8_t>(),
                    number<std::uint8_t>(),
                    number<std::uint64_t>(),
                    {}};
    std::vector<attempt_error> errors(size(0, attempt_error::kept_max));
    s.version = std::max<std::uint64_t>(s.version, errors.size());
    std::uint64_t behind = errors.size();
    for (attempt_error& e : errors) {
      e = {s.version - --behind, number<std::uint64_t>(), number<std::uint8_t>(),
           number<std::uint16_t>(), text(0, one_in(random_, 10) ? 4'096 : 60)};
    }
    s.errors = keep(errors_, std::move(errors));
    return s;
  }
  change_record change() {
    change_record x{id(), version(), {}, {}, {}};
    const auto with = 1 + random_() % 7;
    if ((with & 1) != 0) x.due = time();
    if ((with & 2) != 0) x.priority = some<priority>(0, 7);
    if ((with & 4) != 0) x.queue = number<std::uint32_t>(1);
    return x;
  }
  crashed_record crashed() {
    std::vector<crashed_job> jobs(size(1, 40));
    for (crashed_job& job : jobs) job = {id(), version(), coin()};
    return {keep(crashed_, std::move(jobs))};
  }
  key_record key() {
    key_record x{
        {random_(), random_()}, number<std::uint64_t>(), some<key_record::held>(0, 2), {}, 0};
    if (x.state != key_record::held::free) {
      x.holder = id();
      x.until_wall_ns = number<std::uint64_t>(x.state == key_record::held::until_time ? 1 : 0);
    }
    return x;
  }
  setting_record setting() {
    setting_record x;
    x.part = some<scope::part>(0, 4);
    if (x.part != scope::part::scheduler) x.number = number<std::uint32_t>(1);
    if (x.part == scope::part::lane) x.lane = text(1, 100);
    x.order = number<std::uint64_t>();
    const bool paused = coin();
    const limits_setting limits{number<std::uint32_t>(), number<std::uint32_t>(),
                                number<std::uint64_t>(), number<std::uint32_t>()};
    const setting_value values[] = {
        paused_setting{paused, paused ? number<std::uint64_t>() : 0},
        intake_setting{coin()},
        limits,
        bounds_setting{number<std::uint64_t>(), number<std::uint64_t>(), some<when_full>(0, 2),
                       number<std::uint64_t>()},
        share_setting{number<std::uint32_t>()},
        durability_setting{some<durability_setting::level>(0, 2), coin()},
        order_setting{some<order_setting::by>(0, 3)},
        lanes_setting{limits, some<on_failure>(0, 2)},
        retry_budget_setting{number<std::uint32_t>()},
        kept_setting{number<std::uint64_t>(), number<std::uint64_t>()},
        unknown_setting{number<std::uint16_t>(11), as_bytes(text(0, 50))}};
    x.value = values[random_() % std::size(values)];
    return x;
  }

  random_source random_;
  std::deque<std::string> texts_;
  std::deque<std::vector<submitted_job>> submitted_;
  std::deque<std::vector<ended_job>> ended_;
  std::deque<std::vector<purged_job>> purged_;
  std::deque<std::vector<crashed_job>> crashed_;
  std::deque<std::vector<attempt_error>> errors_;
};

}  // namespace pawl::test
