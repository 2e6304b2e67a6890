// A server of lines on 127.0.0.1: each line is a job, which answers with the line reversed. One thread, one
// epoll loop for connections and jobs. Handlers run on that thread, so they touch its connections without
// any lock.
//
//   epoll_server [LINES]    a client of its own sends so many lines, checks the answers, and all ends
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "pawl/scheduler.hpp"

using namespace std::chrono_literals;

namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

struct request {
  int connection;
  char line[56];
};

class server {
 public:
  server() {
    reverse_ = kinds_.add("line.reverse/1", &server::reverse, this);
    pawl::options o;
    o.executor = pawl::executor::external;
    o.drains = 1;
    scheduler_ = std::move(*pawl::scheduler::open(o, kinds_));
    queue_ = *scheduler_->queue("lines");
    jobs_ = std::move(*scheduler_->make_loop());
    listen_on_loopback();
    watch(listener_);
    watch(jobs_->notify_fd());
  }

  [[nodiscard]] sockaddr_in address() const { return address_; }

  // Until the last client has gone.
  void run() {
    do {
      epoll_event events[16];
      const int count = ::epoll_wait(epoll_, events, 16, -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == jobs_->notify_fd()) {
          // A slice of jobs, then the connections again. If there are more, the descriptor is readable.
          static_cast<void>(jobs_->run_some(64, 200us));
        } else if (fd == listener_) {
          accept_one();
        } else {
          read_from(fd);
        }
      }
    } while (!begun_ || !connections_.empty());
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, jobs_->notify_fd(), nullptr);  // before the loop goes
    jobs_.reset();
    ::close(listener_);
    ::close(epoll_);
  }

 private:
  void listen_on_loopback() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);  // port 0: any
    socklen_t length = sizeof address_;
    auto* const a = reinterpret_cast<sockaddr*>(&address_);
    if (::bind(listener_, a, length) != 0 || ::listen(listener_, 16) != 0) give_up("listen");
    ::getsockname(listener_, a, &length);
  }

  void watch(int fd) {
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0) give_up("epoll_ctl");
  }

  void accept_one() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    connections_[fd];
    begun_ = true;
    watch(fd);
  }

  void read_from(int fd) {
    char bytes[4096];
    const ssize_t count = ::read(fd, bytes, sizeof bytes);
    if (count <= 0) {
      ::close(fd);
      connections_.erase(fd);
      return;
    }
    std::string& open_line = connections_[fd];
    open_line.append(bytes, static_cast<std::size_t>(count));
    for (std::size_t end; (end = open_line.find('\n')) != std::string::npos;) {
      request r{fd, {}};
      std::memcpy(r.line, open_line.data(), std::min(end, sizeof r.line - 1));
      open_line.erase(0, end + 1);
      if (!scheduler_->submit(queue_, reverse_, r)) give_up("submit");
    }
  }

  static pawl::outcome reverse(void* self, pawl::context&, std::span<const std::byte> payload) {
    auto& s = *static_cast<server*>(self);
    request r{};
    std::memcpy(&r, payload.data(), sizeof r);
    if (!s.connections_.contains(r.connection)) return pawl::outcome::done();  // it has gone
    std::string answer(r.line);
    answer = std::string(answer.rbegin(), answer.rend()) + '\n';
    const ssize_t sent = ::send(r.connection, answer.data(), answer.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(answer.size()) ? pawl::outcome::done()
                                                       : pawl::outcome::fail();
  }

  pawl::registry kinds_;
  pawl::kind_ref reverse_;
  std::unique_ptr<pawl::scheduler> scheduler_;
  pawl::queue_ref queue_;
  std::unique_ptr<pawl::loop> jobs_;
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  int listener_ = -1;
  sockaddr_in address_{};
  std::map<int, std::string> connections_;  // by descriptor: the line that has not ended yet
  bool begun_ = false;
};

// Sends `lines` lines, up to 32 ahead of the answers. How many answers are right.
int be_client(sockaddr_in to, int lines) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) give_up("connect");
  const auto line_of = [](int i) { return "line " + std::to_string(i); };
  int right = 0;
  int sent = 0;
  int answered = 0;
  std::string open_answer;
  while (answered < lines) {
    for (; sent < lines && sent < answered + 32; ++sent) {
      const std::string line = line_of(sent) + '\n';
      if (::send(fd, line.data(), line.size(), MSG_NOSIGNAL) < 0) give_up("send");
    }
    char bytes[4096];
    const ssize_t count = ::read(fd, bytes, sizeof bytes);
    if (count <= 0) break;
    open_answer.append(bytes, static_cast<std::size_t>(count));
    for (std::size_t end; (end = open_answer.find('\n')) != std::string::npos; ++answered) {
      const std::string expected = line_of(answered);
      if (open_answer.substr(0, end) == std::string(expected.rbegin(), expected.rend())) ++right;
      open_answer.erase(0, end + 1);
    }
  }
  ::close(fd);
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  const int lines = argc > 1 ? std::atoi(argv[1]) : 10'000;
  server s;
  int right = 0;
  std::thread client([&] { right = be_client(s.address(), lines); });
  s.run();
  client.join();
  std::printf("%d lines, %d right\n", lines, right);
  return right == lines ? 0 : 1;
}
