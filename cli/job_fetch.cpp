// cli/job_fetch.cpp - finding the jobs that a selector names.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "cli/dependency_text.hpp"
#include "cli/job_view.hpp"

namespace drover::cli {

Result<std::vector<Json>> fetch_jobs(Context& context, const Query& query, std::size_t limit) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  std::vector<Json> jobs;
  std::string cursor;
  while (jobs.size() < limit) {
    Query page = query;
    page.emplace_back("limit", std::to_string(std::min<std::size_t>(limit - jobs.size(), 1000)));
    page.emplace_back("cursor", cursor);
    const Result<Json> answer = (*api)->read(with_query("/api/v1/jobs", page));
    if (!answer) return fail(answer.error());
    for (const Json& job : member(*answer, "jobs"))
      if (jobs.size() < limit) jobs.push_back(job);
    const std::string next = text_of(*answer, "next");
    if (next.empty() || next == cursor) break;
    cursor = next;
  }
  return jobs;
}

namespace {
// The user's newest. An engine that was started for a statement came after it, and is not what its
// user submitted last.
Result<std::vector<Json>> fetch_submitted(Context& context, std::size_t count) {
  for (std::size_t limit = 2 * count;; limit *= 2) {
    Result<std::vector<Json>> jobs = fetch_jobs(context, {{"user", context.current_user()}}, limit);
    if (!jobs) return jobs;
    const bool is_all = jobs->size() < limit;
    std::erase_if(*jobs, [](const Json& job) {
      return text_of(member(job, "labels"), "creator") == "engine";
    });
    if (is_all || jobs->size() >= count) return jobs;
  }
}
}  // namespace

Result<bool> resolve_last(Context& context, Selector& selector) {
  if (selector.last.empty()) return true;
  const std::uint32_t deepest = *std::max_element(selector.last.begin(), selector.last.end());
  const Result<std::vector<Json>> jobs = fetch_submitted(context, std::size_t(deepest) + 1);
  if (!jobs) return fail(jobs.error());
  for (const std::uint32_t back : selector.last) {
    if (back >= jobs->size()) {
      return fail(Errc::NotFound,
                  jobs->empty() ? "you have no jobs yet"
                                : "last~" + std::to_string(back) + ": you have only " +
                                      counted(std::int64_t(jobs->size()), "job"),
                  "submit one: drover submit -- COMMAND", "id");
    }
    const auto id = std::uint64_t(number_of((*jobs)[back], "id"));
    selector.ranges.push_back({id, id});
  }
  selector.last.clear();
  return true;
}

Result<bool> resolve_dependency(Context& context, Json& spec) {
  const auto known = spec.find("dependency");
  if (known == spec.end() || !known->is_string()) return true;
  const Result<std::string> jobs = replace_last(
      known->get<std::string>(), [&](const std::string& word) -> Result<std::uint64_t> {
        const Result<OneJob> job = one_job(context, word);
        if (!job) return fail(job.error());
        return job->id;
      });
  if (!jobs) return fail(jobs.error());
  *known = *jobs;
  return true;
}

Result<OneJob> one_job(Context& context, const std::string& word) {
  Result<Selector> selector = parse_selector({word});
  if (!selector) return fail(selector.error());
  const Result<bool> resolved = resolve_last(context, *selector);
  if (!resolved) return fail(resolved.error());
  OneJob job;
  if (!selector->all && selector->elements.empty() && selector->count() == 1) {
    job.id = selector->ranges[0].first;
    return job;
  }
  if (!selector->all && selector->ranges.empty() && selector->elements.size() == 1) {
    job.id = selector->elements[0].job;
    const auto index = parse_integer(selector->elements[0].indexes, 0,
                                     std::numeric_limits<std::uint32_t>::max(), "id");
    if (index) {
      job.element = std::uint32_t(*index);
      return job;
    }
  }
  return fail(Errc::BadInput, "\"" + word + "\" names more than one job",
              "this command takes one: 12, 12.3 or last", "id");
}

}  // namespace drover::cli
