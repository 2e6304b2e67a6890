#include "load.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <thread>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

double latencies::percentile(double share) const {
  if (us.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(us.size()));
  return us[std::min(at, us.size() - 1)];
}

void latencies::add(const latencies& more) {
  us.insert(us.end(), more.us.begin(), more.us.end());
  std::sort(us.begin(), us.end());
  all_right = all_right && more.all_right;
}

namespace {

using load_clock = std::chrono::steady_clock;

// Every so-manieth request, from the first of this connection on.
latencies ask_on_one(unsigned short port, const request_load& how, int first,
                     load_clock::time_point begin,
                     const std::function<std::string(int)>& expected) {
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port});
  socket.set_option(tcp::no_delay(true));
  beast::flat_buffer buffer;

  latencies l;
  for (int i = first; i < how.requests; i += how.connections) {
    const auto planned = begin + i * how.pace;
    std::this_thread::sleep_until(planned);
    if (load_clock::now() - begin > how.limit) break;
    http::request<http::empty_body> request(http::verb::get, "/" + std::to_string(i), 11);
    request.set(http::field::host, "127.0.0.1");
    request.keep_alive(true);
    http::write(socket, request);
    http::response<http::string_body> response;
    http::read(socket, buffer, response);
    const std::chrono::duration<double, std::micro> took = load_clock::now() - planned;
    l.us.push_back(took.count());
    if (response.body() != expected(i)) l.all_right = false;
  }
  return l;
}

}  // namespace

latencies ask(unsigned short port, const request_load& how,
              const std::function<std::string(int)>& expected) {
  const auto begin = load_clock::now() + std::chrono::milliseconds(1);  // all are connected by then
  std::vector<latencies> parts(static_cast<std::size_t>(how.connections));
  std::vector<std::thread> threads;
  for (int c = 0; c < how.connections; ++c) {
    threads.emplace_back(
        [&, c] { parts[static_cast<std::size_t>(c)] = ask_on_one(port, how, c, begin, expected); });
  }
  for (std::thread& t : threads) t.join();
  latencies all;
  for (const latencies& part : parts) all.add(part);
  if (all.us.size() != static_cast<std::size_t>(how.requests)) all.all_right = false;
  return all;
}
