// tests/scenarios/stage.cpp - nodes that run what they are told for as long as the scenario says.
// SPDX-License-Identifier: Apache-2.0
#include "tests/scenarios/stage.hpp"

#include <algorithm>
#include <sstream>

#include "base/name_list.hpp"
#include "base/units.hpp"
#include "sched/components.hpp"

namespace drover::sched {
namespace {

// "cpus:2,nodes:2+cpus:1,gpus:1": the second and the third component.
bool add_components(const std::string& text, JobSpec& spec) {
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, '+');) {
    const auto counts = read_counts(one);
    if (!counts) return false;
    JobSpec part;
    for (const auto& [name, count] : *counts) {
      if (name == "cpus") part.request.cpus = count;
      if (name == "nodes") part.request.nodes = count;
      if (name == "gpus") part.request.gpus = count;
      if (name != "cpus" && name != "nodes" && name != "gpus") return false;
    }
    add_component(spec, part);
  }
  return true;
}

constexpr int kMomentsMax = 10'000;
constexpr Duration kYear = seconds(365LL * 86'400);
constexpr Time kBegin{1'893'456'000'000'000};  // 2030-01-01T00:00:00Z: easy to read in texts

ControllerConfig with_plans(ControllerConfig config) {
  config.inline_plan = one_step_plan();  // so that all of a moment compete in one pass
  return config;
}

std::string text_of(const std::vector<Duration>& times) {
  std::string text;
  for (const Duration at : times)
    text += (text.empty() ? "" : " ") + std::to_string(at.us / 1'000'000);
  return text.empty() ? "never" : text;
}

std::string joined(const std::vector<std::string>& words, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < words.size(); ++i) text += (i > from ? " " : "") + words[i];
  return text;
}

}  // namespace

Stage::Stage(std::string file, const Scenario& scenario)
    : file_(std::move(file)), scenario_(scenario), desk_(with_plans(scenario.config)) {
  desk_.now.wall = kBegin;
  begin_ = desk_.now.mono;
}

void Stage::blame(int line, const std::string& what) const {
  ADD_FAILURE_AT(file_.c_str(), line) << what;
}

void Stage::play() {
  for (const NodeLine& node : scenario_.nodes) {
    rm::NodeSpec spec{node.name, {}, rm::make_topology(1, 1, node.cpus, 1, 1000)};
    for (std::uint16_t g = 0; g < node.gpus; ++g)
      spec.topology.gpus.push_back({"a100", "pci" + std::to_string(g), g, 0});
    spec.topology.resources = node.resources;
    desk_.register_node(std::move(spec));
  }
  for (int moments = 0; const auto moment = next_moment(); ++moments) {
    if (moments == kMomentsMax) return blame(1, "it does not come to an end");
    desk_.pass({moment->us - elapsed().us});
    play_moment();
  }
  compare_starts();
}

std::optional<Duration> Stage::next_moment() const {
  std::optional<Duration> next;
  const auto consider = [&](Duration at) { next = next ? std::min(*next, at) : at; };
  if (next_line_ < scenario_.timeline.size()) consider(scenario_.timeline[next_line_].at);
  if (!ends_.empty()) consider(ends_.begin()->first);
  // A hold for times without end, which only another event can bring nearer, is none.
  if (const auto due = desk_.controller.next_timer(desk_.now))
    if (*due - begin_ < kYear) consider(std::max(*due - begin_, elapsed()));
  return next;
}

void Stage::play_moment() {
  while (!ends_.empty() && ends_.begin()->first <= elapsed()) {
    const Launch launch = running_.at(ends_.begin()->second);
    const Actor& actor = actors_.at(launch.id.task.job);
    const bool late = actor.limit.us > 0 && actor.run > actor.limit;
    if (leaving_.erase(launch.id.epoch) > 0)
      end_attempt(launch, EndCause::Exited, 1);
    else
      end_attempt(launch, late ? EndCause::TimeLimit : EndCause::Exited, actor.exit_code);
  }
  const std::size_t first = next_line_;
  for (; next_line_ < scenario_.timeline.size(); ++next_line_) {
    if (scenario_.timeline[next_line_].at > elapsed()) break;
    act(scenario_.timeline[next_line_]);
  }
  settle();
  for (std::size_t i = first; i < next_line_; ++i) look(scenario_.timeline[i]);
}

JobId Stage::job_of(const TimedLine& line) {
  const auto found = ids_.find(line.name);
  if (found != ids_.end()) return found->second;
  blame(line.line, "no job is called " + line.name);
  return JobId{0};
}

void Stage::act(const TimedLine& line) {
  if (line.verb == "submit") return submit(line);
  if (line.verb == "reserve") return reserve(line);
  if (line.verb == "unreserve")
    return desk_.put(RemoveReservation{ReplyToken{}, {0, true}, line.name});
  if (line.verb == "why" || line.verb == "state") return;
  if (line.verb == "add") {
    const auto cpus = parse_integer(read_options(line.words)["cpus"], 1, 1000, "cpus");
    return cpus ? desk_.node_up(line.name, std::uint16_t(*cpus))
                : blame(line.line, cpus.error().message);
  }
  if (line.verb == "licences") {
    auto totals = read_counts(line.name);
    if (!totals) return blame(line.line, "say at 10 licences matlab:4,ansys:1");
    return desk_.put(SetLicences{*std::move(totals)});
  }
  if (line.verb == "drain" || line.verb == "resume") {
    ServeNode serve;
    serve.actor = {0, true};
    serve.node = line.name;
    serve.service = line.verb == "drain" ? Service::Draining : Service::InService;
    return desk_.put(std::move(serve));
  }
  Command command;
  command.verb = line.verb == "cancel"    ? Verb::Cancel
                 : line.verb == "hold"    ? Verb::Hold
                 : line.verb == "release" ? Verb::Release
                 : line.verb == "suspend" ? Verb::Suspend
                 : line.verb == "wake"    ? Verb::Resume
                                          : Verb::Requeue;
  command.actor = {0, true};
  command.target.job = job_of(line);
  desk_.put(std::move(command));
}

// A refusal shows in what is on the calendar then.
void Stage::reserve(const TimedLine& line) {
  auto options = read_options(line.words);
  PutReservation put;
  put.actor = {0, true};
  Reservation& made = put.reservation;
  made.name = line.name;
  made.start = kBegin + read_time(options["start"]).value_or(Duration{});
  made.length = read_time(options["length"]).value_or(Duration{});
  if (options.contains("repeat")) made.repeat = parse_repeat(options["repeat"]).value();
  made.maintenance = options.contains("maintenance");
  made.magnetic = options.contains("magnetic");
  made.flexible = options.contains("flexible");
  put.ignore_jobs = options.contains("ignore-jobs");
  if (options.contains("user")) made.users = {options["user"]};
  if (options.contains("licences")) made.licences = read_counts(options["licences"]).value();
  ReservedNode part{"", !options.contains("cpus"), {}};
  if (!part.whole)
    part.amounts[rm::Kind::CpuMilli] =
        parse_integer(options["cpus"], 1, 1000, "cpus").value() * 1000;
  const auto nodes = unfold_names(options["nodes"], 1000);
  for (const std::string& node : nodes.value_or(std::vector<std::string>{})) {
    part.node = node;
    made.nodes.push_back(part);
  }
  desk_.put(std::move(put));
  const bool there = desk_.controller.calendar().find(line.name) != nullptr;
  if (there == options.contains("refused"))
    blame(line.line, there ? "it was not refused" : "the reservation was refused");
}

namespace {

const std::map<std::string, DependencyKind>& dependency_words() {
  static const std::map<std::string, DependencyKind> words{
      {"after", DependencyKind::After},
      {"afterany", DependencyKind::AfterAny},
      {"afterok", DependencyKind::AfterOk},
      {"afternotok", DependencyKind::AfterNotOk},
      {"aftercorr", DependencyKind::AfterCorr}};
  return words;
}

}  // namespace

void Stage::submit(const TimedLine& line) {
  auto options = read_options(line.words);
  const auto take = [&](const std::string& key, const std::string& otherwise) {
    const auto found = options.find(key);
    if (found == options.end()) return otherwise;
    std::string value = found->second;
    options.erase(found);
    return value;
  };
  const auto number = [&](const std::string& key, const std::string& otherwise) {
    const auto value = parse_integer(take(key, otherwise), -1'000'000, 1'000'000, key);
    if (!value) blame(line.line, value.error().message);
    return value.value_or(0);
  };
  const auto time = [&](const std::string& key, const std::string& otherwise) {
    const auto value = read_time(take(key, otherwise));
    if (!value) blame(line.line, value.error().message);
    return value.value_or(Duration{});
  };
  JobSpec spec = Desk::spec(take("user", "ann"), number("cpus", "1"));
  const auto licences = read_counts(take("licences", ""));
  if (!licences) return blame(line.line, "say licences=matlab:2,ansys");
  spec.request.licences = *licences;
  spec.request.resources = read_counts(take("resources", "")).value_or(rm::Counts{{"?", 1}});
  spec.request.gpus = number("gpus", "0");
  spec.request.gpu_share = number("share", "0");
  Actor actor{
      .name = line.name, .run = {}, .limit = time("limit", "0"), .exit_code = 0, .starts = {}};
  actor.leaves = time("leaves", "0");
  actor.run = time("run", std::to_string(actor.limit.us / 1'000'000));
  actor.exit_code = std::int32_t(number("exit", "0"));
  if (actor.run.us <= 0) return blame(line.line, "say run= or limit=: how long it runs");
  spec.name = line.name;
  spec.time_limit = actor.limit;
  spec.request.nodes = number("nodes", "1");
  spec.request.nodes_max = number("nodes_max", "0");
  spec.request.contiguous = options.erase("contiguous") > 0;
  spec.reservation = take("reservation", "");
  spec.request.exclusive = options.erase("exclusive") > 0;
  if (options.erase("alone") > 0) spec.request.sole_user = std::int64_t(spec.owner.uid) + 1;
  spec.priority = std::int32_t(number("priority", "0"));
  spec.labels["creator"] = take("creator", "cli");
  if (const std::string qos = take("qos", ""); !qos.empty()) spec.labels["qos"] = qos;
  if (options.contains("begin")) spec.begin = kBegin + time("begin", "0");
  spec.hold = options.erase("hold") > 0;
  spec.retry.max = std::uint32_t(number("retry", "0"));
  if (spec.retry.max > 0) spec.retry.delay = time("delay", "0");
  const std::uint32_t throttle = std::uint32_t(number("throttle", "0"));
  if (const std::string elements = take("array", ""); !elements.empty()) {
    spec.is_array = true;
    spec.array = IndexSet::parse(elements).value();
    spec.array_throttle = throttle;
  }
  for (const auto& [key, kind] : dependency_words()) {
    const std::string other = take(key, "");
    if (other.empty()) continue;
    if (!ids_.contains(other)) return blame(line.line, "no job is called " + other);
    spec.dependencies.push_back({kind, ids_.at(other), 0});
  }
  if (!add_components(take("more", ""), spec))
    return blame(line.line, "say more=cpus:2,nodes:2+cpus:1,gpus:1");
  if (!options.empty()) return blame(line.line, "unknown: " + options.begin()->first);
  // Ids are given one after the other to what is accepted.
  const JobId id{actors_.size() + 1};
  desk_.put(
      Submit{ReplyToken{std::uint64_t(line.line)}, std::make_shared<const JobSpec>(spec), {}});
  if (!desk_.controller.job(id)) return blame(line.line, "the submission was refused");
  ids_[line.name] = id;
  actors_[id] = std::move(actor);
}

void Stage::settle() {
  for (bool again = true; again;) {
    desk_.turn();
    again = launches_seen_ < desk_.launches.size() || kills_seen_ < desk_.kills.size();
    while (launches_seen_ < desk_.launches.size())
      begin_attempt(Launch(desk_.launches[launches_seen_++]));
    again |= pauses_seen_ < desk_.pauses.size();
    while (kills_seen_ < desk_.kills.size()) on_kill(Kill(desk_.kills[kills_seen_++]));
    while (pauses_seen_ < desk_.pauses.size()) on_pause(desk_.pauses[pauses_seen_++]);
  }
}

// A signal alone is notice: some leave because of it, after a while.
void Stage::on_kill(const Kill& kill) {
  const auto attempt = running_.find(kill.id.epoch);
  if (attempt == running_.end()) return;
  if (kill.signal == 0) return end_attempt(Launch(attempt->second), EndCause::Killed, 0);
  const Duration after = actors_.at(kill.id.task.job).leaves;
  if (after.us == 0) return;
  std::erase_if(ends_, [&](const auto& end) { return end.second == kill.id.epoch; });
  ends_.insert({Duration{elapsed().us + after.us}, kill.id.epoch});
  leaving_.insert(kill.id.epoch);
}

void Stage::on_pause(const Pause& pause) {
  const Epoch epoch = pause.id.epoch;
  if (!running_.contains(epoch)) return;
  const auto end =
      std::ranges::find_if(ends_, [&](const auto& entry) { return entry.second == epoch; });
  if (pause.suspended && end != ends_.end()) {
    left_[epoch] = Duration{end->first.us - elapsed().us};
    ends_.erase(end);
  } else if (const auto left = left_.find(epoch); !pause.suspended && left != left_.end()) {
    ends_.insert({Duration{elapsed().us + left->second.us}, epoch});
    left_.erase(left);
  }
}

void Stage::begin_attempt(const Launch& launch) {
  Actor& actor = actors_.at(launch.id.task.job);
  actor.starts.push_back(elapsed());
  running_[launch.id.epoch] = launch;
  ends_.insert({Duration{elapsed().us + actor.run.us}, launch.id.epoch});
  desk_.put(TaskStarted{launch.node, launch.session, launch.id, desk_.now.wall});
}

void Stage::end_attempt(const Launch& launch, EndCause cause, std::int32_t exit_code) {
  running_.erase(launch.id.epoch);
  std::erase_if(ends_, [&](const auto& end) { return end.second == launch.id.epoch; });
  TaskEnded end;
  end.node = launch.node;
  end.session = launch.session;
  end.id = launch.id;
  end.cause = cause;
  end.exit_code = exit_code;
  end.started = end.ended = desk_.now.wall;
  desk_.put(std::move(end));
}

void Stage::look(const TimedLine& line) {
  if (line.verb != "why" && line.verb != "state") return;
  const JobId id = job_of(line);
  if (raw(id) == 0) return;
  const std::string expected = line.words.empty() ? "" : line.words.front();
  const std::string when = " at " + std::to_string(line.at.us / 1'000'000) + " s";
  if (line.verb == "state") {
    const std::string is(to_string(desk_.state(id)));
    if (is != expected) blame(line.line, line.name + " is " + is + when);
    return;
  }
  const auto why = desk_.controller.why(id, {}, desk_.now);
  if (!why) return blame(line.line, line.name + " has ended" + when);
  const std::string reason(to_string(why->reason)), said = joined(line.words, 1);
  if (reason != expected || why->text.find(said) == std::string::npos)
    blame(line.line, line.name + " waits" + when + " for " + reason + ": " + why->text);
}

void Stage::compare_starts() {
  for (const StartsLine& line : scenario_.starts) {
    const auto id = ids_.find(line.job);
    if (id == ids_.end()) {
      blame(line.line, "no job is called " + line.job);
      continue;
    }
    const Actor& actor = actors_.at(id->second);
    if (actor.starts != line.at) blame(line.line, line.job + " started: " + text_of(actor.starts));
  }
}

}  // namespace drover::sched
