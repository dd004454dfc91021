// server/routes.cpp - the rows, and how a path finds its row.
// SPDX-License-Identifier: Apache-2.0
#include "server/routes.hpp"

#include <array>

#include "server/api.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"

namespace drover::server {
namespace {

constexpr Rule Anyone{Access::Anyone};
constexpr Rule Scraper{Access::Scraper};
constexpr Rule User{Access::User};
constexpr Rule JobOwner{Access::JobOwner};
constexpr Rule FlowOwner{Access::WorkflowOwner};
constexpr Rule FlowAuthor{Access::WorkflowAuthor};
constexpr Rule Operator{Access::Operator};

// clang-format off
constexpr auto kRoutes = std::to_array<Route>({
    {"POST", "/api/v1/jobs", User, api::submit_job, nullptr, "test_only"},
    {"GET", "/api/v1/jobs", User, api::list_jobs, nullptr,
     "state user name label group ids limit cursor"},
    {"POST", "/api/v1/jobs/bulk", User, nullptr, api::submit_bulk},
    {"POST", "/api/v1/jobs/cancel", User, api::cancel_jobs, nullptr},
    {"POST", "/api/v1/jobs/hold", User, api::hold_jobs, nullptr},
    {"POST", "/api/v1/jobs/release", User, api::release_jobs, nullptr},
    {"POST", "/api/v1/jobs/requeue", User, api::requeue_jobs, nullptr},
    {"POST", "/api/v1/jobs/resume", Operator, api::resume_jobs, nullptr},
    {"POST", "/api/v1/jobs/suspend", Operator, api::suspend_jobs, nullptr},
    {"GET", "/api/v1/jobs/{id}", JobOwner, api::show_job, nullptr},
    {"PATCH", "/api/v1/jobs/{id}", JobOwner, api::alter_job, nullptr, "dry_run"},
    {"GET", "/api/v1/jobs/{id}/tasks", JobOwner, api::list_tasks, nullptr, "from limit state"},
    {"GET", "/api/v1/jobs/{id}/why", JobOwner, api::explain_job, nullptr, "task"},
    {"GET", "/api/v1/jobs/{id}/items", JobOwner, api::show_items, nullptr, "from limit"},
    {"GET", "/api/v1/jobs/{id}/script", JobOwner, api::show_script, nullptr},
    {"GET", "/api/v1/jobs/{id}/plan", JobOwner, api::show_plan, nullptr, "format"},
    {"GET", "/api/v1/jobs/{id}/log", JobOwner, api::read_log, nullptr,
     "stream task offset limit tail follow"},
    {"GET", "/api/v1/jobs/{id}/results", JobOwner, api::list_results, nullptr},
    {"GET", "/api/v1/jobs/{id}/results/{name}", JobOwner, api::read_result, nullptr,
     "offset limit format"},
    {"GET", "/api/v1/jobs/{id}/wait", JobOwner, api::wait_job, nullptr, "timeout_s"},
    {"POST", "/api/v1/jobs/{id}/cancel", JobOwner, api::cancel_job, nullptr},
    {"POST", "/api/v1/jobs/{id}/hold", JobOwner, api::hold_job, nullptr},
    {"POST", "/api/v1/jobs/{id}/release", JobOwner, api::release_job, nullptr},
    {"POST", "/api/v1/jobs/{id}/requeue", JobOwner, api::requeue_job, nullptr},
    {"POST", "/api/v1/jobs/{id}/resume", Operator, api::resume_job, nullptr},
    {"POST", "/api/v1/jobs/{id}/suspend", Operator, api::suspend_job, nullptr},
    {"POST", "/api/v1/workflows", User, api::submit_workflow, nullptr, "test_only"},
    {"GET", "/api/v1/workflows", User, api::list_workflows, nullptr, "state user limit cursor"},
    {"GET", "/api/v1/workflows/{id}", FlowOwner, api::show_workflow, nullptr},
    {"GET", "/api/v1/workflows/{id}/plan", FlowOwner, api::show_workflow_plan, nullptr, "format"},
    {"GET", "/api/v1/workflows/{id}/document", FlowOwner, api::show_workflow_document, nullptr},
    {"GET", "/api/v1/workflows/{id}/facts", FlowOwner, api::list_workflow_facts, nullptr,
     "since limit"},
    {"GET", "/api/v1/workflows/{id}/wait", FlowOwner, api::wait_workflow, nullptr, "timeout_s"},
    {"POST", "/api/v1/workflows/{id}/cancel", FlowOwner, api::cancel_workflow, nullptr},
    {"POST", "/api/v1/workflows/{id}/pause", FlowOwner, api::pause_workflow, nullptr},
    {"POST", "/api/v1/workflows/{id}/resume", FlowOwner, api::resume_workflow, nullptr},
    {"POST", "/api/v1/workflows/{id}/retry", FlowOwner, api::retry_workflow, nullptr},
    {"POST", "/api/v1/workflows/{id}/steps", FlowAuthor, api::add_workflow_steps, nullptr},
    {"POST", "/api/v1/workflows/{id}/values", FlowAuthor, api::set_workflow_values, nullptr},
    {"GET", "/api/v1/events", User, api::follow_events, nullptr, "since job limit"},
    {"GET", "/api/v1/nodes", User, api::list_nodes, nullptr, "topology"},
    {"GET", "/api/v1/nodes/{name}", User, api::show_node, nullptr},
    {"POST", "/api/v1/nodes/{name}/down", Operator, api::down_node, nullptr},
    {"POST", "/api/v1/nodes/{name}/drain", Operator, api::drain_node, nullptr},
    {"POST", "/api/v1/nodes/{name}/labels", Operator, api::label_node, nullptr},
    {"POST", "/api/v1/nodes/{name}/maintenance", Operator, api::maintain_node, nullptr},
    {"POST", "/api/v1/nodes/{name}/resume", Operator, api::resume_node, nullptr},
    {"POST", "/api/v1/statements", User, api::run_statement, nullptr, "timeout_s"},
    {"GET", "/api/v1/engine-types", User, api::list_engine_types, nullptr},
    {"GET", "/api/v1/engines", User, api::list_engines, nullptr},
    {"POST", "/api/v1/engines", User, api::start_engines, nullptr},
    {"GET", "/api/v1/engines/{name}", User, api::show_engine, nullptr},
    {"POST", "/api/v1/engines/{name}/drain", User, api::drain_engine, nullptr},
    {"POST", "/api/v1/engines/{name}/kill", User, api::kill_engine, nullptr},
    {"POST", "/api/v1/engines/ask", User, api::ask_engine, nullptr},
    {"POST", "/api/v1/engines/{name}/lock", User, api::lock_engine, nullptr},
    {"POST", "/api/v1/engines/{name}/unlock", User, api::unlock_engine, nullptr},
    {"GET", "/api/v1/sessions", User, api::list_sessions, nullptr},
    {"POST", "/api/v1/sessions", User, api::open_session, nullptr},
    {"DELETE", "/api/v1/sessions/{name}", User, api::close_session, nullptr},
    {"GET", "/api/v1/groups", User, api::list_groups, nullptr, "offset limit"},
    {"PATCH", "/api/v1/groups/{name}", Operator, api::edit_group, nullptr},
    {"DELETE", "/api/v1/groups/{name}", Operator, api::reset_group, nullptr},
    {"GET", "/api/v1/quotas", User, api::list_quotas, nullptr},
    {"GET", "/api/v1/licences", User, api::list_licences, nullptr},
    {"GET", "/api/v1/shares", User, api::list_shares, nullptr},
    {"GET", "/api/v1/qos", User, api::list_qos, nullptr},
    {"GET", "/api/v1/partitions", User, api::list_partitions, nullptr},
    {"PUT", "/api/v1/quotas", Operator, api::put_quotas, nullptr, "dry_run version"},
    {"DELETE", "/api/v1/quotas", Operator, api::reset_quotas, nullptr, "dry_run version"},
    {"PUT", "/api/v1/quotas/{name}", Operator, api::put_quota, nullptr, "dry_run version"},
    {"DELETE", "/api/v1/quotas/{name}", Operator, api::remove_quota, nullptr, "dry_run version"},
    {"GET", "/api/v1/reservations", User, api::list_reservations, nullptr},
    {"GET", "/api/v1/reservations/{name}", User, api::show_reservation, nullptr},
    {"PUT", "/api/v1/reservations/{name}", Operator, api::put_reservation, nullptr},
    {"DELETE", "/api/v1/reservations/{name}", Operator, api::remove_reservation, nullptr},
    {"GET", "/api/v1/health", Anyone, api::show_health, nullptr},
    {"GET", "/api/v1/version", User, api::show_version, nullptr},
    {"GET", "/api/v1/status", Operator, api::show_status, nullptr},
    {"GET", "/api/v1/config", Operator, api::show_config, nullptr},
    {"POST", "/api/v1/admin/backup", Operator, api::back_up, nullptr},
    {"POST", "/api/v1/admin/check", Operator, api::check_now, nullptr},
    {"GET", "/metrics", Scraper, api::show_metrics, nullptr},
    {"GET", "/openapi.json", Anyone, api::show_openapi, nullptr},
});
// clang-format on

std::string_view next_part(std::string_view& path) {
  const std::size_t slash = path.find('/', 1);
  const std::string_view part = path.substr(1, slash == std::string_view::npos ? slash : slash - 1);
  path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
  return part;
}

// Quotas and groups are named by values of labels, which may hold a '/'; nothing lies below them.
bool has_slashes(std::string_view pattern) {
  return pattern == "/api/v1/quotas/{name}" || pattern == "/api/v1/groups/{name}";
}

// Exact: no prefix, case or trailing-slash variants.
bool fits(std::string_view pattern, std::string_view path, Match& found) {
  const bool takes_rest = has_slashes(pattern);
  while (!pattern.empty() && !path.empty()) {
    if (path.front() != '/') return false;
    const std::string_view want = next_part(pattern);
    if (takes_rest && want == "{name}") {
      found.name = path.substr(1);
      return !found.name.empty();
    }
    const std::string_view have = next_part(path);
    if (want == "{id}" && !have.empty() &&
        have.find_first_not_of("0123456789") == std::string_view::npos)
      found.id = have;
    else if (want == "{name}" && !have.empty())
      found.name = have;
    else if (want != have)
      return false;
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

Match match(std::string_view method, std::string_view path) {
  const std::string_view wanted = method == "HEAD" ? std::string_view("GET") : method;
  Match found;
  for (const Route& route : is_linkis(path) ? linkis_routes() : routes()) {
    Match here;
    if (!fits(route.path, path, here)) continue;
    if (route.method == wanted) {
      here.route = &route;
      return here;
    }
    if (!found.allowed.empty()) found.allowed += ", ";
    found.allowed += route.method;
    if (route.method == "GET") found.allowed += ", HEAD";
  }
  return found;
}

}  // namespace drover::server
