// server/launch_order.cpp - the spec and the lease as one order; DROVER_* and SLURM_* variables.
// SPDX-License-Identifier: Apache-2.0
#include "server/launch_order.hpp"

#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/name_list.hpp"
#include "sched/components.hpp"
#include "sched/layout.hpp"
#include "sched/output_path.hpp"
#include "server/item_command.hpp"
#include "server/layout_words.hpp"

namespace drover::server {
namespace {

// Variables of one attempt; the first of a name wins.
class Environment {
 public:
  explicit Environment(proto::LaunchOrder& order) : order_(order) {}
  void add(std::string_view name, std::string_view value) {
    if (!names_.emplace(name).second) return;
    std::string* entry = order_.add_env();
    entry->reserve(name.size() + value.size() + 1);
    entry->append(name).append("=").append(value);
  }
  void add(std::string_view name, std::uint64_t value) { add(name, std::to_string(value)); }
  void add_entry(const std::string& entry) {
    const std::size_t equals = entry.find('=');
    if (equals == 0 || equals == std::string::npos) return;
    add(std::string_view(entry).substr(0, equals), std::string_view(entry).substr(equals + 1));
  }

 private:
  proto::LaunchOrder& order_;
  std::set<std::string, std::less<>> names_;
};

std::string join(const std::vector<std::uint16_t>& numbers) {
  std::string text;
  for (std::uint16_t n : numbers) {
    if (!text.empty()) text += ',';
    text += std::to_string(n);
  }
  return text;
}

// "4", or "4(x3)" for three nodes.
std::string repeated(std::int64_t count, std::size_t nodes) {
  return std::to_string(count) + (nodes > 1 ? "(x" + std::to_string(nodes) + ")" : "");
}

// "2(x2),1": equal neighbours are counted.
std::string repeated(const std::vector<std::int64_t>& counts) {
  std::string text;
  for (std::size_t i = 0; i < counts.size();) {
    std::size_t end = i + 1;
    while (end < counts.size() && counts[end] == counts[i]) ++end;
    text += (text.empty() ? "" : ",") + repeated(counts[i], end - i);
    i = end;
  }
  return text;
}

// What `drover step` needs to start the tasks of the head, and what programs ask for.
void add_tasks(Environment& env, const sched::JobSpec& spec, const sched::Launch& launch,
               const std::vector<rm::NodeSeats>& layout) {
  std::vector<std::int64_t> counts, cpus;
  for (const rm::NodeSeats& seats : layout) counts.push_back(std::int64_t(seats.size()));
  rm::for_each_part(launch.lease, [&](const rm::NodePart& part) {
    cpus.push_back(part.amounts[rm::Kind::CpuMilli] / 1000);
  });
  std::vector<std::uint32_t> ids;
  std::map<std::string, std::size_t> known;  // lists that many tasks share are written once
  std::string lists;
  for (const rm::TaskSeat& seat : layout.front()) {
    if (!ids.empty()) lists += ';';
    const auto [list, is_new] = known.emplace(ranges(seat.pus), ids.size());
    lists += is_new ? list->first : "=" + std::to_string(list->second);
    ids.push_back(seat.task);
  }
  const auto ntasks = std::uint64_t(sched::tasks_on(spec, layout.size()));
  for (const std::string_view name : {"DROVER_NTASKS", "SLURM_NTASKS", "SLURM_NPROCS"})
    env.add(name, ntasks);
  for (const std::string_view name : {"DROVER_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE"})
    env.add(name, repeated(counts));
  env.add("DROVER_TASK_IDS", ranges(ids));
  if (!launch.lease.pus.empty()) env.add("DROVER_TASK_CPUS", lists);
  env.add("DROVER_CPU_BIND", to_string(spec.layout.cpu_bind));
  if (spec.layout.verbose) env.add("DROVER_BIND_VERBOSE", 1);
  env.add("DROVER_MEM_BIND", to_string(spec.layout.mem_bind));
  env.add("DROVER_DISTRIBUTION", distribution_text(spec.layout));
  env.add("SLURM_DISTRIBUTION", distribution_text(spec.layout));
  env.add("SLURM_JOB_CPUS_PER_NODE", repeated(cpus));
  env.add("SLURM_CPUS_ON_NODE", std::uint64_t(cpus.front()));
  const std::pair<std::string_view, std::int32_t> said[] = {
      {"SLURM_NTASKS_PER_NODE", spec.ntasks_per_node},
      {"SLURM_NTASKS_PER_SOCKET", spec.layout.ntasks_per_socket},
      {"SLURM_NTASKS_PER_CORE", spec.layout.ntasks_per_core},
      {"SLURM_THREADS_PER_CORE", spec.layout.threads_per_core}};
  for (const auto& [name, number] : said)
    if (number > 0) env.add(name, std::uint64_t(number));
}

void add_job(Environment& env, const sched::JobSpec& spec, const sched::Launch& launch,
             const std::string& node) {
  const std::uint64_t job = raw(launch.id.task.job);
  env.add("DROVER_JOB_ID", job);
  env.add("DROVER_TASK", raw(launch.id.task.index));
  env.add("DROVER_ATTEMPT", raw(launch.id.number));
  env.add("DROVER_JOB_NAME", spec.name);
  env.add("DROVER_NODE", node);
  env.add("DROVER_NODELIST", launch.nodes.empty() ? node : launch.nodes);
  env.add("DROVER_NNODES", launch.lease.node_count());
  env.add("DROVER_CPUS", std::uint64_t(spec.request.cpus));
  env.add("DROVER_MEM_MIB", std::uint64_t(spec.request.mem_mib));
  env.add("SLURM_JOB_ID", job);
  env.add("SLURM_JOBID", job);
  env.add("SLURM_JOB_NAME", spec.name);
  env.add("SLURM_JOB_USER", spec.user);
  env.add("SLURM_JOB_UID", spec.owner.uid);
  env.add("SLURM_SUBMIT_DIR", spec.cwd);
  env.add("SLURM_RESTART_COUNT", raw(launch.id.number) - 1);
}

// The programs that ask the vendor's library get these cards. Who has none must not find those of
// others; where no cards are known the user's own setting stays.
void add_gpus(Environment& env, const sched::Launch& launch, const LaunchSite& site) {
  constexpr std::string_view kVisible[] = {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"};
  if (launch.lease.gpus.empty()) {
    const auto node = site.resources.node(launch.lease.node);
    if (node && !node->spec->topology.gpus.empty())
      for (const std::string_view name : kVisible) env.add(name, "");
    return;
  }
  const std::string gpus = join(launch.lease.gpus);
  for (const std::string_view name : {"DROVER_GPUS", "SLURM_JOB_GPUS"}) env.add(name, gpus);
  for (const std::string_view name : kVisible) env.add(name, gpus);
  // As the agent counts; CUDA alone puts the fastest card first.
  env.add("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  if (const std::int64_t share = rm::gpu_share_of(launch.lease)) {
    const std::string thousandths = std::to_string(1000 + share).substr(1);
    env.add("DROVER_GPU_SHARE", "0." + thousandths);
  }
}

void add_resources(Environment& env, const sched::JobSpec& spec, const sched::Launch& launch,
                   const LaunchSite& site) {
  const std::string& node = site.node;
  env.add("SLURM_CPUS_PER_TASK", std::uint64_t(spec.cpus_per_task));
  env.add("SLURM_NNODES", launch.lease.node_count());
  env.add("SLURM_JOB_NUM_NODES", launch.lease.node_count());
  env.add("SLURM_NODEID", std::uint64_t(0));
  env.add("SLURM_PROCID", std::uint64_t(0));
  env.add("SLURM_LOCALID", std::uint64_t(0));
  env.add("SLURMD_NODENAME", node);
  const std::string& list = launch.nodes.empty() ? node : launch.nodes;
  env.add("SLURM_NODELIST", list);
  env.add("SLURM_JOB_NODELIST", list);
  if (spec.request.mem_mib > 0) env.add("SLURM_MEM_PER_NODE", std::uint64_t(spec.request.mem_mib));
  add_gpus(env, launch, site);
}

// Of several components: how many, and of each what a job alone would find, its number behind it.
void add_components(Environment& env, const sched::JobSpec& spec, const sched::Launch& launch,
                    const LaunchSite& site) {
  const std::size_t count = sched::component_count(spec);
  if (count == 1) return;
  for (const std::string_view name : {"DROVER_HET_SIZE", "SLURM_HET_SIZE"}) env.add(name, count);
  env.add("DROVER_HET_NODELIST", launch.nodes);
  env.add("DROVER_HET_NNODES", launch.lease.node_count());
  for (std::size_t at = 0; at < count; ++at) {
    const sched::JobSpec part = sched::component_of(spec, at);
    const rm::Lease lease = sched::lease_of(launch.lease, at);
    std::vector<std::string> nodes;
    std::vector<std::int64_t> cpus;
    rm::for_each_part(lease, [&](const rm::NodePart& on) {
      const auto node = site.resources.node(on.node);
      nodes.push_back(node && node->spec != nullptr ? node->spec->name : "?");
      cpus.push_back(on.amounts[rm::Kind::CpuMilli] / 1000);
    });
    const std::string number = "_HET_GROUP_" + std::to_string(at);
    const auto both = [&](const std::string& name, const std::string& value) {
      env.add("DROVER_" + name + number, value);
      env.add("SLURM_" + name + number, value);
    };
    both("NODELIST", fold_names(nodes));
    both("NNODES", std::to_string(nodes.size()));
    both("NTASKS", std::to_string(part.ntasks));
    both("CPUS_PER_TASK", std::to_string(part.cpus_per_task));
    env.add("SLURM_JOB_ID" + number, raw(launch.id.task.job));
    env.add("SLURM_JOB_NODELIST" + number, fold_names(nodes));
    env.add("SLURM_JOB_NUM_NODES" + number, nodes.size());
    env.add("SLURM_JOB_CPUS_PER_NODE" + number, repeated(cpus));
    both("MEM_PER_NODE", std::to_string(part.request.mem_mib));
    both("JOB_GPUS", std::to_string(part.request.gpus));
  }
}

// The script runs on the first component and finds there what it would find if it were alone.
sched::Launch first_component(const sched::Launch& launch, const LaunchSite& site) {
  sched::Launch first = launch;
  first.lease = sched::lease_of(launch.lease, 0);
  std::vector<std::string> nodes;
  rm::for_each_part(first.lease, [&](const rm::NodePart& part) {
    const auto node = site.resources.node(part.node);
    nodes.push_back(node && node->spec != nullptr ? node->spec->name : "?");
  });
  first.nodes = nodes.size() > 1 ? fold_names(nodes) : std::string();
  return first;
}

// Who it is, where it is, and with what.
void add_place(Environment& env, const sched::JobSpec& spec, const sched::Launch& launch,
               const LaunchSite& site) {
  add_job(env, spec, launch, site.node);
  add_tasks(env, spec, launch, sched::layout_of(spec, launch.lease, site.resources));
  add_resources(env, spec, launch, site);
}

sched::JobSpec first_of(const sched::JobSpec& spec) {
  sched::JobSpec first = sched::component_of(spec, 0);
  first.name = spec.name;
  first.cwd = spec.cwd;
  return first;
}

void add_array(Environment& env, const sched::JobSpec& spec, TaskId task) {
  if (!spec.is_array || spec.array.empty()) return;
  env.add("SLURM_ARRAY_JOB_ID", raw(task.job));
  env.add("SLURM_ARRAY_TASK_ID", raw(task.index));
  env.add("SLURM_ARRAY_TASK_COUNT", spec.array.count());
  env.add("SLURM_ARRAY_TASK_MIN", *spec.array.first());
  env.add("SLURM_ARRAY_TASK_MAX", spec.array.max());
  env.add("SLURM_ARRAY_TASK_STEP", spec.array.runs().size() == 1 ? spec.array.runs()[0].step : 1u);
}

void add_user(Environment& env, const sched::JobSpec& spec, const Users::Entry& user) {
  for (const std::string& entry : spec.env) env.add_entry(entry);
  env.add("USER", spec.user);
  env.add("LOGNAME", spec.user);
  env.add("HOME", user.home);
  env.add("SHELL", user.shell.empty() ? std::string_view("/bin/sh") : std::string_view(user.shell));
  env.add("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
  env.add("LANG", "C.UTF-8");
}

}  // namespace

void set_attempt(const AttemptId& id, proto::AttemptRef& ref) {
  ref.set_job(raw(id.task.job));
  ref.set_task(raw(id.task.index));
  ref.set_attempt(raw(id.number));
  ref.set_epoch(raw(id.epoch));
}

AttemptId to_attempt(const proto::AttemptRef& ref) {
  return {{JobId(ref.job()), TaskIndex(ref.task())}, AttemptNo(ref.attempt()), Epoch(ref.epoch())};
}

Result<TaskFiles> task_files(const sched::JobSpec& spec, TaskId task, const std::string& node) {
  sched::PathValues values;
  values.task = task;
  values.is_array = spec.is_array;
  values.name = spec.name;
  const std::string head = first_name(node);  // that of a gang's first node
  values.node = std::string_view(head).substr(0, head.find('.'));
  values.user = spec.user;
  values.cwd = spec.cwd;
  TaskFiles files;
  for (auto [pattern, path] :
       {std::pair(&spec.out, &files.out), {&spec.err, &files.err}, {&spec.in, &files.in}}) {
    if (pattern->empty()) continue;
    auto expanded = sched::expand_path(*pattern, values);
    if (!expanded) return fail(expanded.error());
    *path = std::move(*expanded);
  }
  if (files.err == files.out) files.err.clear();
  return files;
}

// What waits on an engine behind a statement that takes longer may run on another one by then. A
// session has no other, and its order.
constexpr std::int64_t kReturnAfterMs = 50;

// The engine has its own environment: of the job only what its user gave it goes along.
void fill_statement(const sched::JobSpec& spec, const TaskFiles& files,
                    const StatementLimits& limits, proto::LaunchOrder& order) {
  proto::Statement& statement = *order.mutable_statement();
  statement.set_language(spec.statement->language);
  statement.set_results(files.out.substr(0, files.out.rfind('/')));
  statement.set_reset(spec.statement->reset);
  statement.set_log_bytes(limits.log_bytes);
  statement.set_result_bytes(limits.result_bytes);
  statement.set_result_rows(limits.result_rows);
  statement.set_preview_bytes(limits.preview_bytes);
  if (spec.statement->session.empty()) statement.set_return_after_ms(kReturnAfterMs);
  for (const std::string& entry : spec.env) order.add_env(entry);
  order.add_env("DROVER_JOB_ID=" + std::to_string(order.id().job()));
  order.set_cwd(spec.cwd);
  order.set_out(files.out);
  order.set_time_limit_us(spec.time_limit.us);
}

void fill_engine(const sched::EngineHost& engine, proto::EngineHost& out) {
  out.set_name(engine.name);
  out.set_type(engine.type);
  out.set_pool(engine.pool);
  out.set_options(engine.options);
}

// The job's command with the element's item in it.
void fill_command(const sched::JobSpec& spec, std::uint32_t index, Environment& env,
                  proto::LaunchOrder& order) {
  const bool has_item = index < spec.items.size();
  for (const std::string& arg : spec.argv)
    order.add_argv(has_item ? sched::fill_in_item(arg, spec.items[index], index) : arg);
  order.set_script(spec.script);
  if (has_item) env.add("DROVER_ITEM", spec.items[index]);
}

// An element that is a command of its own: it runs as if it were alone.
void fill_command(const ItemCommand& command, Environment& env, proto::LaunchOrder& order) {
  for (const std::string& arg : command.argv) order.add_argv(arg);
  order.set_script(command.script);
  for (const auto& [name, value] : command.env) env.add(name, value);
}

Result<std::optional<ItemCommand>> own_command(const sched::JobSpec& spec, std::uint32_t index) {
  if (!spec.items_run) return std::optional<ItemCommand>();
  if (index >= spec.items.size())
    return fail(Errc::Corrupt, "element " + std::to_string(index) + " has no command");
  auto command = read_item_command(spec.items[index]);
  if (!command) return fail(std::move(command.error()));
  return std::optional<ItemCommand>(*std::move(command));
}

Result<void> fill_launch(const sched::JobSpec& spec, const sched::Launch& launch,
                         const LaunchSite& site, proto::LaunchOrder& order) {
  auto files = task_files(spec, launch.id.task, site.node);
  if (!files) return fail(files.error());
  set_attempt(launch.id, *order.mutable_id());
  const bool is_shared = spec.statement && spec.statement->runs_as;
  order.set_uid(sched::files_owner(spec).uid);
  order.set_gid(sched::files_owner(spec).gid);
  order.set_user(is_shared ? spec.statement->runs_as->user : spec.user);
  const std::uint32_t index = raw(launch.id.task.index);
  const auto own = own_command(spec, index);
  if (!own) return fail(own.error());
  order.set_job_name(*own && !(*own)->name.empty() ? (*own)->name : spec.name);
  order.set_kill_grace_s(std::int32_t(site.kill_grace_s));
  if (spec.statement) {
    order.set_script(spec.script);
    fill_statement(spec, *files, site.statements, order);
    return {};
  }
  if (spec.engine) fill_engine(*spec.engine, *order.mutable_engine());
  Environment env(order);
  if (*own)
    for (const char* name : {"DROVER_JOB_NAME", "SLURM_JOB_NAME"}) env.add(name, order.job_name());
  add_components(env, spec, launch, site);
  const bool is_alone = spec.more_tasks.empty();
  if (is_alone)
    add_place(env, spec, launch, site);
  else
    add_place(env, first_of(spec), first_component(launch, site), site);
  if (*own)
    fill_command(**own, env, order);
  else
    fill_command(spec, index, env, order);
  if (!*own) add_array(env, spec, launch.id.task);
  add_user(env, spec, site.user);
  order.set_cwd(spec.cwd);
  order.set_out(files->out);
  order.set_err(files->err);
  order.set_in(files->in);
  order.set_append_output(spec.append_output);
  for (const std::uint16_t pu : sched::usable_on_head(spec, launch.lease, site.resources))
    order.add_pus(pu);
  order.set_mem_limit_mib(spec.request.mem_mib);
  order.set_time_limit_us(spec.time_limit.us);
  order.set_warn_signal(spec.warn.signal);
  order.set_warn_before_s(spec.warn.before_s);
  return {};
}

}  // namespace drover::server
