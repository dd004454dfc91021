// cli/why.cpp - `drover why`: what a job waits for, or how it ended.
// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/prospect_view.hpp"

namespace drover::cli {
namespace {

Result<int> run_why(Context& context) {
  const Result<std::string> word = context.word(0, "the job's id");
  if (!word) return fail(word.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<OneJob> job = one_job(context, *word);
  if (!job) return fail(job.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  Query query;
  if (job->element) query.emplace_back("task", std::to_string(*job->element));
  const Result<Json> why = (*api)->read(with_query(job->path() + "/why", query));
  if (!why) return fail(why.error());
  if (context.globals().json()) {
    context.out(to_text(*why, context.globals().table.format == Format::JsonObject ? 2 : -1) +
                '\n');
    return kOk;
  }
  const std::string state = text_of(*why, "state");
  std::string name = std::to_string(job->id);  // a number, also when asked for `last`
  if (job->element) name += "." + std::to_string(*job->element);
  context.out("job " + name + " is " +
              paint(clean_line(state), state_color(state), context.style().color) + '\n');
  const std::string reason = text_of(*why, "reason");
  const std::string text = text_of(*why, "text");
  if (!text.empty()) context.out("  " + clean_line(text) + '\n');
  if (text.empty() && !reason.empty() && reason != "none")
    context.out("  " + clean_line(reason) + '\n');
  show_prospect(context, *why);
  const Json& score = member(*why, "score");
  if (score.is_object() && state != "running") {
    std::string parts;
    for (const Json& factor : member(score, "factors")) {
      if (member(factor, "points").get<double>() == 0) continue;
      char number[32];
      std::snprintf(number, sizeof number, " %+.1f", member(factor, "points").get<double>());
      parts += (parts.empty() ? "" : ", ") + text_of(factor, "factor") + number;
    }
    char points[32];
    std::snprintf(points, sizeof points, "%.1f", member(score, "points").get<double>());
    context.out("  score " + std::string(points) + (parts.empty() ? "" : ": " + parts) + '\n');
  }
  const std::string hint = text_of(*why, "hint");
  if (!hint.empty()) context.out("  hint: " + clean_line(hint) + '\n');
  return kOk;
}

}  // namespace

const Command kWhy = {
    .noun = "job",
    .verb = "why",
    .is_shortcut = true,
    .operands = "ID[.INDEX]",
    .summary = "say what a job waits for and what would help",
    .examples = "drover why 12\ndrover why last\ndrover why 12.3",
    .complete = "job",
    .run = run_why,
};

}  // namespace drover::cli
