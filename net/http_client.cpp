// net/http_client.cpp - sends one call at a time and reads while it writes, so that streams never
// block each other.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "net/http_response_reader.hpp"
#include "net/http_wire.hpp"
#include "net/socket.hpp"

namespace drover::net {

namespace {

constexpr std::size_t kReadSize = 128 << 10;
constexpr std::size_t kBodyMax = 256 << 20;  // of an answer that no on_data takes
constexpr int kBusyWaitMs = 20;              // between tries while the server's backlog is full

int timeout_ms(Duration d) {
  return static_cast<int>(std::clamp<std::int64_t>(d.us / 1'000, 1, 24L * 3600 * 1'000));
}

enum class Wait { Ready, TimedOut, Interrupted };

Wait wait_for(int fd, int events, int ms) {
  pollfd watched{fd, static_cast<short>(events), 0};
  const int ready = ::poll(&watched, 1, ms);
  if (ready > 0) return Wait::Ready;
  return ready == 0 ? Wait::TimedOut : Wait::Interrupted;
}

bool is_idempotent(const HttpClient::Call& call) {
  if (call.body_source) return false;  // what it has produced is gone
  for (const char* method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    if (call.method == method) return true;
  }
  return std::any_of(call.headers.begin(), call.headers.end(),
                     [](const auto& h) { return h.first == "Idempotency-Key"; });
}

// No part of a call may smuggle in a line of its own.
bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<std::string> head_of(const HttpClient::Call& call, const ClientTarget& target) {
  std::string out = call.method + " " + call.target + " HTTP/1.1\r\nHost: ";
  if (target.unix_path.empty()) {
    const bool v6 = target.host.find(':') != std::string::npos;
    out += (v6 ? "[" + target.host + "]" : target.host) + ":" + std::to_string(target.port);
  } else {
    out += "localhost";
  }
  out += "\r\nUser-Agent: drover\r\n";
  bool clean = is_clean(call.method) && is_clean(call.target) && is_clean(call.content_type) &&
               is_clean(target.token) && call.target.find(' ') == std::string::npos;
  if (!target.token.empty()) out += "Authorization: Bearer " + target.token + "\r\n";
  const bool has_body = call.body_source || !call.body.empty();
  if (has_body) out += "Content-Type: " + call.content_type + "\r\n";
  if (call.body_source) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (has_body || call.method == "POST" || call.method == "PUT") {
    out += "Content-Length: " + std::to_string(call.body.size()) + "\r\n";
  }
  for (const auto& [name, value] : call.headers) {
    clean = clean && is_clean(name) && is_clean(value);
    out += name + ": " + value + "\r\n";
  }
  if (!clean) return fail(Errc::BadInput, "a request header or path has a control character");
  return out + "\r\n";
}

}  // namespace

struct HttpClient::State {
  ClientTarget target;
  Fd fd;
  std::unique_ptr<char[]> buffer{new char[kReadSize]};
  std::uint64_t sent = 0;  // bytes of this try
  Duration patience;       // of this call

  std::string where() const {
    return target.unix_path.empty() ? target.host + ":" + std::to_string(target.port)
                                    : target.unix_path;
  }

  tl::unexpected<Error> timed_out() const {
    return fail(Errc::Unavailable,
                "no answer from " + where() + " within " +
                    std::to_string((patience.us + 999'999) / 1'000'000) + " s",
                "the server may be overloaded: try again");
  }

  // Whether a kept connection still looks alive; a closed one, or one with stray bytes, does not.
  bool is_usable() const {
    if (!fd) return false;
    char byte = 0;
    return ::recv(fd.raw(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  Result<void> connect() {
    fd.reset();
    int left_ms = timeout_ms(patience);
    for (;;) {
      auto made = target.unix_path.empty() ? start_tcp_connect(target.host, target.port)
                                           : connect_unix_socket(target.unix_path);
      if (made) {
        fd = std::move(*made);
        break;
      }
      const bool busy = made.error().code == Errc::Unavailable && errno == EAGAIN;
      if (!busy || left_ms <= 0) return fail(made.error());
      ::poll(nullptr, 0, kBusyWaitMs);
      left_ms -= kBusyWaitMs;
    }
    if (!target.unix_path.empty()) return {};
    Wait ready = Wait::Interrupted;
    while (ready == Wait::Interrupted) {
      ready = wait_for(fd.raw(), POLLOUT, timeout_ms(patience));
    }
    if (ready == Wait::TimedOut) return timed_out();
    return finish_connect(fd.raw(), where());
  }

  // What is still to be sent, topped up from the call's source.
  struct Upload {
    std::string out;
    std::size_t at = 0;
    bool more = false;

    bool is_empty() const { return at == out.size(); }
    void refill(const Call& call) {
      if (!is_empty() || !more) return;
      const std::string piece = call.body_source();
      out.clear();
      at = 0;
      if (piece.empty()) {
        more = false;
        out = kLastChunk;
      } else {
        out.append(chunk_prefix(piece.size())).append(piece).append(kChunkSuffix);
      }
    }
  };

  // Answers false when the peer takes no more: its answer may still be there to read.
  bool send_some(Upload& upload) {
    while (!upload.is_empty()) {
      const ssize_t n = ::send(fd.raw(), upload.out.data() + upload.at,
                               upload.out.size() - upload.at, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        upload.at += static_cast<std::size_t>(n);
        sent += static_cast<std::uint64_t>(n);
      } else if (errno != EINTR) {
        return errno == EAGAIN || errno == EWOULDBLOCK;
      }
    }
    return true;
  }

  Result<ClientResponse> exchange(const Call& call);
};

Result<ClientResponse> HttpClient::State::exchange(const Call& call) {
  auto head = head_of(call, target);
  if (!head) return fail(head.error());
  Upload upload{std::move(*head), 0, static_cast<bool>(call.body_source)};
  if (!call.body_source) upload.out += call.body;
  std::string body;
  bool too_long = false;
  ResponseReader* self = nullptr;
  const auto streams = [&] { return call.on_data && self->response().status / 100 == 2; };
  ResponseReader reader(call.method == "HEAD", [&](std::string_view piece) {
    if (streams()) return call.on_data(piece);
    too_long = body.size() + piece.size() > kBodyMax;
    if (!too_long) body.append(piece);
    return !too_long;
  });
  self = &reader;
  bool can_send = true;
  while (!reader.is_done() && !reader.is_stopped()) {
    if (can_send) {
      upload.refill(call);
      can_send = send_some(upload);
    }
    const bool uploading = can_send && (!upload.is_empty() || upload.more);
    const bool patient = reader.has_head() && streams() && !uploading;
    // While there is more to produce, only look; else wait for the answer or for room.
    const int ms = uploading && upload.is_empty() ? 0 : patient ? -1 : timeout_ms(patience);
    const int events = POLLIN | (can_send && !upload.is_empty() ? POLLOUT : 0);
    const Wait ready = wait_for(fd.raw(), events, ms);
    if (ready == Wait::Interrupted && patient && !call.on_data("")) break;
    if (ready == Wait::TimedOut && ms == 0) continue;
    if (ready == Wait::TimedOut) return timed_out();
    const ssize_t n = ::recv(fd.raw(), buffer.get(), kReadSize, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) continue;
    if (n < 0 && !reader.is_started())
      return tl::unexpected<Error>(os_error("read the answer", errno));
    const auto fed =
        n > 0 ? reader.feed({buffer.get(), static_cast<std::size_t>(n)}) : reader.end_of_input();
    if (!fed) return fail(fed.error());
  }
  if (too_long) return fail(Errc::Limit, "the answer is larger than 256 MiB", "ask for less");
  const bool sent_all = upload.is_empty() && !upload.more;
  if (!reader.can_reuse() || !sent_all) fd.reset();
  ClientResponse response = std::move(reader.response());
  response.body = std::move(body);
  return response;
}

HttpClient::HttpClient(ClientTarget target) : state_(std::make_unique<State>()) {
  state_->target = std::move(target);
}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

Result<ClientResponse> HttpClient::call(const Call& call) {
  state_->patience = call.timeout.us > 0 ? call.timeout : state_->target.timeout;
  const bool kept = state_->is_usable();
  if (!kept) {
    if (auto connected = state_->connect(); !connected) return fail(connected.error());
  }
  state_->sent = 0;
  bool answered = false;  // data was handed out: a second try would hand it out twice
  Call watched = call;
  if (call.on_data) {
    watched.on_data = [&](std::string_view piece) {
      answered = answered || !piece.empty();
      return call.on_data(piece);
    };
  }
  auto response = state_->exchange(watched);
  if (response) return response;
  state_->fd.reset();
  // The server may have closed a kept connection just as we began to use it.
  const bool lost = response.error().code == Errc::Io && kept && !answered;
  if (!lost || (state_->sent > 0 && !is_idempotent(call))) return response;
  if (auto connected = state_->connect(); !connected) return fail(connected.error());
  response = state_->exchange(watched);
  if (!response) state_->fd.reset();
  return response;
}

}  // namespace drover::net
