// Boost.Asio's thread_pool: post() of a closure that holds the payload.
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "contenders/contender.hpp"
#include "support/producers.hpp"

namespace bench {
namespace {

class asio_pool final : public contender {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "asio"; }

  double run(const workload& work) override {
    sums_.reset();
    boost::asio::thread_pool pool(worker_count);
    const double seconds = time_end_to_end(
        work.jobs, work.producers, [] {}, [&](number_range range) { produce(pool, range); },
        [&] { return sums_.read().count == work.jobs; });
    pool.join();
    require(sums_.read().sum == sum_to(work.jobs), "asio: sum");
    return seconds;
  }

 private:
  void produce(boost::asio::thread_pool& pool, number_range range) {
    for (std::uint64_t n = range.first; n <= range.last; ++n) {
      const payload one{.number = n};
      boost::asio::post(pool, [one, sums = &sums_] { sums->add(one.number); });
    }
  }

  sharded_sum sums_;
};

}  // namespace

std::unique_ptr<contender> make_asio() {
  return std::make_unique<asio_pool>();
}

}  // namespace bench
