// cli/api.cpp - `drover api`: one raw call, for scripts and for looking.
// SPDX-License-Identifier: Apache-2.0
#include <cctype>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/units.hpp"
#include "cli/command.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"data-binary", 'd', Takes::Value, "BODY", "request body; @FILE = from a file, @- = from stdin",
     "body"},
    {"header", 'H', Takes::Value, "NAME: VALUE", "request header; may be repeated"},
    {"include", 'i', Takes::Nothing, "", "print status and headers first"},
};
OptionTable options() { return kOptions; }

Result<std::string> read_body(const std::string& given) {
  if (!given.starts_with('@')) return given;
  if (given == "@-") return std::string{std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream file(given.substr(1), std::ios::binary);
  if (!file) return fail(Errc::BadInput, "cannot read " + given.substr(1));
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

Result<int> run_api(Context& context) {
  const Result<bool> words = context.at_most_words(2);
  if (!words) return fail(words.error());
  const Arguments& arguments = context.arguments();
  const Result<std::string> first = context.word(0, "METHOD and PATH");
  if (!first) return fail(first.error());
  net::HttpClient::Call call;
  call.target = arguments.words.back();
  if (arguments.words.size() == 2) call.method = *first;
  for (char& c : call.method) c = char(std::toupper(static_cast<unsigned char>(c)));
  constexpr std::string_view kMethods[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"};
  bool known = false;
  for (const std::string_view method : kMethods) known = known || method == call.method;
  const bool clean = call.target.find_first_of(" \r\n") == std::string::npos;
  if (!known || !clean) {
    return fail(Errc::BadInput,
                known ? "the path holds blanks" : call.method + " is no HTTP method",
                "for example: drover api GET /api/v1/jobs");
  }
  if (!call.target.starts_with('/')) call.target = "/api/v1/" + call.target;
  for (const Given& given : arguments.options) {
    if (given.option->name != "header") continue;
    const std::size_t colon = given.value.find(':');
    if (colon == std::string::npos || given.value.find_first_of("\r\n") != std::string::npos)
      return fail(Errc::BadInput, "\"" + given.value + "\" is no header", "write NAME: VALUE");
    const std::size_t start = given.value.find_first_not_of(' ', colon + 1);
    call.headers.emplace_back(given.value.substr(0, colon),
                              start == std::string::npos ? "" : given.value.substr(start));
  }
  if (arguments.has("data-binary")) {
    const Result<std::string> body = read_body(arguments.text("data-binary"));
    if (!body) return fail(body.error());
    call.body = *body;
    if (arguments.words.size() == 1) call.method = "POST";
  }
  EscapeFilter filter;
  const bool filtered = is_terminal(1);
  const bool include = arguments.has("include");
  if (!include) {
    call.on_data = [&](std::string_view bytes) {
      context.out(filtered ? filter.pass(bytes) : std::string(bytes));
      std::fflush(stdout);
      return true;
    };
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  if (include) {
    context.out("HTTP " + std::to_string(response->status) + '\n');
    for (const auto& [name, value] : response->headers)
      context.out(clean_line(name + ": " + value) + '\n');
    context.out('\n' + (filtered ? filter.pass(response->body) : response->body));
  }
  if (filtered) context.out("\n");
  return kOk;
}

}  // namespace

const Command kApi = {
    .verb = "api",
    .operands = "[METHOD] PATH",
    .summary = "make one HTTP call and print the answer",
    .examples =
        "drover api GET /api/v1/jobs?limit=2\ndrover api jobs/12\n"
        "drover api POST /api/v1/jobs -d '{\"argv\":[\"true\"]}'\ndrover api GET /metrics",
    .options = options,
    .run = run_api,
};

}  // namespace drover::cli
