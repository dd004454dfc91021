// cli/dependency_text.cpp - reads --dependency, so that mistakes are told before anything is sent.
// SPDX-License-Identifier: Apache-2.0
#include "cli/dependency_text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "base/units.hpp"
#include "cli/arguments.hpp"

namespace drover::cli {
namespace {

constexpr std::array kKinds = {std::string_view("after"), std::string_view("afterok"),
                               std::string_view("afternotok"), std::string_view("afterany"),
                               std::string_view("aftercorr")};
constexpr std::string_view kUse =
    "use after, afterok, afternotok, afterany, aftercorr or singleton";
constexpr std::int64_t kMinutesMax = 10LL * 366 * 1440;

tl::unexpected<Error> bad(const std::string& message, std::string_view hint) {
  return fail(Errc::BadInput, "dependency: " + message, std::string(hint), "dependency");
}

// The newest job, or one before it: `last`, `last~2`. Asked of the server before it is sent.
bool is_last(std::string_view word) {
  if (!word.starts_with("last")) return false;
  word.remove_prefix(4);
  return word.empty() || (word.front() == '~' && word.size() > 1 && word.size() < 8 &&
                          word.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

Result<void> check_job(std::string_view text, bool may_delay) {
  if (const std::size_t plus = text.find('+'); may_delay && plus != std::string_view::npos) {
    const auto minutes = parse_integer(text.substr(plus + 1), 0, kMinutesMax, "dependency");
    if (!minutes) return fail(minutes.error());
    text = text.substr(0, plus);
  }
  if (is_last(text)) return {};
  const auto id = parse_integer(text, 1, std::numeric_limits<std::int64_t>::max(), "dependency");
  if (!id) return fail(id.error());
  return {};
}

Result<void> check_piece(const std::string& piece) {
  const std::vector<std::string> parts = split_list(piece, ':');
  if (parts.empty()) return bad("an empty piece", "use KIND:ID, e.g. afterok:12");
  std::size_t first_id = 0;
  if (!is_last(parts[0]) && parts[0].find_first_not_of("0123456789") != std::string::npos) {
    first_id = 1;
    if (parts[0] == "afterburstbuffer")
      return fail(Errc::Unsupported, "dependency " + parts[0] + " is not supported",
                  std::string(kUse), "dependency");
    if (std::ranges::find(kKinds, parts[0]) == kKinds.end()) {
      const std::string_view near = nearest_match(parts[0], kKinds);
      return bad("\"" + parts[0] + "\" is no kind of dependency",
                 near.empty() ? std::string(kUse) : "did you mean " + std::string(near) + "?");
    }
    if (parts.size() == 1) return bad(parts[0] + " names no job", "e.g. afterok:12:13");
  }
  for (std::size_t i = first_id; i < parts.size(); ++i)
    if (auto good = check_job(parts[i], parts[0] == "after"); !good) return good;
  return {};
}

}  // namespace

Result<DependencyText> parse_dependency(std::string_view text) {
  const bool any = text.find('?') != std::string_view::npos;
  if (any && text.find(',') != std::string_view::npos)
    return bad("`,` (all) and `?` (any) cannot be mixed", "use one of them between the jobs");
  DependencyText out;
  for (const std::string& piece : split_list(text, any ? '?' : ',')) {
    if (piece == "singleton") {
      out.singleton = true;
      continue;
    }
    if (auto good = check_piece(piece); !good) return fail(good.error());
    const bool bare = is_last(piece.substr(0, piece.find(':'))) ||
                      piece.find_first_not_of("0123456789:") == std::string::npos;
    out.jobs += (out.jobs.empty() ? "" : any ? "?" : ",") + (bare ? "afterany:" + piece : piece);
  }
  if (out.singleton && any)
    return bad("singleton cannot be one of several choices", "use `,` with singleton");
  return out;
}

Result<std::string> replace_last(const std::string& jobs, const FindJob& find) {
  constexpr std::string_view kBetween = ":,?+";
  std::string out;
  for (std::size_t at = 0; at < jobs.size();) {
    const std::size_t end = std::min(jobs.find_first_of(kBetween, at), jobs.size());
    const std::string word = jobs.substr(at, end - at);
    if (is_last(word)) {
      const Result<std::uint64_t> id = find(word);
      if (!id) return fail(id.error());
      out += std::to_string(*id);
    } else {
      out += word;
    }
    if (end < jobs.size()) out += jobs[end];
    at = end + 1;
  }
  return out;
}

}  // namespace drover::cli
