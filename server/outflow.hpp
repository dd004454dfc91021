// server/outflow.hpp - a download: pieces are made as fast as the reader takes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/exchange.hpp"
#include "server/services.hpp"

namespace drover::server {

// Loop thread. Lives until it has finished or the reader has gone.
class Outflow : public std::enable_shared_from_this<Outflow> {
 public:
  // Answers with put, finish or fail, now or later; is called again after each put. It goes, with
  // what it captured, at the end.
  using Next = std::function<void(const std::shared_ptr<Outflow>&)>;
  using OnError = void (*)(const Exchange&, const Error&);

  Outflow(Services& services, ExchangePtr exchange, std::string content_type, OnError on_error);
  std::vector<std::pair<std::string, std::string>> headers;
  std::string head;  // goes before the first piece

  void begin(Next next);
  void put(std::string piece);
  void finish();
  // Before anything went out: an error's answer. Later the connection breaks off without the
  // stream's end, so that nobody takes it for whole.
  void fail(const Error& error);

 private:
  void flush();
  void close();

  Services& services_;
  ExchangePtr exchange_;
  std::string content_type_;
  OnError on_error_;
  net::Timer timer_;
  Next next_;
  std::shared_ptr<Outflow> self_;
  std::string piece_;
  std::size_t written_ = 0;
  bool is_open_ = false, is_last_ = false, is_over_ = false;
};

}  // namespace drover::server
