// server/api_linkis.hpp - the handlers of the Linkis routes, by file.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>

#include "server/exchange.hpp"
#include "server/routes.hpp"
#include "server/services.hpp"

namespace drover::server {

// linkis_routes.cpp: every path under /api/rest_j/v1/ that is served. Parameters that a route does
// not know are not looked at, as the contract wants.
std::span<const Route> linkis_routes();

namespace api::linkis {

// api_linkis_user.cpp
void log_in(Services& services, ExchangePtr exchange);
void log_in_by_token(Services& services, ExchangePtr exchange);
void log_out(Services& services, ExchangePtr exchange);
void show_user(Services& services, ExchangePtr exchange);
void show_public_key(Services& services, ExchangePtr exchange);
void keep_alive(Services& services, ExchangePtr exchange);
void show_base_info(Services& services, ExchangePtr exchange);
void show_gateway(Services& services, ExchangePtr exchange);

// api_linkis_submit.cpp
void submit(Services& services, ExchangePtr exchange);
void execute(Services& services, ExchangePtr exchange);

// api_linkis_entrance.cpp
void show_status(Services& services, ExchangePtr exchange);
void show_progress(Services& services, ExchangePtr exchange);
void show_progress_with_resource(Services& services, ExchangePtr exchange);
void show_log(Services& services, ExchangePtr exchange);
void kill(Services& services, ExchangePtr exchange);
void kill_many(Services& services, ExchangePtr exchange);
void pause(Services& services, ExchangePtr exchange);
void refuse_tuning(Services& services, ExchangePtr exchange);

// api_linkis_operation.cpp
void show_load(Services& services, ExchangePtr exchange);
void show_running(Services& services, ExchangePtr exchange);
void show_consumers(Services& services, ExchangePtr exchange);
void show_online(Services& services, ExchangePtr exchange);
void refuse_operation(Services& services, ExchangePtr exchange);

// api_linkis_history.cpp
void show_task(Services& services, ExchangePtr exchange);
void list_tasks(Services& services, ExchangePtr exchange);
void list_undone_tasks(Services& services, ExchangePtr exchange);
void count_undone(Services& services, ExchangePtr exchange);
void list_longest(Services& services, ExchangePtr exchange);
void list_by_ids(Services& services, ExchangePtr exchange);
void show_extra(Services& services, ExchangePtr exchange);
void diagnose(Services& services, ExchangePtr exchange);
void show_station_admin(Services& services, ExchangePtr exchange);
void count_tasks(Services& services, ExchangePtr exchange);
void count_engines(Services& services, ExchangePtr exchange);

}  // namespace api::linkis
}  // namespace drover::server
