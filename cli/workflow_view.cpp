// cli/workflow_view.cpp - what a workflow looks like in a terminal.
// SPDX-License-Identifier: Apache-2.0
#include "cli/workflow_view.hpp"

#include <algorithm>
#include <cstdio>

#include "base/units.hpp"
#include "cli/job_view.hpp"
#include "cli/status_line.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

Color color_of(std::string_view state) {
  if (state == "succeeded") return Color::Green;
  if (state == "failed") return Color::Red;
  if (state == "running") return Color::Blue;
  if (state == "cancelled" || state == "skipped") return Color::Yellow;
  return Color::Dim;
}

std::string_view mark_of(std::string_view state) {
  if (state == "succeeded") return "+";
  if (state == "failed") return "x";
  if (state == "running") return ">";
  if (state == "queued" || state == "ready") return "*";
  if (state == "cancelled" || state == "skipped") return "-";
  return ".";
}

// What is worth a line comes first.
int rank_of(std::string_view state) {
  if (state == "running" || state == "failed") return 0;
  if (state == "queued" || state == "ready" || state == "suspended") return 1;
  if (state == "waiting") return 2;
  return 3;
}

std::string time_of(const Json& value, const Style& style) {
  if (!value.is_number()) return "";
  return show_time(Json(format_utc({value.get<std::int64_t>()})), style);
}

std::string elapsed(const Json& step) {
  const std::int64_t begun = number_of(step, "started_us"), ended = number_of(step, "ended_us");
  if (begun == 0) return "";
  return show_short_seconds(double((ended != 0 ? ended : wall_clock_us()) - begun) / 1e6);
}

// "differs: n was '3' when recorded, and is '4' now"
std::string reason_of(const Json& step) {
  const std::string why = text_of(step, "why"), detail = text_of(step, "detail");
  const bool has_more = text_of(step, "state") == "failed" && !why.empty() && !detail.empty();
  return has_more && why != "exit_code" ? why + ": " + detail : why;
}

std::string text_of_step(const Json& step) {
  const std::string state = text_of(step, "state");
  std::string text = state;
  if (const std::int64_t elements = number_of(step, "elements"); elements > 0)
    text += " " + std::to_string(number_of(step, "elements_succeeded")) + "/" +
            std::to_string(elements);
  if (const std::string took = elapsed(step); !took.empty()) text += ", " + took;
  if (const std::string job = job_of_step(step); !job.empty()) text += ", job " + job;
  if (state == "failed" && number_of(step, "exit_code") != 0)
    text += ", exit " + text_of(step, "exit_code");
  if (const std::string why = reason_of(step); !why.empty() && why != "exit_code")
    text += " (" + why + ")";
  return text;
}

}  // namespace

std::string job_of_step(const Json& step) {
  const std::string element = text_of(step, "element");
  return text_of(step, "job") + (element.empty() ? "" : "." + element);
}

std::string workflow_elapsed(const Json& workflow) {
  const std::int64_t ended = number_of(workflow, "ended_us");
  const std::int64_t end = ended != 0 ? ended : wall_clock_us();
  return show_short_seconds(double(end - number_of(workflow, "submitted_us")) / 1e6);
}

bool is_workflow_final(const Json& answer) {
  const std::string state = text_of(answer, "workflow.state");
  return state == "succeeded" || state == "failed" || state == "cancelled";
}

int workflow_status(const Json& answer) {
  const std::string state = text_of(answer, "workflow.state");
  return state == "succeeded" ? 0 : state == "cancelled" ? 143 : 1;
}

const std::vector<Column>& workflow_columns() {
  static const std::vector<Column> columns = {
      {.title = "ID", .path = "id", .right = true},
      {.title = "NAME", .path = "name", .stretch = true},
      {.title = "USER", .path = "user"},
      {.title = "STATE",
       .path = "state",
       .color = [](const Json& row) { return color_of(text_of(row, "state")); }},
      {.title = "DONE",
       .path = "progress",
       .show =
           [](const Json& row, const Style&) {
             return std::to_string(int(real_of(row, "progress") * 100)) + " %";
           },
       .right = true},
      {.title = "STEPS", .path = "steps.total", .right = true},
      {.title = "RUNNING", .path = "steps.running", .right = true},
      {.title = "FAILED", .path = "steps.failed", .right = true},
      {.title = "SUBMITTED",
       .path = "submitted_us",
       .show = [](const Json& row,
                  const Style& style) { return time_of(member(row, "submitted_us"), style); }},
      {.title = "ELAPSED",
       .path = "elapsed_s",
       .show = [](const Json& row, const Style&) { return workflow_elapsed(row); },
       .right = true},
      {.title = "FIRST-FAILED", .path = "first_failed_step", .wide = true},
  };
  return columns;
}

const std::vector<Column>& step_columns() {
  static const std::vector<Column> columns = {
      {.title = "STEP", .path = "name", .stretch = true},
      {.title = "STATE",
       .path = "state",
       .color = [](const Json& row) { return color_of(text_of(row, "state")); }},
      {.title = "JOB",
       .path = "job",
       .show = [](const Json& row, const Style&) { return job_of_step(row); },
       .right = true},
      {.title = "ELEMENTS",
       .path = "elements",
       .show =
           [](const Json& row, const Style&) {
             return number_of(row, "elements") == 0
                        ? std::string()
                        : text_of(row, "elements_succeeded") + "/" + text_of(row, "elements");
           },
       .right = true},
      {.title = "STARTS", .path = "starts", .wide = true, .right = true},
      {.title = "TOOK",
       .path = "ended_us",
       .show = [](const Json& row, const Style&) { return elapsed(row); },
       .right = true},
      {.title = "EXIT", .path = "exit_code", .right = true},
      {.title = "WHY",
       .path = "why",
       .show = [](const Json& row, const Style&) { return clean_line(reason_of(row)); },
       .stretch = true},
      {.title = "NEEDS",
       .path = "needs",
       .show =
           [](const Json& row, const Style&) {
             std::string text;
             for (const Json& need : member(row, "needs"))
               text += (text.empty() ? "" : ",") + need.get<std::string>();
             return text;
           },
       .stretch = true},
      {.title = "DETAIL", .path = "detail", .wide = true, .stretch = true},
  };
  return columns;
}

std::string workflow_line(const Json& workflow) {
  const double share = real_of(workflow, "progress");
  const Json& steps = member(workflow, "steps");
  const std::int64_t ended = number_of(steps, "succeeded") + number_of(steps, "failed") +
                             number_of(steps, "skipped") + number_of(steps, "cancelled");
  std::string text = bar(share, 24) + " " + std::to_string(int(share * 100)) + " %  " +
                     std::to_string(ended) + "/" + text_of(steps, "total") + " steps";
  for (const char* state : {"running", "ready", "failed", "skipped", "cancelled"})
    if (const std::int64_t count = number_of(steps, state); count > 0)
      text += ", " + std::to_string(count) + " " + state;
  return text;
}

std::vector<std::string> step_tree(const Json& answer, std::size_t lines, std::size_t width,
                                   bool color) {
  struct Row {
    const Json* step;
    std::size_t depth;
  };
  std::map<std::string, std::size_t> depth_of;
  std::vector<Row> rows;
  std::size_t widest = 8;
  for (const Json& step : member(answer, "steps")) {
    std::size_t depth = 0;
    for (const Json& need : member(step, "needs")) {
      const std::string text = need.get<std::string>();
      const auto found = depth_of.find(text.substr(0, text.find(':')));
      if (found != depth_of.end()) depth = std::max(depth, found->second + 1);
    }
    auto& known = depth_of[text_of(step, "step")];
    known = std::max(known, depth);
    rows.push_back({&step, std::min<std::size_t>(depth, 12)});
  }
  // The least interesting go when there are too many; the order stays.
  std::size_t hidden = 0;
  for (int rank = 3; rank >= 0 && rows.size() > lines; --rank)
    for (std::size_t i = rows.size(); i-- > 0 && rows.size() > lines;)
      if (rank_of(text_of(*rows[i].step, "state")) == rank) {
        rows.erase(rows.begin() + std::ptrdiff_t(i));
        ++hidden;
      }
  for (const Row& row : rows)
    widest = std::max(widest, 2 * row.depth + display_width(text_of(*row.step, "name")));
  widest = std::min<std::size_t>(widest, 48);
  std::vector<std::string> text;
  for (const Row& row : rows) {
    const std::string state = text_of(*row.step, "state");
    std::string name(2 * row.depth, ' ');
    name += clean_line(text_of(*row.step, "name"));
    if (display_width(name) < widest) name.append(widest - display_width(name), ' ');
    std::string about = clean_line(text_of_step(*row.step));
    if (width > 0) {  // a line that wraps would be drawn over at the wrong place
      name = cut_to_width(name, width > 4 ? width - 4 : 1);
      const std::size_t used = display_width(name) + 4;
      about = width > used ? cut_to_width(about, width - used) : "";
    }
    text.push_back(paint(std::string(mark_of(state)) + " ", color_of(state), color) + name + "  " +
                   paint(about, color_of(state), color));
  }
  if (hidden > 0) text.push_back("  ... and " + std::to_string(hidden) + " more steps");
  return text;
}

WorkflowWatch::WorkflowWatch(bool quiet, bool color)
    : live_(!quiet && is_terminal(2)), quiet_(quiet), color_(color) {}

WorkflowWatch::~WorkflowWatch() { end(); }

void WorkflowWatch::end() { drawn_ = 0; }

void WorkflowWatch::show(const Json& answer) {
  if (quiet_) return;
  if (!live_) return print_changes(answer);
  const std::size_t width = std::max<std::size_t>(terminal_width(), 2) - 1;
  const std::size_t height = terminal_height();
  std::vector<std::string> lines{cut_to_width("workflow " + text_of(answer, "workflow.id") + " " +
                                                  clean_line(text_of(answer, "workflow.name")) +
                                                  "  " + workflow_line(member(answer, "workflow")),
                                              width)};
  constexpr std::size_t kStepsShown = 20;
  const std::size_t shown = std::min(kStepsShown, height > 6 ? height - 4 : 2);
  for (std::string& line : step_tree(answer, shown, width, color_))
    lines.push_back(std::move(line));
  draw(lines);
}

void WorkflowWatch::draw(const std::vector<std::string>& lines) {
  std::string out;
  if (drawn_ > 0) out += "\x1b[" + std::to_string(drawn_) + "A";
  for (const std::string& line : lines) out += "\r\x1b[K" + line + "\n";
  out += "\x1b[J";
  std::fputs(out.c_str(), stderr);
  drawn_ = lines.size();
}

void WorkflowWatch::print_changes(const Json& answer) {
  for (const Json& step : member(answer, "steps")) {
    const std::string state = text_of(step, "state");
    std::string& before = states_[text_of(step, "name")];
    if (before == state) continue;
    before = state;
    if (state == "waiting" || state == "ready" || state == "queued") continue;
    std::fputs((clean_line(text_of(step, "name") + " " + text_of_step(step)) + "\n").c_str(),
               stderr);
  }
}

Result<std::uint64_t> workflow_id(Context& context, const std::string& word) {
  if (word != "last") {
    const auto id = parse_integer(word, 1, INT64_MAX, "the workflow's id");
    if (!id) return fail(id.error());
    return std::uint64_t(*id);
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> page = (*api)->read(
      with_query("/api/v1/workflows", {{"limit", "1"}, {"user", context.current_user()}}));
  if (!page) return fail(page.error());
  const Json& list = member(*page, "workflows");
  if (!list.is_array() || list.empty())
    return fail(Errc::NotFound, "you have no workflow", "drover dag run FILE");
  return std::uint64_t(number_of(list.front(), "id"));
}

Result<int> watch_workflow(Context& context, std::uint64_t id) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  constexpr std::int64_t kPatienceUs = 60'000'000;
  WorkflowWatch watch(context.globals().quiet, context.color_err());
  std::int64_t heard = monotonic_us();
  std::size_t steps = 0;
  for (const char* patience = "0";; patience = steps > 500 ? "5" : "1") {
    const std::string target =
        "/api/v1/workflows/" + std::to_string(id) + "/wait?timeout_s=" + patience;
    const Result<Json> answer = (*api)->read(target);
    if (!answer) {  // the workflow goes on while droverd restarts, and so do we
      const Errc code = answer.error().code;
      const bool may_pass = code == Errc::Unavailable || code == Errc::Io;
      if (!may_pass || monotonic_us() - heard > kPatienceUs) return fail(answer.error());
      sleep_ms(300);
      continue;
    }
    heard = monotonic_us();
    steps = member(*answer, "steps").size();
    watch.show(*answer);
    if (!is_workflow_final(*answer)) continue;
    watch.end();
    return workflow_status(*answer);
  }
}

}  // namespace drover::cli
