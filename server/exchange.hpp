// server/exchange.hpp - one request on its way to one answer, and who asked.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "net/http_server.hpp"
#include "sched/messages.hpp"

namespace drover::server {

struct Caller {  // from the kernel or a verified token, never from the request's own words
  std::uint32_t uid = 0, gid = 0;
  std::string user;
  bool is_operator = false;
  sched::Actor actor() const { return {uid, is_operator}; }
};

// Of one that is not there, and of somebody else's alike: which of both it is is not told.
Error no_such_job(JobId id, const Caller& caller);
Error no_such_workflow(JobId id, const Caller& caller);

// Where the answer goes: net's responder in the daemon, a recorder in tests. Loop thread.
struct Answer {
  virtual ~Answer() = default;
  virtual void send(net::HttpResponse response) = 0;
  virtual void begin_stream(int status, std::string content_type,
                            std::vector<std::pair<std::string, std::string>> headers) = 0;
  virtual bool write(std::string_view data) = 0;
  virtual void end() = 0;
  virtual std::size_t buffered() const = 0;
  virtual bool is_gone() const = 0;
  virtual void on_gone(std::function<void()> hook) = 0;
};

struct Exchange {
  net::HttpRequest request;
  Caller caller;
  std::string request_id;
  std::string name;  // the {name} of the route's path
  JobId job{};       // the {id}
  std::optional<sched::JobSpec>
      spec;  // of {id}, without script and environment; set on JobOwner routes
  std::shared_ptr<Answer> answer;
  std::string linkis;  // "method" of the envelope it is answered in; empty: a native route

  void json(std::string body, int status = 200) const;
  void text(std::string body, std::string content_type = "text/plain; charset=utf-8") const;
  void refuse(const Error& error) const;
  // A number from the query; `fallback` when absent.
  Result<std::int64_t> number(std::string_view query, std::int64_t low, std::int64_t high,
                              std::int64_t fallback) const;
  // 1, true, 0 or false; false when absent.
  Result<bool> flag(std::string_view query) const;
};
using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace drover::server
