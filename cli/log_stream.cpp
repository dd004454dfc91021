// cli/log_stream.cpp - offsets make a log resumable: nothing is lost or doubled when it breaks.
// SPDX-License-Identifier: Apache-2.0
#include "cli/log_stream.hpp"

#include "base/units.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr std::int64_t kPatienceUs = 60'000'000;
constexpr std::uint64_t kPieceBytes = 1 << 20;

std::optional<std::uint64_t> header_number(const net::ClientResponse& response,
                                           std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key != name) continue;
    const auto number = parse_integer(value, 0, std::int64_t(1) << 62, name);
    if (number) return std::uint64_t(*number);
  }
  return std::nullopt;
}

std::string target_of(const LogRequest& request, std::uint64_t offset, bool first, bool follow) {
  Query query{{"stream", request.is_stderr ? "err" : "out"}};
  if (request.task) query.emplace_back("task", std::to_string(*request.task));
  if (first && request.tail_lines) {
    query.emplace_back("tail", std::to_string(*request.tail_lines));
  } else {
    query.emplace_back("offset", std::to_string(offset));
  }
  if (follow)
    query.emplace_back("follow", "1");
  else if (!request.tail_lines)
    query.emplace_back("limit", std::to_string(kPieceBytes));
  return with_query("/api/v1/jobs/" + std::to_string(request.job) + "/log", query);
}

}  // namespace

Result<std::uint64_t> read_log(ApiClient& api, const LogRequest& request,
                               const std::function<bool(std::string_view)>& sink) {
  std::uint64_t offset = request.offset, total = 0;
  bool first = true, stopped = false, must_ask = false;  // must_ask: there are too many followers
  std::int64_t deadline = 0;
  for (;;) {
    std::uint64_t got = 0;
    net::HttpClient::Call call;
    call.target = target_of(request, offset, first, request.follow && !must_ask);
    call.on_data = [&](std::string_view bytes) {
      got += bytes.size();
      stopped = !sink(bytes);
      return !stopped;
    };
    const Result<net::ClientResponse> response = api.call(call);
    total += got;
    if (stopped) return total;
    if (!response) {
      const Errc code = response.error().code;
      const bool may_pass = code == Errc::Unavailable || code == Errc::Io;
      // With --tail the offset is known only from an answer; a break before it starts the tail
      // again.
      if (!request.follow || !may_pass || (first && request.tail_lines && got > 0))
        return fail(response.error());
      if (got > 0 || deadline == 0) deadline = monotonic_us() + kPatienceUs;
      if (monotonic_us() > deadline) return fail(response.error());
      offset += got;
      first = first && got == 0;
      must_ask = !must_ask && code == Errc::Unavailable && !api.last_details().request_id.empty();
      if (!must_ask) sleep_ms(200);
      continue;
    }
    const std::uint64_t start = header_number(*response, "x-drover-offset").value_or(offset);
    const std::uint64_t size = header_number(*response, "x-drover-size").value_or(0);
    offset = start + got;
    first = false;
    if (must_ask) {  // what is there by now; then it is tried again to follow
      must_ask = false;
      deadline = 0;
      if (got == 0) sleep_ms(500);
      continue;
    }
    if (request.follow || got == 0 || request.tail_lines || offset >= size) return total;
  }
}

}  // namespace drover::cli
