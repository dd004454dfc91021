// server/linkis_routes.cpp - the rows of the Linkis contract; docs/linkis.md says what each is for.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "server/api_linkis.hpp"

namespace drover::server {
namespace {

constexpr Rule Anyone{Access::Anyone};
constexpr Rule User{Access::User};

// clang-format off
constexpr auto kRoutes = std::to_array<Route>({
    {"POST", "/api/rest_j/v1/user/login", Anyone, api::linkis::log_in, nullptr},
    {"GET", "/api/rest_j/v1/user/login", Anyone, api::linkis::log_in, nullptr},
    {"POST", "/api/rest_j/v1/user/token-login", User, api::linkis::log_in_by_token, nullptr},
    {"POST", "/api/rest_j/v1/user/logout", Anyone, api::linkis::log_out, nullptr},
    {"GET", "/api/rest_j/v1/user/logout", Anyone, api::linkis::log_out, nullptr},
    {"GET", "/api/rest_j/v1/user/userInfo", User, api::linkis::show_user, nullptr},
    {"GET", "/api/rest_j/v1/user/publicKey", Anyone, api::linkis::show_public_key, nullptr},
    {"GET", "/api/rest_j/v1/user/heartbeat", User, api::linkis::keep_alive, nullptr},
    {"POST", "/api/rest_j/v1/user/heartbeat", User, api::linkis::keep_alive, nullptr},
    {"GET", "/api/rest_j/v1/user/baseinfo", User, api::linkis::show_base_info, nullptr},
    {"GET", "/api/rest_j/v1/gateway/heartbeat", Anyone, api::linkis::show_gateway, nullptr},
    {"POST", "/api/rest_j/v1/entrance/submit", User, api::linkis::submit, nullptr},
    {"POST", "/api/rest_j/v1/entrance/execute", User, api::linkis::execute, nullptr},
    {"GET", "/api/rest_j/v1/entrance/{name}/status", User, api::linkis::show_status, nullptr},
    {"GET", "/api/rest_j/v1/entrance/{name}/progress", User, api::linkis::show_progress, nullptr},
    {"GET", "/api/rest_j/v1/entrance/{name}/progressWithResource", User, api::linkis::show_progress_with_resource, nullptr},
    {"GET", "/api/rest_j/v1/entrance/{name}/log", User, api::linkis::show_log, nullptr},
    {"GET", "/api/rest_j/v1/entrance/{name}/kill", User, api::linkis::kill, nullptr},
    {"POST", "/api/rest_j/v1/entrance/{name}/killJobs", User, api::linkis::kill_many, nullptr},
    {"GET", "/api/rest_j/v1/entrance/{name}/pause", User, api::linkis::pause, nullptr},
    {"GET", "/api/rest_j/v1/entrance/{name}/runtimeTuning", User, api::linkis::refuse_tuning, nullptr},
    {"GET", "/api/rest_j/v1/entrance/operation/metrics/taskinfo", User, api::linkis::show_load, nullptr},
    {"GET", "/api/rest_j/v1/entrance/operation/metrics/runningtask", User, api::linkis::show_running, nullptr},
    {"GET", "/api/rest_j/v1/entrance/operation/consumer/info", User, api::linkis::show_consumers, nullptr},
    {"GET", "/api/rest_j/v1/entrance/operation/consumer/kill", User, api::linkis::refuse_operation, nullptr},
    {"GET", "/api/rest_j/v1/entrance/operation/label/isOnline", User, api::linkis::show_online, nullptr},
    {"POST", "/api/rest_j/v1/entrance/operation/label/update", User, api::linkis::refuse_operation, nullptr},
    {"GET", "/api/rest_j/v1/entrance/operation/label/markoffline", User, api::linkis::refuse_operation, nullptr},
    {"GET", "/api/rest_j/v1/entrance/operation/label/backonline", User, api::linkis::refuse_operation, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/{name}/get", User, api::linkis::show_task, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/list", User, api::linkis::list_tasks, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/listundonetasks", User, api::linkis::list_undone_tasks, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/listundone", User, api::linkis::count_undone, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/list-taskids", User, api::linkis::list_by_ids, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/listDurationTop", User, api::linkis::list_longest, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/job-extra-info", User, api::linkis::show_extra, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/diagnosis-query", User, api::linkis::diagnose, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/governanceStationAdmin", User, api::linkis::show_station_admin, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/jobstatistics/taskCount", User, api::linkis::count_tasks, nullptr},
    {"GET", "/api/rest_j/v1/jobhistory/jobstatistics/engineCount", User, api::linkis::count_engines, nullptr},
});
// clang-format on

}  // namespace

std::span<const Route> linkis_routes() { return kRoutes; }

}  // namespace drover::server
