// server/linkis_answer.cpp - envelopes on their way out, bodies on their way in.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_answer.hpp"

#include <utility>
#include <vector>

namespace drover::server {
namespace {

class AnswerWith : public Answer {
 public:
  AnswerWith(std::shared_ptr<Answer> inner, Headers more)
      : inner_(std::move(inner)), more_(std::move(more)) {}
  void send(net::HttpResponse response) override {
    add_to(response.headers);
    inner_->send(std::move(response));
  }
  void begin_stream(int status, std::string content_type, Headers headers) override {
    add_to(headers);
    inner_->begin_stream(status, std::move(content_type), std::move(headers));
  }
  bool write(std::string_view data) override { return inner_->write(data); }
  void end() override { inner_->end(); }
  std::size_t buffered() const override { return inner_->buffered(); }
  bool is_gone() const override { return inner_->is_gone(); }
  void on_gone(std::function<void()> hook) override { inner_->on_gone(std::move(hook)); }

 private:
  void add_to(Headers& headers) {
    for (auto& header : more_) headers.push_back(std::move(header));
    more_.clear();
  }
  std::shared_ptr<Answer> inner_;
  Headers more_;
};

}  // namespace

net::HttpResponse linkis_response(std::string_view method, linkis::Status status,
                                  std::string_view message, const linkis::Json& data) {
  net::HttpResponse response;
  response.status = linkis::http_code(status);
  response.body = linkis::envelope(method, status, message, data);
  return response;
}

net::HttpResponse linkis_problem(std::string_view method, const Error& error, int code) {
  net::HttpResponse response;
  response.status = linkis::http_code(linkis::status_of(error.code));
  response.body = linkis::error_envelope(method, error, code);
  return response;
}

net::HttpResponse linkis_not_logged_in(std::string_view method, std::string_view message) {
  return linkis_response(method, linkis::Status::NotLoggedIn, message, {});
}

void answer_linkis(const Exchange& exchange, const linkis::Json& data, std::string_view message) {
  exchange.answer->send(linkis_response(exchange.linkis, linkis::Status::Ok, message, data));
}

void refuse_with(const Exchange& exchange, const Error& error, int code) {
  exchange.answer->send(linkis_problem(exchange.linkis, error, code));
}

std::shared_ptr<Answer> with_cookie(std::shared_ptr<Answer> answer, std::string cookie) {
  return with_headers(std::move(answer), {{"Set-Cookie", std::move(cookie)}});
}

std::shared_ptr<Answer> with_headers(std::shared_ptr<Answer> answer, Headers headers) {
  return std::make_shared<AnswerWith>(std::move(answer), std::move(headers));
}

Result<linkis::Json> linkis_body(const Exchange& exchange) {
  if (exchange.request.body.empty()) return linkis::Json::object();
  return linkis::parse_object(exchange.request.body);
}

Error no_such_task(std::string_view name, const Caller& caller) {
  return {caller.is_operator ? Errc::NotFound : Errc::Denied,
          "there is no task " + std::string(name.substr(0, 120)) + " of yours",
          "jobhistory/list lists them", "id"};
}

}  // namespace drover::server
