#include "web_server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <thread>
#include <utility>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

namespace {

// One connection: reads a request, answers it, reads the next.
class session : public std::enable_shared_from_this<session> {
 public:
  session(tcp::socket socket, const web_server::answer& how)
      : stream_(std::move(socket)), how_(how) {}

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                       if (!error) self->write();
                     });
  }

 private:
  void write() {
    response_ = {http::status::ok, request_.version()};
    response_.set(http::field::content_type, "text/plain");
    response_.body() = how_(std::string(request_.target()));
    response_.keep_alive(request_.keep_alive());
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, std::size_t) {
                        if (!error && self->response_.keep_alive()) self->read();
                      });
  }

  beast::tcp_stream stream_;
  const web_server::answer& how_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response<http::string_body> response_;
};

}  // namespace

struct web_server::impl {
  explicit impl(answer wanted) : how(std::move(wanted)) {
    accept();
    thread = std::thread([this] { io.run(); });
  }
  void accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error) return;
      socket.set_option(tcp::no_delay(true), error);
      std::make_shared<session>(std::move(socket), how)->read();
      accept();
    });
  }

  answer how;
  asio::io_context io{1};
  tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};  // port 0: any
  std::thread thread;
};

web_server::web_server(answer how) : impl_(std::make_unique<impl>(std::move(how))) {}

web_server::~web_server() {
  impl_->io.stop();
  impl_->thread.join();
}

unsigned short web_server::port() const {
  return impl_->acceptor.local_endpoint().port();
}
