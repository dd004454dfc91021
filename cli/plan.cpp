// cli/plan.cpp - `drover plan`: the physical plan a job was compiled to.
// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/job_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"dot", 0, Takes::Nothing, "", "as Graphviz DOT"},
};
OptionTable options() { return kOptions; }

Result<int> run_plan(Context& context) {
  const Result<std::string> word = context.word(0, "the job's id");
  if (!word) return fail(word.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<OneJob> job = one_job(context, *word);
  if (!job) return fail(job.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const std::string format = context.arguments().has("dot") ? "dot"
                             : context.globals().json()     ? "json"
                                                            : "text";
  net::HttpClient::Call call;
  call.target = with_query(job->path() + "/plan", {{"format", format}});
  const Result<net::ClientResponse> plan = (*api)->call(call);
  if (!plan) return fail(plan.error());
  std::string text = plan->body;
  if (is_terminal(1)) text = EscapeFilter().pass(text);
  if (!text.ends_with('\n')) text += '\n';
  context.out(text);
  return kOk;
}

}  // namespace

const Command kPlan = {
    .noun = "job",
    .verb = "plan",
    .is_shortcut = true,
    .operands = "ID",
    .summary = "print the plan a job was compiled to",
    .examples = "drover plan 12\ndrover plan 12 --dot | dot -Tsvg > plan.svg",
    .complete = "job",
    .options = options,
    .run = run_plan,
};

}  // namespace drover::cli
