// base/name_list.cpp - runs of numbers between brackets, both ways.
// SPDX-License-Identifier: Apache-2.0
#include "base/name_list.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

namespace drover {
namespace {

constexpr std::size_t kDigitsMax = 18;  // a number fits 64 bits

struct Numbered {
  std::string_view stem, digits;
  std::uint64_t number = 0;
  // Printing its number in this width gives the digits again.
  bool is_padded() const { return digits.size() > 1 && digits[0] == '0'; }
};

std::optional<Numbered> numbered(std::string_view name) {
  std::size_t at = name.size();
  while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') --at;
  Numbered out{name.substr(0, at), name.substr(at), 0};
  if (out.digits.empty() || out.digits.size() > kDigitsMax) return std::nullopt;
  std::from_chars(out.digits.data(), out.digits.data() + out.digits.size(), out.number);
  return out;
}

bool follows(const Numbered& next, const Numbered& last) {
  if (next.number != last.number + 1) return false;
  return next.is_padded() || last.is_padded() ? next.digits.size() == last.digits.size() : true;
}

tl::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(
      Errc::BadInput,
      "\"" + std::string(text.substr(0, 64)) + "\" is no list of names: " + std::string(why),
      "write it as n[1-4,7],login1", "");
}

// One piece between commas of a bracket: "7" or "1-4".
Result<void> unfold_range(std::string_view stem, std::string_view range, std::string_view tail,
                          std::size_t limit, std::vector<std::string>& out) {
  const std::size_t dash = range.find('-');
  const std::string_view low = range.substr(0, dash);
  const std::string_view high = dash == std::string_view::npos ? low : range.substr(dash + 1);
  const auto first = numbered(low), last = numbered(high);
  if (!first || !last || !first->stem.empty() || !last->stem.empty())
    return bad(range, "numbers are missing between the brackets");
  if (last->number < first->number) return bad(range, "it ends before it begins");
  if (last->number - first->number >= limit - out.size()) return bad(range, "it is too long");
  for (std::uint64_t n = first->number; n <= last->number; ++n) {
    std::string digits = std::to_string(n);
    if (digits.size() < low.size()) digits.insert(0, low.size() - digits.size(), '0');
    out.push_back(std::string(stem) + digits + std::string(tail));
  }
  return {};
}

}  // namespace

std::string fold_names(std::span<const std::string> names) {
  std::string text;
  for (std::size_t begin = 0; begin < names.size();) {
    const auto head = numbered(names[begin]);
    std::size_t end = begin + 1;
    std::string ranges;
    if (head) {
      Numbered first = *head, last = *head;
      const auto close_run = [&] {
        ranges.append(ranges.empty() ? "" : ",").append(first.digits);
        if (last.number != first.number) ranges.append("-").append(last.digits);
      };
      for (; end < names.size(); ++end) {
        const auto next = numbered(names[end]);
        if (!next || next->stem != head->stem) break;
        if (!follows(*next, last)) {
          close_run();
          first = *next;
        }
        last = *next;
      }
      close_run();
    }
    if (!text.empty()) text += ',';
    if (end - begin == 1)
      text += names[begin];
    else
      text.append(head->stem).append("[").append(ranges).append("]");
    begin = end;
  }
  return text;
}

Result<std::vector<std::string>> unfold_names(std::string_view text, std::size_t limit) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t stop = text.find_first_of(",[");
    if (stop == std::string_view::npos || text[stop] == ',') {
      if (stop == 0) return bad(text, "a name is empty");
      if (out.size() == limit) return bad(text, "it is too long");
      out.emplace_back(text.substr(0, stop));
      if (stop != std::string_view::npos && stop + 1 == text.size())
        return bad(text, "it ends with a comma");
      text.remove_prefix(stop == std::string_view::npos ? text.size() : stop + 1);
      continue;
    }
    const std::size_t close = text.find(']', stop);
    if (close == std::string_view::npos) return bad(text, "a bracket is not closed");
    const std::string_view stem = text.substr(0, stop);
    std::string_view ranges = text.substr(stop + 1, close - stop - 1);
    const std::size_t after = std::min(text.find(',', close), text.size());
    const std::string_view tail = text.substr(close + 1, after - close - 1);
    if (tail.find_first_of("[]") != std::string_view::npos)
      return bad(text, "one bracket per name is understood");
    for (bool more = true; more;) {
      const std::size_t comma = ranges.find(',');
      if (auto ok = unfold_range(stem, ranges.substr(0, comma), tail, limit, out); !ok)
        return fail(ok.error());
      more = comma != std::string_view::npos;
      if (more) ranges.remove_prefix(comma + 1);
    }
    if (after + 1 == text.size()) return bad(text, "it ends with a comma");
    text.remove_prefix(std::min(after + 1, text.size()));
  }
  return out;
}

std::string first_name(std::string_view text) {
  const std::size_t stop = text.find_first_of(",[");
  if (stop == std::string_view::npos || text[stop] == ',') return std::string(text.substr(0, stop));
  const std::string_view rest = text.substr(stop + 1);
  return std::string(text.substr(0, stop)).append(rest.substr(0, rest.find_first_of("-,]")));
}

}  // namespace drover
