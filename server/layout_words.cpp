// server/layout_words.cpp - one table of words for each option.
// SPDX-License-Identifier: Apache-2.0
#include "server/layout_words.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/number_ranges.hpp"
#include "base/units.hpp"

namespace drover::server {
namespace {

using rm::CpuBind;
using rm::MemBind;
using rm::NodeDealing;
using rm::SocketDealing;

template <class Value>
struct Word {
  std::string_view word;
  Value value;
};

constexpr auto kOverNodes = std::to_array<Word<NodeDealing>>(
    {{"block", NodeDealing::Block}, {"cyclic", NodeDealing::Cyclic}});
constexpr auto kOverSockets =
    std::to_array<Word<SocketDealing>>({{"block", SocketDealing::Block},
                                        {"cyclic", SocketDealing::Cyclic},
                                        {"fcyclic", SocketDealing::FullCyclic}});
constexpr auto kCpuBinds = std::to_array<Word<CpuBind>>({{"threads", CpuBind::Threads},
                                                         {"cores", CpuBind::Cores},
                                                         {"sockets", CpuBind::Sockets},
                                                         {"ldoms", CpuBind::Ldoms},
                                                         {"rank", CpuBind::Rank},
                                                         {"none", CpuBind::None}});
constexpr auto kMemBinds =
    std::to_array<Word<MemBind>>({{"local", MemBind::Local}, {"none", MemBind::None}});

template <class Value, std::size_t N>
std::optional<Value> find(const std::array<Word<Value>, N>& words, std::string_view text) {
  for (const auto& row : words)
    if (row.word == text) return row.value;
  return std::nullopt;
}

template <class Value, std::size_t N>
std::string_view word_of(const std::array<Word<Value>, N>& words, Value value) {
  for (const auto& row : words)
    if (row.value == value) return row.word;
  return "";
}

tl::unexpected<Error> refuse(Errc code, std::string what, std::string hint, const char* field) {
  return fail(code, std::move(what), std::move(hint), field);
}

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 64)) + "\""; }

std::vector<std::string_view> pieces(std::string_view text, char separator) {
  std::vector<std::string_view> all;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    all.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

constexpr std::string_view kDistributionHint =
    "write block, cyclic or plane=N, then :block, :cyclic or :fcyclic for the sockets";

Result<void> read_plane(std::string_view text, rm::TaskRules& rules) {
  const auto size = parse_integer(text, 1, 1'000'000, "distribution");
  if (!size)
    return refuse(Errc::BadInput, "a plane of " + quoted(text) + " tasks", "for example plane=4",
                  "distribution");
  rules.over_nodes = NodeDealing::Plane;
  rules.plane = std::int32_t(*size);
  return {};
}

Result<void> read_over_nodes(std::string_view text, rm::TaskRules& rules) {
  rules.plane = 0;
  if (text == "*" || text.empty()) text = "block";
  if (text.starts_with("plane=")) return read_plane(text.substr(6), rules);
  if (text == "arbitrary")
    return refuse(Errc::Unsupported, "the distribution arbitrary is not offered",
                  std::string(kDistributionHint), "distribution");
  const auto over_nodes = find(kOverNodes, text);
  if (!over_nodes)
    return refuse(Errc::BadInput, quoted(text) + " is no distribution over nodes",
                  std::string(kDistributionHint), "distribution");
  rules.over_nodes = *over_nodes;
  return {};
}

// The words of --cpu-bind and --mem-bind that need a map, or mean something we do not do.
Result<void> refuse_bind(std::string_view word, std::span<const std::string_view> known,
                         std::string_view offered, const char* field) {
  const std::string_view name = word.substr(0, word.find(':'));
  const bool is_known = std::ranges::find(known, name) != known.end();
  return refuse(is_known ? Errc::Unsupported : Errc::BadInput,
                is_known ? "binding by " + std::string(name) + " is not offered"
                         : quoted(word) + " is no way to bind",
                "use one of " + std::string(offered), field);
}

}  // namespace

Result<void> read_distribution(std::string_view text, rm::TaskRules& rules) {
  if (text.find(',') != std::string_view::npos)
    return refuse(Errc::Unsupported, "Pack and NoPack of a distribution are not offered",
                  std::string(kDistributionHint), "distribution");
  const std::vector<std::string_view> levels = pieces(text, ':');
  if (text.empty() || levels.size() > 2)
    return refuse(text.empty() ? Errc::BadInput : Errc::Unsupported,
                  text.empty() ? "an empty distribution"
                               : "a distribution over more than nodes and sockets is not offered",
                  std::string(kDistributionHint), "distribution");
  if (auto read = read_over_nodes(levels[0], rules); !read) return read;
  rules.over_sockets = SocketDealing::Block;
  if (levels.size() == 1 || levels[1] == "*") return {};
  const auto over_sockets = find(kOverSockets, levels[1]);
  if (!over_sockets)
    return refuse(Errc::BadInput, quoted(levels[1]) + " is no distribution over sockets",
                  std::string(kDistributionHint), "distribution");
  rules.over_sockets = *over_sockets;
  return {};
}

std::string distribution_text(const rm::TaskRules& rules) {
  std::string text(word_of(kOverNodes, rules.over_nodes));
  if (rules.over_nodes == NodeDealing::Plane) text = "plane=" + std::to_string(rules.plane);
  return text + ":" + std::string(word_of(kOverSockets, rules.over_sockets));
}

Result<void> read_cpu_bind(std::string_view text, rm::TaskRules& rules) {
  constexpr std::string_view kKnown[] = {"map_cpu",  "mask_cpu",  "rank_ldom",
                                         "map_ldom", "mask_ldom", "boards"};
  for (const std::string_view word : pieces(text, ',')) {
    if (word == "quiet" || word == "q") {
      rules.verbose = false;
    } else if (word == "verbose" || word == "v") {
      rules.verbose = true;
    } else if (word == "no") {
      rules.cpu_bind = CpuBind::None;
    } else if (const auto bind = find(kCpuBinds, word)) {
      rules.cpu_bind = *bind;
    } else {
      return refuse_bind(word, kKnown, "threads, cores, sockets, ldoms, rank, none; and verbose",
                         "cpu_bind");
    }
  }
  return {};
}

Result<void> read_mem_bind(std::string_view text, rm::TaskRules& rules) {
  constexpr std::string_view kKnown[] = {"rank", "map_mem", "mask_mem", "prefer", "sort", "nosort"};
  for (const std::string_view word : pieces(text, ',')) {
    if (word == "quiet" || word == "q") {
      continue;
    } else if (word == "verbose" || word == "v") {
      rules.verbose = true;
    } else if (word == "no") {
      rules.mem_bind = MemBind::None;
    } else if (const auto bind = find(kMemBinds, word)) {
      rules.mem_bind = *bind;
    } else {
      return refuse_bind(word, kKnown, "local, none; and verbose", "mem_bind");
    }
  }
  return {};
}

std::string_view to_string(rm::CpuBind bind) { return word_of(kCpuBinds, bind); }
std::string_view to_string(rm::MemBind bind) { return word_of(kMemBinds, bind); }

Result<void> read_hint(std::string_view text, rm::TaskRules& rules) {
  if (text == "multithread") {
    if (rules.threads_per_core != 1) return {};
    return refuse(Errc::BadInput, "the hint multithread uses all threads, threads_per_core only 1",
                  "give one of them", "hint");
  }
  if (text == "nomultithread") {
    if (rules.threads_per_core > 1)
      return refuse(Errc::BadInput,
                    "the hint nomultithread uses 1 thread of a core, threads_per_core " +
                        std::to_string(rules.threads_per_core),
                    "give one of them", "hint");
    rules.threads_per_core = 1;
    return {};
  }
  const bool is_known = text == "compute_bound" || text == "memory_bound";
  return refuse(
      is_known ? Errc::Unsupported : Errc::BadInput,
      is_known ? "the hint " + std::string(text) + " is not offered" : quoted(text) + " is no hint",
      text == "memory_bound" ? "use --hint=nomultithread --ntasks-per-socket=1"
                             : "use nomultithread or multithread",
      "hint");
}

std::string ranges(std::span<const std::uint16_t> numbers) { return number_ranges(numbers); }
std::string ranges(std::span<const std::uint32_t> numbers) { return number_ranges(numbers); }

}  // namespace drover::server
