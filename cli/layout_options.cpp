// cli/layout_options.cpp - a table of options and what their values are.
// SPDX-License-Identifier: Apache-2.0
#include "cli/layout_options.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "cli/arguments.hpp"

namespace drover::cli {
namespace {

enum class Form : std::uint8_t { Count, Words, Switch, NodeInfo };

struct Row {
  std::string_view option;
  Form form;
  const char* member;
};
constexpr auto kRows = std::to_array<Row>({
    {"hint", Form::Words, "hint"},
    {"threads-per-core", Form::Count, "threads_per_core"},
    {"ntasks-per-core", Form::Count, "ntasks_per_core"},
    {"ntasks-per-socket", Form::Count, "ntasks_per_socket"},
    {"sockets-per-node", Form::Count, "sockets_per_node"},
    {"cores-per-socket", Form::Count, "cores_per_socket"},
    {"extra-node-info", Form::NodeInfo, ""},
    {"distribution", Form::Words, "distribution"},
    {"cpu-bind", Form::Words, "cpu_bind"},
    {"mem-bind", Form::Words, "mem_bind"},
    {"contiguous", Form::Switch, "contiguous"},
    {"spread-job", Form::Switch, "spread"},
});

// "2", "2:8" or "2:8:1".
Result<bool> set_node_info(Json& spec, const Given& given) {
  const std::vector<std::string> numbers = split_list(given.value, ':');
  constexpr std::array kMembers{"sockets_per_node", "cores_per_socket", "threads_per_core"};
  if (numbers.empty() || numbers.size() > kMembers.size())
    return fail(Errc::BadInput, "\"" + given.value + "\" is not SOCKETS[:CORES[:THREADS]]",
                "for example -B 2:8:1", "extra-node-info");
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == "*") continue;
    const auto number = parse_integer(numbers[i], 1, 65'536, "extra-node-info");
    if (!number) return fail(number.error());
    spec[kMembers[i]] = *number;
  }
  return true;
}

}  // namespace

Result<bool> set_layout_option(Json& spec, const Given& given) {
  const auto row = std::ranges::find(kRows, given.option->name, &Row::option);
  if (row == kRows.end()) return true;
  switch (row->form) {
    case Form::NodeInfo: return set_node_info(spec, given);
    case Form::Words: spec[row->member] = given.value; return true;
    case Form::Switch: spec[row->member] = true; return true;
    case Form::Count: break;
  }
  const auto count = parse_integer(given.value, 1, 1'000'000, given.option->name);
  if (!count) return fail(count.error());
  spec[row->member] = *count;
  return true;
}

}  // namespace drover::cli
