// store/task_rules_codec.hpp - how tasks are placed on cores and dealt out, as stored records.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "rm/core_rule.hpp"
#include "rm/task_rules.hpp"
#include "sched/job_spec.hpp"

namespace drover::proto {
class ComponentTasks;
class CoreRule;
class TaskRules;
}  // namespace drover::proto

namespace drover::store {

void encode(const rm::CoreRule& rule, proto::CoreRule& out);
void decode(const proto::CoreRule& in, rm::CoreRule& out);
void encode(const rm::TaskRules& rules, proto::TaskRules& out);
// False for a word that this version does not know.
bool decode(const proto::TaskRules& in, rm::TaskRules& out);

void encode(const sched::ComponentTasks& tasks, proto::ComponentTasks& out);
bool decode(const proto::ComponentTasks& in, sched::ComponentTasks& out);

}  // namespace drover::store
