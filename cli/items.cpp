// cli/items.cpp - reads the entries; limits are told here, before anything is sent.
// SPDX-License-Identifier: Apache-2.0
#include "cli/items.hpp"

#include <fstream>
#include <iostream>
#include <sstream>

#include "base/units.hpp"
#include "cli/script.hpp"

namespace drover::cli {
namespace {

// As in sched/items.hpp.
constexpr std::size_t kMax = 1'000'000, kItemMax = 64 << 10, kBytesMax = 16 << 20;
constexpr std::size_t kJsonMax = 64 << 20;

class Collected {
 public:
  explicit Collected(const std::string& name) : name_(name) {}

  // `where` is a line or a place in a list, counted from 1.
  Result<bool> add(std::string text, std::size_t where) {
    const std::string at = name_ + ", entry " + std::to_string(where);
    if (items_.size() == kMax)
      return fail(Errc::Limit, name_ + " has more than " + std::to_string(kMax) + " entries",
                  "split it into several arrays");
    if (text.size() > kItemMax)
      return fail(Errc::Limit, at + " is longer than " + std::to_string(kItemMax >> 10) + " KiB",
                  "name a file that holds it");
    bytes_ += text.size();
    if (bytes_ > kBytesMax)
      return fail(Errc::Limit,
                  "the entries of " + name_ + " are longer than " +
                      std::to_string(kBytesMax >> 20) + " MiB together",
                  "split it into several arrays, or name files");
    if (find_bad_utf8(text) || text.find('\0') != std::string::npos)
      return fail(Errc::BadInput, at + " is not UTF-8 text", "name a file that holds it");
    items_.push_back(std::move(text));
    return true;
  }
  Result<Json> finish() {
    if (items_.empty())
      return fail(Errc::BadInput, name_ + " has no entries", "an array needs at least one element");
    return std::move(items_);
  }

 private:
  const std::string& name_;
  Json items_ = Json::array();
  std::size_t bytes_ = 0;
};

Result<Json> read_stream(std::istream& from, const std::string& name, bool lines) {
  if (lines) return read_item_lines(from, name);
  std::string text(std::istreambuf_iterator<char>(from), {});
  if (text.size() > kJsonMax)
    return fail(Errc::Limit, name + " is longer than " + std::to_string(kJsonMax >> 20) + " MiB",
                "split it into several arrays");
  return read_item_json(text, name);
}

}  // namespace

bool has_items(const Context& context) {
  return context.arguments().has("each-line") || context.arguments().has("each-json");
}

Result<Json> read_item_lines(std::istream& from, const std::string& name) {
  Collected items(name);
  std::string line;
  for (std::size_t number = 1; std::getline(from, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    if (auto added = items.add(std::move(line), number); !added) return fail(added.error());
    line.clear();
  }
  return items.finish();
}

Result<Json> read_item_json(const std::string& text, const std::string& name) {
  const Result<Json> list = parse_json(text, name);
  if (!list) return fail(list.error());
  if (!list->is_array())
    return fail(Errc::BadInput, name + " does not hold a JSON list", "for example [\"a\", \"b\"]");
  Collected items(name);
  std::size_t number = 0;
  for (const Json& item : *list) {
    std::string shown = item.is_string() ? item.get<std::string>() : to_text(item);
    if (auto added = items.add(std::move(shown), ++number); !added) return fail(added.error());
  }
  return items.finish();
}

void use_items(Json& spec) {
  bool used = false;
  if (!spec.contains("argv")) spec["argv"] = Json::array();
  for (Json& word : spec["argv"]) {
    std::string text = word.get<std::string>();
    for (std::size_t at = 0; (at = text.find("{}", at)) != std::string::npos;)
      text.replace(at, 2, "${item}");
    used = used || text.find("${item}") != std::string::npos ||
           text.find("DROVER_ITEM") != std::string::npos;
    word = text;
  }
  const auto script = spec.find("script");
  if (script != spec.end())
    used = used || script->get<std::string>().find("DROVER_ITEM") != std::string::npos;
  if (!used) spec["argv"].push_back("${item}");
}

Result<bool> add_items(const Context& context, Json& spec) {
  const bool lines = context.arguments().has("each-line");
  const char* option = lines ? "each-line" : "each-json";
  if (lines && context.arguments().has("each-json"))
    return fail(Errc::BadInput, "--each-line and --each-json exclude each other",
                "give one of them", "each-json");
  if (spec.contains("array"))
    return fail(Errc::BadInput, "--" + std::string(option) + " makes the array itself",
                "leave --array out; --throttle=N limits how many run at once", option);
  const std::string path = context.arguments().text(option);
  Result<Json> items = [&]() -> Result<Json> {
    if (path == "-") return read_stream(std::cin, "stdin", lines);
    std::ifstream file(path);
    if (!file) return fail(Errc::BadInput, "cannot open " + path, "name a readable file");
    return read_stream(file, path, lines);
  }();
  if (!items) {
    Error error = items.error();
    error.field = option;
    return fail(std::move(error));
  }
  spec["items"] = std::move(*items);
  use_items(spec);
  return true;
}

}  // namespace drover::cli
