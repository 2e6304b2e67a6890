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

latencies ask(unsigned short port, int requests, std::chrono::microseconds pace,
              std::chrono::seconds limit, const std::function<std::string(int)>& expected) {
  using clock = std::chrono::steady_clock;
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port});
  socket.set_option(tcp::no_delay(true));
  beast::flat_buffer buffer;

  latencies l;
  const auto begin = clock::now();
  for (int i = 0; i < requests && clock::now() - begin < limit; ++i) {
    const auto planned = begin + i * pace;
    std::this_thread::sleep_until(planned);
    http::request<http::empty_body> request(http::verb::get, "/" + std::to_string(i), 11);
    request.set(http::field::host, "127.0.0.1");
    request.keep_alive(true);
    http::write(socket, request);
    http::response<http::string_body> response;
    http::read(socket, buffer, response);
    const std::chrono::duration<double, std::micro> took = clock::now() - planned;
    l.us.push_back(took.count());
    if (response.body() != expected(i)) l.all_right = false;
  }
  if (l.us.size() != static_cast<std::size_t>(requests)) l.all_right = false;
  std::sort(l.us.begin(), l.us.end());
  return l;
}
