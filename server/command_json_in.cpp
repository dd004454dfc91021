// server/command_json_in.cpp - reads the fields a command takes, and refuses the others by name.
// SPDX-License-Identifier: Apache-2.0
#include "server/command_json_in.hpp"

#include <algorithm>

#include "server/job_json_in.hpp"
#include "server/json_fields.hpp"

namespace drover::server {
namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    found.push_back(text.substr(0, space));
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
  }
  return found;
}

Result<void> keep(Result<std::string> read, std::string& into) {
  if (!read) return fail(read.error());
  into = std::move(*read);
  return {};
}

Result<void> read_field(CommandBody& body, std::string_view name, JsonValue v) {
  if (name == "elements") return keep(json_line(v, name, 64 << 10), body.elements);
  if (name == "reason") return keep(json_line(v, name, 1024), body.reason);
  if (name == "ids") return keep(json_line(v, name, 64 << 10), body.ids);
  if (name == "user") return keep(json_line(v, name, 256), body.user);
  if (name == "dir") return keep(json_line(v, name, 4096), body.dir);
  if (name == "step") return keep(json_line(v, name, 1024), body.step);
  if (name == "document") return keep(json_text(v, name, 8u << 20), body.document);
  if (name == "values") {
    auto pairs = json_pairs(v, name, 1000, 64u << 10);
    if (!pairs) return fail(pairs.error());
    body.values = std::move(*pairs);
    return {};
  }
  if (name == "index") {
    auto index = json_integer(v, name, 0, UINT32_MAX);
    if (!index) return fail(index.error());
    body.index = *index;
    return {};
  }
  if (name == "attempts_lost") {
    auto lost = json_bool(v, name);
    if (!lost) return fail(lost.error());
    body.attempts_lost = *lost;
    return {};
  }
  if (name == "set") {
    auto pairs = json_pairs(v, name, 64, 256);
    if (!pairs) return fail(pairs.error());
    for (auto& [key, text] : *pairs) body.set[key] = text;
    return {};
  }
  if (name == "remove") {
    auto texts = json_texts(v, name, 64, 256);
    if (!texts) return fail(texts.error());
    body.remove = std::move(*texts);
    return {};
  }
  auto signal = json_integer(v, "signal", 0, 64);
  if (!signal) return fail(signal.error());
  body.signal = std::int32_t(*signal);
  return {};
}

}  // namespace

Result<CommandBody> read_command(std::string json, std::string_view allowed) {
  CommandBody body;
  if (json.find_first_not_of(" \t\r\n") == std::string::npos) return body;
  const std::vector<std::string_view> known = words(allowed);
  auto read = json_body(std::move(json), known, [&](std::string_view name, JsonValue v) {
    return read_field(body, name, v);
  });
  if (!read) return fail(read.error());
  return body;
}

}  // namespace drover::server
