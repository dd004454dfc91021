// dag/job_text.cpp - layers of job fields become one job.
// SPDX-License-Identifier: Apache-2.0
#include "dag/job_text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "dag/doc_json.hpp"
#include "dag/recording.hpp"

namespace drover::dag {
namespace {

enum class Purpose : std::uint8_t {
  Start,   // a job for the entrance
  Draft,   // the same before anything has run
  Record,  // what was asked for by the last start
  Key,     // what makes its result the same as another one's
};

// Replaces variables in every text of a job. In a draft, texts that need what other steps set
// become null, and their fields go.
class Filler {
 public:
  Filler(const Run& run, std::uint32_t part, Purpose purpose)
      : run_(run), part_(part), purpose_(purpose) {}

  Result<void> fill(Json& json) {
    if (json.is_string()) return fill_text(json);
    if (!json.is_structured()) return {};
    for (auto& item : json)
      if (auto ok = fill(item); !ok) return ok;
    return {};
  }
  bool is_draft() const { return purpose_ == Purpose::Draft; }
  bool has_left_out() const { return has_left_out_; }

  // Drops fields in which something was left out.
  static bool has_null(const Json& json) {
    if (json.is_null()) return true;
    if (json.is_structured())
      for (const auto& item : json)
        if (has_null(item)) return true;
    return false;
  }

 private:
  Result<void> fill_text(Json& json) {
    const auto& text = json.get_ref<const std::string&>();
    if (text.find('$') == std::string::npos && text.find('&') == std::string::npos) return {};
    std::string missing;
    auto filled = run_.names().substitute(text, Variables::Unknown::Keep,
                                          [&](std::string_view name) -> std::optional<std::string> {
                                            auto value = system_name(name);
                                            if (!value) value = run_.lookup(name);
                                            if (!value && name.starts_with("steps."))
                                              missing = name;
                                            return value;
                                          });
    if (!filled) return fail(filled.error());
    if (missing.empty()) {
      json = std::move(*filled);
      return {};
    }
    if (!is_draft())
      return fail(Errc::BadInput, missing + " was not set",
                  "the step sets it with: drover dag set NAME=VALUE");
    has_left_out_ = true;
    json = nullptr;
    return {};
  }

  std::optional<std::string> system_name(std::string_view name) const {
    if (name == "workflow_id") return std::to_string(raw(run_.id()));
    if (name == "workflow_name") return run_.workflow().name;
    if (name == "step_name") return part_name(run_.workflow(), run_.plan().parts[part_]);
    if (name == "attempt") return attempt();
    return std::nullopt;
  }

  // What makes a result the same must not depend on how often it took.
  std::string attempt() const {
    const std::uint32_t starts = run_.part(part_).starts;
    if (purpose_ == Purpose::Key) return "1";
    return std::to_string(purpose_ == Purpose::Record ? std::max(starts, 1u) : starts + 1);
  }

  const Run& run_;
  const std::uint32_t part_;
  const Purpose purpose_;
  bool has_left_out_ = false;
};

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

// The shell lines that run one job of a fused chain.
std::string shell_lines(const Json& job, const std::string& name) {
  std::string arguments;
  if (job.contains("argv"))
    for (const auto& word : job["argv"]) arguments += " " + quoted(word.get<std::string>());
  if (!job.contains("script")) return "DROVER_STEP=" + quoted(name) + arguments + " || exit $?\n";
  const std::string script = job["script"].get<std::string>();
  std::string end = "DROVER_END";
  while (script.find(end) != std::string::npos) end += '_';
  return "f=$(mktemp) && cat >\"$f\" <<'" + end + "'\n" + script +
         (script.ends_with('\n') ? "" : "\n") + end +
         "\nchmod 700 \"$f\"; DROVER_STEP=" + quoted(name) + " \"$f\"" + arguments +
         "; s=$?; rm -f \"$f\"; [ $s = 0 ] || exit $s\n";
}

Result<void> check_program(const Json& job) {
  const bool bad_script = job.contains("script") && !job["script"].is_string();
  bool bad_words = job.contains("argv") && !job["argv"].is_array();
  if (job.contains("argv") && !bad_words)
    for (const auto& word : job["argv"]) bad_words = bad_words || !word.is_string();
  if (!bad_script && !bad_words) return {};
  return fail(Errc::BadInput, bad_script ? "script must be a text" : "argv must be a list of texts",
              {}, bad_script ? "script" : "argv");
}

void add_environment(Json& job, const std::vector<std::pair<std::string, std::string>>& pairs) {
  Json& env = job["env"];
  if (env.is_null()) env = Json::object();
  if (!env.is_structured()) return;  // whoever reads the job refuses it by name
  for (const auto& [name, value] : pairs)
    if (env.is_array())
      env.push_back(name + "=" + value);
    else
      env[name] = value;
}

bool is_for_engine(const Json& job) { return job.contains("engine") || job.contains("language"); }

class Composer {
 public:
  Composer(const Run& run, std::uint32_t part, Purpose purpose)
      : run_(run), index_(part), filler_(run, part, purpose) {}

  Result<Json> start() {
    auto job = fields();
    if (!job) return fail(job.error());
    add_items(*job, run_.part(index_).subset);
    add_waits(*job);
    name_it(*job);
    return job;
  }

  Result<DraftText> draft() {
    auto job = fields();
    if (!job) return fail(job.error());
    DraftText text;
    text.content = to_text(*job);
    name_it(*job);
    text.json = to_text(*job);
    return text;
  }

  // Whichever elements of it are asked for, and whatever they wait for.
  Result<std::string> key() {
    if (!step().cache.key.empty()) {
      Json key = step().cache.key;
      if (auto ok = filler_.fill(key); !ok) return fail(ok.error());
      if (key.is_string()) return key.get<std::string>();
    }
    auto job = fields();
    if (!job) return fail(job.error());
    add_items(*job, {});
    return to_text(*job);
  }

  Result<Json> fields() {
    auto job = step().replay.recorded != nullptr ? replayed() : own();
    if (!job) return job;
    if (filler_.has_left_out() && !job->contains("argv") && !job->contains("script")) {
      if (is_for_engine(*job))
        (*job)["script"] = "0";
      else
        (*job)["argv"] = Json::array({"true"});
    }
    return job;
  }

 private:
  const Part& part() const { return run_.plan().parts[index_]; }
  const Step& step() const { return run_.workflow().steps[part().step]; }

  Json layers(std::uint32_t index) const {
    const Part& what = run_.plan().parts[index];
    const Step& from = run_.workflow().steps[what.step];
    std::string text =
        laid_over(run_.workflow().defaults, what.role == PartRole::Undo ? from.undo : from.job);
    if (what.role == PartRole::Target) text = laid_over(text, from.targets.at(what.target));
    Json job = parse_json(text);
    return job.is_object() ? job : Json::object();
  }

  Result<Json> own() {
    Json job = layers(index_);
    if (auto ok = filler_.fill(job); !ok) return fail(ok.error());
    if (auto ok = fuse(job); !ok) return fail(ok.error());
    drop_left_out(job);
    return job;
  }

  // Above the defaults lies what was recorded, whose variables are replaced already, and above that
  // what the step itself says.
  Result<Json> replayed() {
    Json below = parse_json(run_.workflow().defaults), above = parse_json(step().job);
    if (!below.is_object()) below = Json::object();
    if (!above.is_object()) above = Json::object();
    for (Json* layer : {&below, &above}) {
      if (auto ok = filler_.fill(*layer); !ok) return fail(ok.error());
      drop_left_out(*layer);
    }
    Json recorded = parse_json(step().replay.recorded->job);
    if (!recorded.is_object()) return fail(Errc::Corrupt, "what was recorded is no job");
    if (above.contains("script") || above.contains("argv"))  // another program is compared
      for (const char* field : {"script", "argv", "engine", "language", "session", "reset"})
        recorded.erase(field);
    return parse_json(laid_over(laid_over(to_text(below), to_text(recorded)), to_text(above)));
  }

  Result<void> fuse(Json& job) {
    if (part().fused.empty()) return {};
    if (auto ok = check_program(job); !ok) return ok;
    std::string script = "#!/bin/sh\n" + shell_lines(job, step().name);
    for (const std::uint32_t behind : part().fused) {
      Json next = layers(behind);
      if (auto ok = filler_.fill(next); !ok) return ok;
      if (auto ok = check_program(next); !ok) return ok;
      script += shell_lines(next, run_.workflow().steps[run_.plan().parts[behind].step].name);
    }
    job.erase("argv");
    job["script"] = std::move(script);
    return {};
  }

  void drop_left_out(Json& job) const {
    if (!filler_.has_left_out()) return;
    std::vector<std::string> gone;
    for (const auto& [name, value] : job.items())
      if (Filler::has_null(value)) gone.push_back(name);
    for (const std::string& name : gone) job.erase(name);
  }

  void add_items(Json& job, const std::string& subset) const {
    const PartState& state = run_.part(index_);
    const PartRole role = part().role;
    if (!state.items || state.items->empty() || (role != PartRole::Run && role != PartRole::Target))
      return;
    job["array"] = subset.empty() ? "0-" + std::to_string(state.items->size() - 1) : subset;
    job["items"] = *state.items;
    if (step().foreach.throttle > 0) job["array_throttle"] = step().foreach.throttle;
  }

  void add_waits(Json& job) const {
    auto waits = Json::array();
    for (const Need& need : step().needs) {
      if (!need.element_wise || !job.contains("items")) continue;
      const PartState& before = run_.part(run_.voice_of(need.step));
      // Retried with other elements, it is waited for as a whole.
      const bool same = before.subset == run_.part(index_).subset;
      if (before.is_open)
        waits.push_back({{"kind", same ? "aftercorr" : "afterok"}, {"job", raw(before.job)}});
    }
    if (!waits.empty()) job["dependencies"] = std::move(waits);
  }

  void name_it(Json& job) const {
    const std::string name = part_name(run_.workflow(), part());
    if (!job.contains("name")) job["name"] = run_.workflow().name + "." + name;
    add_environment(job, {{"DROVER_WORKFLOW_ID", std::to_string(raw(run_.id()))},
                          {"DROVER_STEP", name},
                          {"DROVER_STEP_START", std::to_string(run_.part(index_).starts + 1)}});
  }

  const Run& run_;
  const std::uint32_t index_;
  Filler filler_;
};

}  // namespace

Result<std::string> job_text(const Run& run, std::uint32_t part) {
  auto job = Composer(run, part, Purpose::Start).start();
  return job ? Result<std::string>(to_text(*job)) : fail(job.error());
}

Result<ArrayText> array_text(const Run& run, const std::vector<std::uint32_t>& parts) {
  constexpr std::size_t kItemMax = 60 << 10, kItemsMax = 12 << 20;  // within those of arrays
  constexpr std::array kOwn{"name", "argv", "script", "env"};
  Json whole, items = Json::array();
  std::size_t bytes = 0;
  std::string last;
  for (const std::uint32_t part : parts) {
    auto job = Composer(run, part, Purpose::Start).start();
    if (!job && items.empty()) return fail(job.error());
    if (!job) break;  // said when it starts alone
    Json own = Json::object();
    for (const char* field : kOwn)
      if (const auto at = job->find(field); at != job->end()) {
        own[field] = std::move(*at);
        job->erase(at);
      }
    const bool differs = !items.empty() && *job != whole;
    const std::string text = to_text(own);
    bytes += text.size();
    if (differs || text.size() > kItemMax || bytes > kItemsMax) break;
    whole = *std::move(job);
    last = part_name(run.workflow(), run.plan().parts[part]);
    items.push_back(text);
  }
  ArrayText made{.json = {}, .count = items.size()};
  const std::string first = part_name(run.workflow(), run.plan().parts[parts.front()]);
  whole["name"] = (run.workflow().name + "." + first + ".." + last).substr(0, 200);
  whole["items"] = std::move(items);
  whole["items_run"] = true;
  made.json = to_text(whole);
  return made;
}

Result<DraftText> draft_job_text(const Run& run, std::uint32_t part) {
  return Composer(run, part, Purpose::Draft).draft();
}

Result<std::string> result_key(const Run& run, std::uint32_t part) {
  return Composer(run, part, Purpose::Key).key();
}

Result<std::string> recorded_job(const Run& run, std::uint32_t part) {
  auto job = Composer(run, part, Purpose::Record).fields();
  return job ? Result<std::string>(to_text(*job)) : fail(job.error());
}

}  // namespace drover::dag
