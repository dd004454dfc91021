// store/codec.cpp - field by field, both ways.
// SPDX-License-Identifier: Apache-2.0
#include "store/codec.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "store/engine_codec.hpp"
#include "store/retry_codec.hpp"
#include "store/task_rules_codec.hpp"

namespace drover::store {
namespace {

constexpr auto kLastReason = std::uint32_t(sched::Reason::EngineLost);
constexpr auto kLastTaskState = std::uint32_t(sched::TaskState::Suspended);
constexpr auto kLastDependency = std::uint32_t(sched::DependencyKind::AfterCorr);
constexpr auto kLastEvent = std::uint32_t(sched::EventKind::StepEnded);

void encode_labels(const rm::Labels& labels, google::protobuf::RepeatedPtrField<proto::Pair>& out) {
  for (const auto& [key, value] : labels) {
    proto::Pair* pair = out.Add();
    pair->set_key(key);
    pair->set_value(value);
  }
}

void decode_labels(const google::protobuf::RepeatedPtrField<proto::Pair>& in, rm::Labels& out) {
  out.clear();
  for (const proto::Pair& pair : in) out.insert_or_assign(out.end(), pair.key(), pair.value());
}

void encode_counts(const rm::Counts& counts,
                   google::protobuf::RepeatedPtrField<proto::Count>& out) {
  for (const auto& [name, count] : counts) {
    proto::Count* one = out.Add();
    one->set_name(name);
    one->set_count(count);
  }
}

void decode_counts(const google::protobuf::RepeatedPtrField<proto::Count>& in, rm::Counts& out) {
  out.clear();
  for (const proto::Count& one : in) out.insert_or_assign(out.end(), one.name(), one.count());
}

void encode_request(const rm::Request& request, proto::Request& out) {
  out.set_cpus(request.cpus);
  out.set_mem_mib(request.mem_mib);
  out.set_gpus(request.gpus);
  out.set_gpu_model(request.gpu_model);
  out.set_exclusive(request.exclusive);
  encode_labels(request.node_labels, *out.mutable_node_labels());
  out.set_nodes(request.nodes);
  out.set_constraint(request.constraint);
  encode_counts(request.licences, *out.mutable_licences());
  encode_counts(request.resources, *out.mutable_resources());
  out.set_gpu_share(request.gpu_share);
  if (request.cores != rm::CoreRule{}) encode(request.cores, *out.mutable_cores());
  out.set_nodes_max(request.nodes_max);
  out.set_tasks(request.tasks);
  out.set_contiguous(request.contiguous);
  out.set_sole_user(request.sole_user);
  out.set_engines(request.engines);
  for (const rm::Request& one : request.more) encode_request(one, *out.add_more());
}

void decode_request(const proto::Request& in, rm::Request& out) {
  out.cpus = in.cpus();
  out.mem_mib = in.mem_mib();
  out.gpus = in.gpus();
  out.gpu_model = in.gpu_model();
  out.exclusive = in.exclusive();
  decode_labels(in.node_labels(), out.node_labels);
  out.nodes = std::max<std::int64_t>(in.nodes(), 1);
  out.constraint = in.constraint();
  decode_counts(in.licences(), out.licences);
  decode_counts(in.resources(), out.resources);
  out.gpu_share = in.gpu_share();
  decode(in.cores(), out.cores);
  out.nodes_max = in.nodes_max();
  out.tasks = in.tasks();
  out.contiguous = in.contiguous();
  out.sole_user = in.sole_user();
  out.engines = in.engines();
  out.more.clear();
  for (const proto::Request& one : in.more()) {
    rm::Request component;
    decode_request(one, component);
    component.more.clear();  // of a damaged record
    out.more.add(std::move(component));
  }
}

bool decode_array(const proto::JobSpec& in, IndexSet& out) {
  std::vector<IndexSet::Run> runs;
  runs.reserve(std::size_t(in.array_size()));
  for (const proto::Run& run : in.array()) {
    if (run.step() == 0 || run.last() < run.first() || (run.last() - run.first()) % run.step() != 0)
      return false;
    if (!runs.empty() && run.first() <= runs.back().first) return false;
    runs.push_back({run.first(), run.last(), run.step()});
  }
  out = IndexSet::from_runs(std::move(runs));
  return true;
}

bool decode_numbers(const google::protobuf::RepeatedField<std::uint32_t>& in,
                    std::vector<std::uint16_t>& out) {
  out.clear();
  for (const std::uint32_t value : in) {
    if (value > std::numeric_limits<std::uint16_t>::max()) return false;
    out.push_back(std::uint16_t(value));
  }
  return true;
}

template <class Message>  // proto::Lease for the head, proto::NodePart for the others
void encode_part(const rm::NodePart& part, Message& out) {
  out.set_node(raw(part.node));
  for (const std::int64_t amount : part.amounts.of) out.add_amounts(amount);
  for (const std::uint16_t pu : part.pus) out.add_pus(pu);
  for (const std::uint16_t gpu : part.gpus) out.add_gpus(gpu);
  out.set_sole_user(part.sole_user);
  out.set_component(part.component);
}

template <class Message>
bool decode_part(const Message& in, rm::NodePart& out) {
  if (std::size_t(in.amounts_size()) > rm::kKinds) return false;
  out.node = NodeId(in.node());
  out.sole_user = in.sole_user();
  if (in.component() > std::numeric_limits<std::uint16_t>::max()) return false;
  out.component = std::uint16_t(in.component());
  for (int kind = 0; kind < in.amounts_size(); ++kind) {
    if (in.amounts(kind) < 0 || in.amounts(kind) > rm::kMaxAmount) return false;
    out.amounts.of[std::size_t(kind)] = in.amounts(kind);
  }
  return decode_numbers(in.pus(), out.pus) && decode_numbers(in.gpus(), out.gpus);
}

void encode_lease(const rm::Lease& lease, proto::Lease& out) {
  encode_part(lease, out);
  for (const rm::NodePart& part : lease.more) encode_part(part, *out.add_more());
  out.set_used(lease.used);
}

bool decode_lease(const proto::Lease& in, rm::Lease& out) {
  out = rm::Lease{};
  out.used = in.used();
  for (const proto::NodePart& part : in.more())
    if (!decode_part(part, out.more.emplace_back())) return false;
  return decode_part(in, out);
}

}  // namespace

void encode(const sched::JobSpec& spec, proto::JobSpec& out) {
  out.Clear();
  out.set_uid(spec.owner.uid);
  out.set_gid(spec.owner.gid);
  out.set_user(spec.user);
  out.set_name(spec.name);
  for (const std::string& word : spec.argv) out.add_argv(word);
  out.set_cwd(spec.cwd);
  out.set_out(spec.out);
  out.set_err(spec.err);
  out.set_in(spec.in);
  out.set_append_output(spec.append_output);
  encode_request(spec.request, *out.mutable_request());
  out.set_ntasks(spec.ntasks);
  out.set_cpus_per_task(spec.cpus_per_task);
  out.set_time_limit_us(spec.time_limit.us);
  out.set_warn_signal(spec.warn.signal);
  out.set_warn_before_s(spec.warn.before_s);
  out.set_is_array(spec.is_array);
  for (const IndexSet::Run& run : spec.array.runs()) {
    proto::Run* added = out.add_array();
    added->set_first(run.first);
    added->set_last(run.last);
    added->set_step(run.step);
  }
  out.set_array_throttle(spec.array_throttle);
  out.set_hold(spec.hold);
  out.set_begin_us(spec.begin.us);
  out.set_priority(spec.priority);
  out.set_comment(spec.comment);
  encode_labels(spec.labels, *out.mutable_labels());
  out.set_requeue(spec.requeue);
  for (const sched::Dependency& dependency : spec.dependencies) {
    proto::Dependency* added = out.add_dependencies();
    added->set_kind(std::uint32_t(dependency.kind));
    added->set_job(raw(dependency.job));
    added->set_minutes(dependency.minutes);
  }
  out.set_dependency_any(spec.dependency_any);
  out.set_singleton(spec.singleton);
  out.set_ntasks_per_node(spec.ntasks_per_node);
  out.set_keep_invalid(spec.keep_invalid);
  out.set_nice(spec.nice);
  out.set_deadline_us(spec.deadline.us);
  out.set_max_failures(spec.max_failures);
  out.set_reservation(spec.reservation);
  if (spec.layout != rm::TaskRules{}) encode(spec.layout, *out.mutable_layout());
  out.set_items_run(spec.items_run);
  if (spec.retry != sched::RetryRule{}) encode(spec.retry, *out.mutable_retry());
  encode_engine_parts(spec, out);
  for (const sched::ComponentTasks& one : spec.more_tasks) encode(one, *out.add_more_tasks());
}

bool decode(const proto::JobSpec& in, sched::JobSpec& out) {
  out.owner = {in.uid(), in.gid()};
  out.user = in.user();
  out.name = in.name();
  out.script.clear();
  out.env.clear();
  out.argv.assign(in.argv().begin(), in.argv().end());
  out.cwd = in.cwd();
  out.out = in.out();
  out.err = in.err();
  out.in = in.in();
  out.append_output = in.append_output();
  decode_request(in.request(), out.request);
  out.ntasks = in.ntasks();
  out.cpus_per_task = in.cpus_per_task();
  out.ntasks_per_node = in.ntasks_per_node();
  out.time_limit = {in.time_limit_us()};
  out.warn = {in.warn_signal(), in.warn_before_s()};
  out.is_array = in.is_array();
  out.array_throttle = in.array_throttle();
  out.hold = in.hold();
  out.begin = {in.begin_us()};
  out.priority = in.priority();
  out.comment = in.comment();
  decode_labels(in.labels(), out.labels);
  out.requeue = in.requeue();
  out.dependencies.clear();
  for (const proto::Dependency& dependency : in.dependencies()) {
    if (dependency.kind() > kLastDependency) return false;
    out.dependencies.push_back(
        {sched::DependencyKind(dependency.kind()), JobId(dependency.job()), dependency.minutes()});
  }
  out.dependency_any = in.dependency_any();
  out.singleton = in.singleton();
  out.keep_invalid = in.keep_invalid();
  out.nice = in.nice();
  out.deadline = {in.deadline_us()};
  out.max_failures = in.max_failures();
  out.reservation = in.reservation();
  out.items = {};
  out.items_run = in.items_run();
  decode_engine_parts(in, out);
  out.retry = {};
  if (in.has_retry() && !decode(in.retry(), out.retry)) return false;
  if (in.more_tasks_size() != in.request().more_size()) return false;
  out.more_tasks.clear();
  for (const proto::ComponentTasks& one : in.more_tasks())
    if (!decode(one, out.more_tasks.emplace_back())) return false;
  return decode(in.layout(), out.layout) && decode_array(in, out.array);
}

void encode(const sched::TaskRecord& record, proto::TaskRecord& out) {
  out.Clear();
  out.set_job(raw(record.id.job));
  out.set_index(raw(record.id.index));
  out.set_state(std::uint32_t(record.state));
  out.set_reason(std::uint32_t(record.reason));
  out.set_attempt(raw(record.attempt));
  out.set_epoch(raw(record.epoch));
  out.set_node(record.node);
  out.set_host(raw(record.host));
  if (record.lease) encode_lease(*record.lease, *out.mutable_lease());
  for (const std::uint16_t pu : record.last_pus) out.add_last_pus(pu);
  for (const std::uint16_t gpu : record.last_gpus) out.add_last_gpus(gpu);
  out.set_exit_code(record.exit_code);
  out.set_term_signal(record.term_signal);
  out.set_placed_us(record.placed.us);
  out.set_started_us(record.started.us);
  out.set_ended_us(record.ended.us);
  out.set_user_us(record.usage.user_us);
  out.set_system_us(record.usage.system_us);
  out.set_max_rss_kib(record.usage.max_rss_kib);
  out.set_node_losses(record.node_losses);
  out.set_preempted_by(raw(record.preempted_by));
  out.set_gives_way(std::uint32_t(record.gives_way));
  out.set_notice_us(record.notice.us);
  out.set_suspended_us(record.suspended.us);
  out.set_suspended_for_us(record.suspended_for.us);
  for (const rm::NodePart& part : record.asleep) encode_part(part, *out.add_asleep());
  out.set_retries(record.retries);
  out.set_retry_at_us(record.retry_at.us);
  out.set_counterparts(record.counterparts);
}

bool decode(const proto::TaskRecord& in, sched::TaskRecord& out) {
  if (in.state() > kLastTaskState || in.reason() > kLastReason) return false;
  out.id = {JobId(in.job()), TaskIndex(in.index())};
  out.state = sched::TaskState(in.state());
  out.reason = sched::Reason(in.reason());
  out.attempt = AttemptNo(in.attempt());
  out.epoch = Epoch(in.epoch());
  out.node = in.node();
  out.host = JobId(in.host());
  out.lease.reset();
  if (in.has_lease() && !decode_lease(in.lease(), out.lease.emplace())) return false;
  out.exit_code = in.exit_code();
  out.term_signal = in.term_signal();
  out.placed = {in.placed_us()};
  out.started = {in.started_us()};
  out.ended = {in.ended_us()};
  out.usage = {in.user_us(), in.system_us(), in.max_rss_kib()};
  out.node_losses = in.node_losses();
  if (in.gives_way() > std::uint32_t(sched::PreemptMode::Cancel)) return false;
  out.preempted_by = JobId(in.preempted_by());
  out.gives_way = sched::PreemptMode(in.gives_way());
  out.notice = {in.notice_us()};
  out.suspended = {in.suspended_us()};
  out.suspended_for = {in.suspended_for_us()};
  out.asleep.clear();
  for (const proto::NodePart& part : in.asleep())
    if (!decode_part(part, out.asleep.emplace_back())) return false;
  out.retries = in.retries();
  out.retry_at = {in.retry_at_us()};
  out.counterparts = in.counterparts();
  return decode_numbers(in.last_pus(), out.last_pus) &&
         decode_numbers(in.last_gpus(), out.last_gpus);
}

void encode(const sched::NodeRecord& record, proto::NodeRecord& out) {
  out.Clear();
  out.set_id(raw(record.id));
  out.set_name(record.name);
  out.set_boot_id(record.boot_id);
  out.set_draining(record.service == sched::Service::Draining);
  out.set_drain_reason(record.reason);
  out.set_service(std::uint32_t(record.service));
  encode_labels(record.labels.set, *out.mutable_labels());
  for (const std::string& key : record.labels.removed) out.add_no_labels(key);
  out.set_is_engine(record.is_engine);
}

bool decode(const proto::NodeRecord& in, sched::NodeRecord& out) {
  if (in.service() > std::uint32_t(sched::Service::Maintenance)) return false;
  out = sched::NodeRecord{NodeId(in.id()),   in.name(), in.boot_id(),  sched::Service(in.service()),
                          in.drain_reason(), {},        in.is_engine()};
  if (in.service() == 0 && in.draining()) out.service = sched::Service::Draining;
  decode_labels(in.labels(), out.labels.set);
  out.labels.removed.insert(in.no_labels().begin(), in.no_labels().end());
  return true;
}

void encode(const rm::QuotaTable& table, proto::QuotaTable& out) {
  out.Clear();
  out.set_version(table.version);
  out.set_edited(table.edited);
  for (const rm::QuotaRule& rule : table.rules) {
    proto::QuotaRule& added = *out.add_rules();
    encode_labels(rule.match, *added.mutable_match());
    for (const std::int64_t amount : rule.max.of) added.add_max(amount);
    for (const std::int64_t amount : rule.guaranteed.of) added.add_guaranteed(amount);
    added.set_reclaim(std::uint32_t(rule.reclaim));
    added.set_lend(rule.lend);
  }
  for (const std::string& name : table.resources) out.add_resources(name);
}

// Ranges only: whether rules contradict each other was decided when they were accepted.
bool decode(const proto::QuotaTable& in, rm::QuotaTable& out) {
  out = {in.version(), in.edited(), {}, {}};
  if (std::size_t(in.rules_size()) > rm::kQuotaRulesMax ||
      std::size_t(in.resources_size()) > rm::kNamedKinds)
    return false;
  for (const proto::QuotaRule& rule : in.rules()) {
    rm::QuotaRule& added = out.rules.emplace_back();
    decode_labels(rule.match(), added.match);
    if (std::size_t(rule.max_size()) > rm::kKinds ||
        std::size_t(rule.guaranteed_size()) > rm::kKinds || rule.reclaim() > 1)
      return false;
    for (int k = 0; k < rule.max_size(); ++k) {
      if (rule.max(k) < -1 || rule.max(k) > rm::kMaxAmount) return false;
      added.max.of[std::size_t(k)] = rule.max(k);
    }
    for (int k = 0; k < rule.guaranteed_size(); ++k) {
      if (rule.guaranteed(k) < 0 || rule.guaranteed(k) > rm::kMaxAmount) return false;
      added.guaranteed.of[std::size_t(k)] = rule.guaranteed(k);
    }
    added.reclaim = rm::Reclaim(rule.reclaim());
    added.lend = rule.lend();
  }
  out.resources.assign(in.resources().begin(), in.resources().end());
  return true;
}

void encode(const sched::Event& event, proto::Event& out) {
  out.Clear();
  out.set_seq(raw(event.seq));
  out.set_at_us(event.at.us);
  out.set_kind(std::uint32_t(event.kind));
  out.set_job(raw(event.job));
  out.set_has_task(event.task.has_value());
  if (event.task) out.set_task(raw(*event.task));
  out.set_attempt(raw(event.attempt));
  out.set_uid(event.uid);
  out.set_node(event.node);
  out.set_state(event.state);
  out.set_step(event.step);
  out.set_reason(std::uint32_t(event.reason));
  out.set_exit_code(event.exit_code);
}

bool decode(const proto::Event& in, sched::Event& out) {
  if (in.kind() > kLastEvent || in.reason() > kLastReason) return false;
  out.seq = EventSeq(in.seq());
  out.at = {in.at_us()};
  out.kind = sched::EventKind(in.kind());
  out.job = JobId(in.job());
  out.task.reset();
  if (in.has_task()) out.task = TaskIndex(in.task());
  out.attempt = AttemptNo(in.attempt());
  out.uid = in.uid();
  out.node = in.node();
  out.state = in.state();
  out.step = in.step();
  out.reason = sched::Reason(in.reason());
  out.exit_code = in.exit_code();
  return true;
}

void encode(const IdempotencyEntry& entry, proto::IdempotencyRecord& out) {
  out.Clear();
  out.set_job(raw(entry.job));
  out.set_body_hash(entry.body_hash);
  out.set_at_us(entry.at.us);
}

bool decode(const proto::IdempotencyRecord& in, IdempotencyEntry& out) {
  out.job = JobId(in.job());
  out.body_hash = in.body_hash();
  out.at = {in.at_us()};
  return true;
}

}  // namespace drover::store
