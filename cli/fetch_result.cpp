// cli/fetch_result.cpp - the answer's pieces go where they are wanted.
// SPDX-License-Identifier: Apache-2.0
#include "cli/fetch_result.hpp"

namespace drover::cli {
namespace {
constexpr std::size_t kTail = 64;
}  // namespace

Result<std::string> fetch_result(ApiClient& api, const std::string& target, std::FILE* to) {
  bool is_written = true;
  std::string tail;
  net::HttpClient::Call call;
  call.target = target;
  call.on_data = [&](std::string_view bytes) {
    tail += bytes.substr(bytes.size() > kTail ? bytes.size() - kTail : 0);
    if (tail.size() > kTail) tail.erase(0, tail.size() - kTail);
    is_written = std::fwrite(bytes.data(), 1, bytes.size(), to) == bytes.size();
    return is_written;
  };
  const Result<net::ClientResponse> answer = api.call(call);
  if (is_written && std::fflush(to) != 0) is_written = false;
  if (!is_written)
    return fail(Errc::Io, "the result could not be written wholly", "is the disk full?");
  if (!answer) return fail(answer.error());
  return tail;
}

}  // namespace drover::cli
