// net/http_response_reader.cpp - ResponseReader on Boost.Beast's parser.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_response_reader.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <limits>
#include <utility>

namespace drover::net {

namespace http = boost::beast::http;
using BeastView = boost::beast::string_view;
using BeastError = boost::beast::error_code;

namespace {

constexpr std::uint32_t kHeadMax = 64 << 10;
constexpr std::size_t kHeldMax = 128 << 10;  // one incomplete head or chunk header

tl::unexpected<Error> broken(std::string what) {
  return fail(Errc::Io, "the server's answer " + std::move(what),
              "is something else than Drover listening there?");
}

}  // namespace

struct ResponseReader::Parser final : http::basic_parser<false> {
  explicit Parser(ClientResponse& into, bool head_only) : response(into) {
    this->header_limit(kHeadMax);
    this->body_limit(std::numeric_limits<std::uint64_t>::max());  // `none` means 0 to Beast 1.74
    this->skip(head_only);
  }

  ClientResponse& response;
  std::string_view piece;
  bool in_trailer = false;

  void on_request_impl(http::verb, BeastView, BeastView, int, BeastError&) override {}
  void on_response_impl(int status, BeastView, int, BeastError&) override {
    response.status = status;
  }
  void on_field_impl(http::field, BeastView name, BeastView value, BeastError&) override {
    if (in_trailer) return;
    std::string lower(name.data(), name.size());
    for (char& c : lower) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    response.headers.emplace_back(std::move(lower), std::string(value.data(), value.size()));
  }
  void on_header_impl(BeastError&) override { in_trailer = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(BeastView body, BeastError&) override {
    piece = {body.data(), body.size()};
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, BeastView, BeastError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, BeastError&) override {
    piece = {body.data(), body.size()};
    return body.size();
  }
  void on_finish_impl(BeastError&) override {}
};

ResponseReader::ResponseReader(bool head_only, std::function<bool(std::string_view)> on_body)
    : head_only_(head_only), on_body_(std::move(on_body)) {
  restart();
}

ResponseReader::~ResponseReader() = default;

void ResponseReader::restart() {
  response_ = {};
  parser_ = std::make_unique<Parser>(response_, head_only_);
}

Result<void> ResponseReader::feed(std::string_view bytes) {
  if (bytes.empty() || stopped_) return {};
  started_ = true;
  try {
    if (held_.empty()) {
      if (auto fed = feed_parser(bytes); !fed) return fed;
      held_.assign(bytes);
    } else {
      held_.append(bytes);
      const std::string all = std::exchange(held_, {});
      std::string_view rest = all;
      if (auto fed = feed_parser(rest); !fed) return fed;
      held_.assign(rest);
    }
  } catch (const std::exception&) {  // Beast's, if any
    return broken("cannot be parsed");
  }
  if (held_.size() > kHeldMax) return broken("has an endless head");
  return {};
}

Result<void> ResponseReader::feed_parser(std::string_view& bytes) {
  while (!bytes.empty() && !done_ && !stopped_) {
    BeastError ec;
    parser_->piece = {};
    const std::size_t used =
        parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
    bytes.remove_prefix(used);
    if (ec && ec != http::error::need_more) return broken("is not HTTP (" + ec.message() + ")");
    if (parser_->is_header_done() && !has_head_) {
      if (response_.status / 100 == 1) {  // 100 Continue and its like announce the real answer
        restart();
        continue;
      }
      has_head_ = true;
    }
    if (!parser_->piece.empty() && !on_body_(parser_->piece)) stopped_ = true;
    if (parser_->is_done()) {
      done_ = true;
      keep_alive_ = parser_->keep_alive();
    }
    if (ec == http::error::need_more || used == 0) break;
  }
  return {};
}

Result<void> ResponseReader::end_of_input() {
  if (done_ || stopped_) return {};
  if (!started_) return broken("never came: the connection was closed");
  BeastError ec;
  if (has_head_ && parser_->need_eof()) {
    parser_->put_eof(ec);
    if (!ec) {
      done_ = true;
      return {};
    }
  }
  return broken("was cut off");
}

}  // namespace drover::net
