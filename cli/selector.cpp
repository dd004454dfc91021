// cli/selector.cpp - parsing of job selectors.
// SPDX-License-Identifier: Apache-2.0
#include "cli/selector.hpp"

#include <charconv>

#include "base/index_set.hpp"

namespace drover::cli {
namespace {

constexpr const char* kForms = "use 12, 12.3, 1-10, 1,3,5-8, last, last~2 or all";

tl::unexpected<Error> bad(std::string_view piece, std::string hint = kForms) {
  return fail(Errc::BadInput, "\"" + std::string(piece) + "\" names no job", std::move(hint), "id");
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Commas inside brackets do not split.
std::vector<std::string_view> split_pieces(std::string_view text) {
  std::vector<std::string_view> pieces;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '[') ++depth;
    if (i < text.size() && text[i] == ']') --depth;
    if (i == text.size() || (text[i] == ',' && depth <= 0)) {
      pieces.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  return pieces;
}

Result<bool> add_element(std::string_view piece, std::size_t dot, Selector& out) {
  const auto job = parse_number(piece.substr(0, dot));
  std::string_view indexes = piece.substr(dot + 1);
  if (indexes.size() > 2 && indexes.front() == '[' && indexes.back() == ']')
    indexes = indexes.substr(1, indexes.size() - 2);
  if (!job || *job == 0) return bad(piece);
  const Result<IndexSet> set = IndexSet::parse(indexes);
  if (!set) return bad(piece, "after the dot stand array indexes: 12.3 or 12.[3,5-7]");
  out.elements.push_back({*job, std::string(indexes)});
  return true;
}

Result<bool> add_piece(std::string_view piece, Selector& out) {
  if (piece == "all") {
    out.all = true;
    return true;
  }
  if (piece == "last") {
    out.last.push_back(0);
    return true;
  }
  if (piece.starts_with("last~")) {
    const auto back = parse_number(piece.substr(5));
    if (!back || *back >= 1000) return bad(piece, "use last~1 to last~999");
    out.last.push_back(std::uint32_t(*back));
    return true;
  }
  if (const std::size_t dot = piece.find_first_of("._"); dot != std::string_view::npos)
    return add_element(piece, dot, out);
  const std::size_t dash = piece.find('-');
  const auto first = parse_number(piece.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(piece.substr(dash + 1));
  if (!first || !last || *first == 0) return bad(piece);
  if (*last < *first) return bad(piece, "a range goes from the lower id to the higher");
  out.ranges.push_back({*first, *last});
  if (*last - *first >= kMaxSelectedJobs || out.count() > kMaxSelectedJobs) {
    return fail(Errc::Limit, "more than 1,000,000 jobs are selected", "use a smaller range, or all",
                "id");
  }
  return true;
}

}  // namespace

std::uint64_t Selector::count() const {
  std::uint64_t jobs = 0;
  for (const JobRange& range : ranges) jobs += range.last - range.first + 1;
  return jobs;
}

Result<Selector> parse_selector(const std::vector<std::string>& words) {
  Selector selector;
  for (const std::string& word : words) {
    for (const std::string_view piece : split_pieces(word)) {
      const Result<bool> added = add_piece(piece, selector);
      if (!added) return fail(added.error());
    }
  }
  if (selector.empty()) return fail(Errc::BadInput, "which job?", kForms, "id");
  return selector;
}

std::string to_text(const std::vector<JobRange>& ranges) {
  std::string text;
  for (const JobRange& range : ranges) {
    if (!text.empty()) text += ',';
    text += std::to_string(range.first);
    if (range.last != range.first) text += '-' + std::to_string(range.last);
  }
  return text;
}

}  // namespace drover::cli
