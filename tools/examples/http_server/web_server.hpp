// web_server.hpp -- a small HTTP server on 127.0.0.1, on a thread of its own. Boost.Beast does the talking.
#pragma once

#include <functional>
#include <memory>
#include <string>

class web_server {
 public:
  // What a target such as "/5" is answered with; called on the server's thread.
  using answer = std::function<std::string(const std::string& target)>;

  explicit web_server(answer how);
  web_server(const web_server&) = delete;
  web_server& operator=(const web_server&) = delete;
  ~web_server();  // closes what is open

  [[nodiscard]] unsigned short port() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};
