// server/json_fields.cpp - types, ranges and characters of JSON values; dependency and array texts.
// SPDX-License-Identifier: Apache-2.0
#include "server/json_fields.hpp"

#include <algorithm>
#include <array>

#include "server/job_json_in.hpp"

namespace drover::server {

tl::unexpected<Error> json_wrong(std::string_view field, std::string_view want) {
  return fail(Errc::BadInput, std::string(field) + " must be " + std::string(want), {},
              std::string(field));
}

tl::unexpected<Error> json_broken(simdjson::error_code error, std::string_view want) {
  if (error == simdjson::INCORRECT_TYPE && !want.empty())
    return fail(Errc::BadInput, std::string(want));
  return fail(Errc::BadInput, "not valid JSON: " + std::string(simdjson::error_message(error)),
              "check quotes, commas and braces");
}

Result<std::string> json_text(JsonValue v, std::string_view field, std::size_t max) {
  std::string_view text;
  if (v.get_string().get(text)) return json_wrong(field, "a text");
  if (text.size() > max)
    return fail(Errc::Limit,
                std::string(field) + " is longer than " + std::to_string(max) + " bytes", {},
                std::string(field));
  if (text.find('\0') != std::string_view::npos)
    return json_wrong(field, "a text without NUL bytes");
  return std::string(text);
}

Result<std::string> json_line(JsonValue v, std::string_view field, std::size_t max) {
  auto text = json_text(v, field, max);
  if (!text) return text;
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text->begin(), text->end(), is_control))
    return json_wrong(field, "a text without control characters");
  return text;
}

Result<std::int64_t> json_integer(JsonValue v, std::string_view field, std::int64_t low,
                                  std::int64_t high) {
  std::int64_t number = 0;
  if (v.get_int64().get(number) || number < low || number > high)
    return json_wrong(field,
                      "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return number;
}

Result<bool> json_bool(JsonValue v, std::string_view field) {
  bool truth = false;
  if (v.get_bool().get(truth)) return json_wrong(field, "true or false");
  return truth;
}

Result<std::vector<std::string>> json_texts(JsonValue v, std::string_view field,
                                            std::size_t count_max, std::size_t length_max) {
  std::vector<std::string> texts;
  auto read = json_array(v, field, count_max, [&](JsonValue item) -> Result<void> {
    auto text = json_text(item, field, length_max);
    if (!text) return fail(text.error());
    texts.push_back(std::move(*text));
    return {};
  });
  if (!read) return fail(read.error());
  return texts;
}

Result<std::vector<std::pair<std::string, std::string>>> json_pairs(JsonValue v,
                                                                    std::string_view field,
                                                                    std::size_t count_max,
                                                                    std::size_t length_max) {
  std::vector<std::pair<std::string, std::string>> pairs;
  auto read = json_object(v, field, [&](std::string_view name, JsonValue item) -> Result<void> {
    if (name.empty() || name.size() > 256)
      return json_wrong(field, "an object with names of 1 to 256 bytes");
    auto text = json_text(item, std::string(field) + "." + std::string(name), length_max);
    if (!text) {
      text.error().field = field;
      return fail(std::move(text.error()));
    }
    if (pairs.size() >= count_max)
      return fail(Errc::Limit,
                  std::string(field) + " has more than " + std::to_string(count_max) + " entries",
                  {}, std::string(field));
    pairs.emplace_back(name, std::move(*text));
    return {};
  });
  if (!read) return fail(read.error());
  std::sort(pairs.begin(), pairs.end());
  for (std::size_t i = 1; i < pairs.size(); ++i)
    if (pairs[i].first == pairs[i - 1].first)
      return fail(Errc::BadInput,
                  std::string(field) + " names " + pairs[i].first.substr(0, 100) + " twice", {},
                  std::string(field));
  return pairs;
}

Result<sched::DependencyKind> read_dependency_kind(std::string_view word) {
  static constexpr std::array<std::string_view, 5> kWords{"after", "afterany", "afterok",
                                                          "afternotok", "aftercorr"};
  const auto* found = std::find(kWords.begin(), kWords.end(), word);
  if (found != kWords.end()) return sched::DependencyKind(found - kWords.begin());
  const std::string_view near = nearest_match(word, kWords);
  return fail(Errc::BadInput, "unknown kind of dependency " + std::string(word.substr(0, 100)),
              near.empty() ? "after, afterany, afterok, afternotok, aftercorr or singleton"
                           : "did you mean " + std::string(near) + "?",
              "dependency");
}

namespace {

constexpr std::int64_t kMinutesMax = 10LL * 366 * 1440;

// One piece: "afterok:12:13" or "singleton".
Result<void> read_dependency_piece(std::string_view piece, sched::JobSpec& spec) {
  if (piece == "singleton") {
    spec.singleton = true;
    return {};
  }
  const std::size_t colon = piece.find(':');
  auto kind = read_dependency_kind(piece.substr(0, colon));
  if (!kind) return fail(kind.error());
  if (colon == std::string_view::npos)
    return fail(Errc::BadInput, "dependency " + std::string(piece) + " names no job", "afterok:12",
                "dependency");
  for (std::string_view rest = piece.substr(colon + 1);;) {
    const std::size_t next = rest.find(':');
    std::string_view id = rest.substr(0, next);
    sched::Dependency dependency{*kind, {}, 0};
    // after:12+30: half an hour after its start.
    if (const std::size_t plus = id.find('+'); plus != std::string_view::npos) {
      auto minutes = parse_integer(id.substr(plus + 1), 0, kMinutesMax, "dependency");
      if (!minutes) return fail(minutes.error());
      dependency.minutes = std::int32_t(*minutes);
      id = id.substr(0, plus);
    }
    auto job = parse_integer(id, 1, INT64_MAX, "dependency");
    if (!job) return fail(job.error());
    dependency.job = JobId(std::uint64_t(*job));
    if (spec.dependencies.size() >= 1000)
      return fail(Errc::Limit, "more than 1000 dependencies", "let one job gather them",
                  "dependency");
    spec.dependencies.push_back(dependency);
    if (next == std::string_view::npos) return {};
    rest.remove_prefix(next + 1);
  }
}

}  // namespace

Result<void> read_dependency_text(std::string_view text, sched::JobSpec& spec) {
  const bool any = text.find('?') != std::string_view::npos;
  if (any && text.find(',') != std::string_view::npos)
    return fail(Errc::BadInput, "dependency mixes \",\" (all) and \"?\" (any)", "use one of them",
                "dependency");
  if (any) spec.dependency_any = true;
  for (;;) {
    const std::size_t next = text.find(any ? '?' : ',');
    if (auto read = read_dependency_piece(text.substr(0, next), spec); !read) return read;
    if (next == std::string_view::npos) return {};
    text.remove_prefix(next + 1);
  }
}

Result<void> read_array_text(std::string_view text, sched::JobSpec& spec) {
  const std::size_t percent = text.find('%');
  if (percent != std::string_view::npos) {
    auto throttle = parse_integer(text.substr(percent + 1), 1, UINT32_MAX, "array");
    if (!throttle) return fail(throttle.error());
    spec.array_throttle = std::uint32_t(*throttle);
  }
  auto indexes = IndexSet::parse(text.substr(0, percent));
  if (!indexes) {
    Error error = indexes.error();
    error.field = "array";
    return fail(std::move(error));
  }
  if (indexes->empty())
    return fail(Errc::BadInput, "the array has no elements", "\"array\":\"0-9\"", "array");
  spec.array = std::move(*indexes);
  spec.is_array = true;
  return {};
}

}  // namespace drover::server
