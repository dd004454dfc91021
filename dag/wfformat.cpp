// dag/wfformat.cpp - tasks, parents and run times of a recorded workflow.
// SPDX-License-Identifier: Apache-2.0
#include "dag/wfformat.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "dag/doc_json.hpp"

namespace drover::dag {
namespace {

constexpr double kSecondsMax = 1e9;

std::string text_of(const Json& task, const char* name) {
  const auto found = task.find(name);
  return found != task.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const Json* list_at(const Json& from, std::initializer_list<const char*> path) {
  const Json* at = &from;
  for (const char* name : path) {
    const auto found = at->is_object() ? at->find(name) : at->end();
    if (!at->is_object() || found == at->end()) return nullptr;
    at = &*found;
  }
  return at->is_array() ? at : nullptr;
}

class Reader {
 public:
  explicit Reader(const std::string& origin) : origin_(origin) {}

  Result<RecordedWorkflow> read(const Json& root) {
    made_.name = text_of(root, "name");
    const Json* tasks = list_at(root, {"workflow", "specification", "tasks"});  // from 1.5 on
    const Json* runs = list_at(root, {"workflow", "execution", "tasks"});
    if (tasks == nullptr) tasks = runs = list_at(root, {"workflow", "tasks"});
    if (tasks == nullptr) tasks = runs = list_at(root, {"workflow", "jobs"});  // up to 1.2
    if (tasks == nullptr || runs == nullptr)
      return wrong("has no list of tasks", "this reads WfFormat 1.3 to 1.5 (WfCommons)");
    if (tasks->size() > kRecordedTasksMax)
      return fail(Errc::Limit,
                  origin_ + " has more than " + std::to_string(kRecordedTasksMax) + " tasks",
                  "take a smaller one");
    if (tasks->empty()) return wrong("has no tasks", "take another");
    if (auto read = read_names(*tasks); !read) return fail(read.error());
    if (auto read = read_edges(*tasks); !read) return fail(read.error());
    if (auto read = read_times(*runs); !read) return fail(read.error());
    return std::move(made_);
  }

 private:
  tl::unexpected<Error> wrong(std::string message, std::string hint = {}) const {
    return fail(Errc::BadInput, origin_ + " " + std::move(message), std::move(hint));
  }

  static std::string id_of(const Json& task) {
    const std::string id = text_of(task, "id");
    return id.empty() ? text_of(task, "name") : id;
  }

  Result<void> read_names(const Json& tasks) {
    for (const Json& task : tasks) {
      const std::string id = task.is_object() ? id_of(task) : std::string();
      if (id.empty()) return wrong("has a task without id and name");
      if (!positions_.emplace(id, std::uint32_t(made_.tasks.size())).second)
        return wrong("has two tasks '" + id + "'");
      made_.tasks.push_back({.name = id, .after = {}});
    }
    for (std::uint32_t t = 0; t < tasks.size(); ++t)  // older files refer to names
      positions_.emplace(text_of(tasks[t], "name"), t);
    return {};
  }

  Result<void> read_edges(const Json& tasks) {
    for (std::uint32_t t = 0; t < tasks.size(); ++t) {
      for (const bool is_parent : {true, false}) {
        const Json* others = list_at(tasks[t], {is_parent ? "parents" : "children"});
        if (others == nullptr) continue;
        for (const Json& other : *others) {
          const auto found =
              other.is_string() ? positions_.find(other.get<std::string>()) : positions_.end();
          if (found == positions_.end())
            return wrong("has a task '" + made_.tasks[t].name +
                         "' beside one that is not there: " + to_text(other).substr(0, 80));
          const std::uint32_t first = is_parent ? found->second : t;
          made_.tasks[is_parent ? t : found->second].after.push_back(first);
        }
      }
    }
    for (RecordedTask& task : made_.tasks) {
      std::ranges::sort(task.after);
      task.after.erase(std::unique(task.after.begin(), task.after.end()), task.after.end());
    }
    return {};
  }

  Result<void> read_times(const Json& runs) {
    for (const Json& run : runs) {
      const auto found = positions_.find(run.is_object() ? id_of(run) : std::string());
      if (found == positions_.end()) continue;
      for (const char* name : {"runtimeInSeconds", "runtime"}) {
        const auto time = run.find(name);
        if (time == run.end()) continue;
        const double value = time->is_number() ? time->get<double>() : -1;
        if (!(value >= 0 && value <= kSecondsMax))
          return wrong("has a task '" + found->first + "' with an impossible run time");
        made_.tasks[found->second].run = Duration{std::llround(value * 1e6)};
        break;
      }
    }
    return {};
  }

  const std::string& origin_;
  RecordedWorkflow made_;
  std::map<std::string, std::uint32_t> positions_;
};

// "a.b c" -> "a-b-c", cut, and with a number where another has that name.
std::vector<std::string> step_names(const RecordedWorkflow& workflow) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const RecordedTask& task : workflow.tasks) {
    std::string name;
    for (const char c : task.name) {
      const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
      name += is_word ? c : '-';
    }
    // The end tells tasks of one kind apart.
    constexpr std::size_t kNameMax = 56;
    if (name.size() > kNameMax) name.erase(0, name.size() - kNameMax);
    name.erase(0, std::min(name.find_first_not_of("_-"), name.size()));
    if (name.empty()) name = "task";
    std::string other = name;
    for (std::size_t i = 2; !taken.insert(other).second; ++i)
      other = name + "-" + std::to_string(i);
    names.push_back(std::move(other));
  }
  return names;
}

std::string seconds_text(Duration run) {
  std::string text = std::to_string(run.us / 1'000'000);
  std::string rest = std::to_string(1'000'000 + run.us % 1'000'000).substr(1);
  rest.erase(rest.find_last_not_of('0') + 1);
  return rest.empty() ? text : text + "." + rest;
}

std::string one_line(std::string text) {
  std::erase_if(text, [](char c) { return c >= 0 && c < ' '; });
  return text;
}

}  // namespace

Result<RecordedWorkflow> read_wfformat(std::string_view text, const std::string& origin) {
  if (text.size() > kRecordBytesMax)
    return fail(Errc::Limit,
                origin + " has more than " + std::to_string(kRecordBytesMax) + " bytes",
                "take a smaller one");
  const Json root = parse_json(text);
  if (!root.is_object())
    return fail(Errc::BadInput, origin + " is no JSON object",
                "this reads WfFormat 1.3 to 1.5 (WfCommons)");
  return Reader(origin).read(root);
}

std::string to_toml(const RecordedWorkflow& workflow) {
  const std::vector<std::string> names = step_names(workflow);
  std::string text = "name = " + to_text(Json(one_line(workflow.name))) + "\n";
  for (std::size_t t = 0; t < names.size(); ++t) {
    const RecordedTask& task = workflow.tasks[t];
    text += "\n[[step]]\nname = \"" + names[t] + "\"\n";
    text += "command = [\"sleep\", \"" + seconds_text(task.run) + "\"]\n";
    // For the longest path: tenths of a second.
    text += "weight = " +
            std::to_string(std::clamp<std::int64_t>(task.run.us / 100'000, 1, 1'000'000)) + "\n";
    if (task.after.empty()) continue;
    text += "needs = [";
    for (std::size_t i = 0; i < task.after.size(); ++i)
      text += (i == 0 ? "\"" : ", \"") + names[task.after[i]] + "\"";
    text += "]\n";
  }
  return text;
}

std::string to_jsonl(const RecordedWorkflow& workflow) {
  const std::vector<std::string> names = step_names(workflow);
  std::string text;
  for (std::size_t t = 0; t < names.size(); ++t) {
    const RecordedTask& task = workflow.tasks[t];
    // The simulator drops jobs that take no time: these take a microsecond.
    const Duration run{std::max<std::int64_t>(task.run.us, 1)};
    text +=
        "{\"id\":\"" + names[t] + "\",\"submit\":0,\"run\":" + seconds_text(run) + ",\"cpus\":1";
    if (!task.after.empty()) {
      text += ",\"after\":[";
      for (std::size_t i = 0; i < task.after.size(); ++i)
        text += (i == 0 ? "\"" : ",\"") + names[task.after[i]] + "\"";
      text += "]";
    }
    text += "}\n";
  }
  return text;
}

}  // namespace drover::dag
