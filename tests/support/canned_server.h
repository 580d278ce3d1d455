#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bolt::testing {

/// An HTTP server that answers each connection with the next of its replies,
/// byte for byte, and hangs up. On 127.0.0.1.
class CannedServer {
 public:
  /// As a reply: the request is read, and nothing comes.
  static constexpr const char* kSilence = "silence";

  explicit CannedServer(std::vector<std::string> replies)
      : replies_(std::move(replies)) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_, any, length) != 0 || ::listen(socket_, 16) != 0 ||
        ::getsockname(socket_, any, &length) != 0) {
      throw std::runtime_error("no server");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~CannedServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }
  CannedServer(const CannedServer&) = delete;
  CannedServer& operator=(const CannedServer&) = delete;

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_);
  }
  /// The whole request of a connection.
  std::string request(std::size_t k) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return requests_.size() > k; });
    return requests_[k];
  }

 private:
  void run() {
    for (const std::string& reply : replies_) {
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client < 0) return;
      std::string request = read_request(client);
      {
        const std::scoped_lock lock(mutex_);
        requests_.push_back(std::move(request));
      }
      arrived_.notify_all();
      if (reply == kSilence) {
        char byte = 0;
        while (::recv(client, &byte, 1, 0) > 0) {
        }
      } else {
        (void)!::send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
      }
      ::close(client);
    }
  }

  static std::string read_request(int client) {
    std::string request;
    char bytes[4096];
    while (true) {
      const std::size_t end = request.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t at = request.find("Content-Length: ");
        const std::size_t body =
            at < end ? std::strtoul(request.c_str() + at + 16, nullptr, 10) : 0;
        if (request.size() >= end + 4 + body) return request;
      }
      const ssize_t n = ::recv(client, bytes, sizeof bytes, 0);
      if (n <= 0) return request;
      request.append(bytes, static_cast<std::size_t>(n));
    }
  }

  std::vector<std::string> replies_;
  int socket_ = -1;
  int port_ = 0;
  std::mutex mutex_{};
  std::condition_variable arrived_{};
  std::vector<std::string> requests_{};
  std::thread thread_{};
};

}  // namespace bolt::testing
