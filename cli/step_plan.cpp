// cli/step_plan.cpp - DROVER_TASK_IDS and DROVER_TASK_CPUS, read and checked.
// SPDX-License-Identifier: Apache-2.0
#include "cli/step_plan.hpp"

#include <algorithm>

#include "base/counted_words.hpp"
#include "base/units.hpp"

namespace drover::cli {
namespace {

constexpr std::int64_t kNumberMax = 1'000'000;
constexpr std::size_t kCpuMax = 65'536;

std::vector<std::string_view> pieces(std::string_view text, char separator) {
  std::vector<std::string_view> all;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    all.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

tl::unexpected<Error> damaged(const char* name) {
  return fail(Errc::BadInput, std::string(name) + " is not what Drover set it to",
              "leave the DROVER_ variables of a job as they are", name);
}

std::string text_of(const Lookup& variable, const char* name) {
  const char* value = variable(name);
  return value != nullptr ? value : "";
}

}  // namespace

Result<std::vector<std::uint32_t>> parse_ranges(std::string_view text, std::string_view what) {
  std::vector<std::uint32_t> numbers;
  if (text.empty()) return numbers;
  for (const std::string_view piece : pieces(text, ',')) {
    const std::size_t dash = piece.find('-');
    const auto first = parse_integer(piece.substr(0, dash), 0, kNumberMax, what);
    if (!first) return fail(first.error());
    std::int64_t last = *first;
    if (dash != std::string_view::npos) {
      const auto read = parse_integer(piece.substr(dash + 1), *first, kNumberMax, what);
      if (!read) return fail(read.error());
      last = *read;
    }
    for (std::int64_t number = *first; number <= last; ++number)
      numbers.push_back(std::uint32_t(number));
  }
  return numbers;
}

Result<StepPlan> plan_step(const Lookup& variable, std::optional<std::int64_t> only) {
  if (variable("DROVER_JOB_ID") == nullptr || variable("DROVER_TASK_IDS") == nullptr)
    return fail(Errc::BadInput, "a step runs inside a job, and this is none",
                "drover submit -n 4 --wrap 'drover step -- hostname'");
  const auto ids = parse_ranges(text_of(variable, "DROVER_TASK_IDS"), "DROVER_TASK_IDS");
  if (!ids) return damaged("DROVER_TASK_IDS");
  const auto all =
      parse_integer(text_of(variable, "DROVER_NTASKS"), 1, kNumberMax, "DROVER_NTASKS");
  if (!all) return damaged("DROVER_NTASKS");
  StepPlan plan;
  plan.ntasks = std::uint32_t(*all);
  plan.elsewhere = plan.ntasks - std::min(plan.ntasks, std::uint32_t(ids->size()));
  for (const std::uint32_t id : *ids) plan.tasks.push_back({id, {}});
  if (const std::string lists = text_of(variable, "DROVER_TASK_CPUS"); !lists.empty()) {
    const std::vector<std::string_view> each = pieces(lists, ';');
    if (each.size() != plan.tasks.size()) return damaged("DROVER_TASK_CPUS");
    for (std::size_t i = 0; i < each.size(); ++i) {
      if (each[i].starts_with('=')) {  // as an earlier one
        const auto earlier = parse_integer(each[i].substr(1), 0, std::int64_t(i) - 1, "");
        if (i == 0 || !earlier) return damaged("DROVER_TASK_CPUS");
        plan.tasks[i].cpus = plan.tasks[std::size_t(*earlier)].cpus;
        continue;
      }
      auto cpus = parse_ranges(each[i], "DROVER_TASK_CPUS");
      if (!cpus || std::ranges::any_of(*cpus, [](std::uint32_t cpu) { return cpu >= kCpuMax; }))
        return damaged("DROVER_TASK_CPUS");
      plan.tasks[i].cpus = *std::move(cpus);
    }
  }
  plan.bind_memory = text_of(variable, "DROVER_MEM_BIND") == "local";
  plan.verbose = !text_of(variable, "DROVER_BIND_VERBOSE").empty();
  if (!only) return plan;
  if (*only > std::int64_t(plan.tasks.size()))
    return fail(Errc::BadInput,
                counted(*only, "task") + is_or_are(*only) + " asked for, the job has " +
                    std::to_string(plan.tasks.size()) + " on this node",
                "submit the job with --ntasks=" + std::to_string(*only), "ntasks");
  plan.tasks.resize(std::size_t(*only));
  plan.ntasks = std::uint32_t(*only);
  plan.elsewhere = 0;
  for (std::uint32_t i = 0; i < plan.ntasks; ++i) plan.tasks[i].id = i;
  return plan;
}

}  // namespace drover::cli
