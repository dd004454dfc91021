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
void download_tasks(Services& services, ExchangePtr exchange);
void list_by_ids(Services& services, ExchangePtr exchange);
void show_extra(Services& services, ExchangePtr exchange);
void diagnose(Services& services, ExchangePtr exchange);
void show_station_admin(Services& services, ExchangePtr exchange);
void count_tasks(Services& services, ExchangePtr exchange);
void count_engines(Services& services, ExchangePtr exchange);

// api_linkis_metadata.cpp
void list_databases(Services& services, ExchangePtr exchange);
void list_tables(Services& services, ExchangePtr exchange);
void list_columns(Services& services, ExchangePtr exchange);
void refuse_table_facts(Services& services, ExchangePtr exchange);
void refuse_observers(Services& services, ExchangePtr exchange);

// api_linkis_files.cpp
void show_file_tree(Services& services, ExchangePtr exchange);
void show_is_exist(Services& services, ExchangePtr exchange);
void show_file_info(Services& services, ExchangePtr exchange);
void show_root_path(Services& services, ExchangePtr exchange);
void refuse_to_write(Services& services, ExchangePtr exchange);

// api_linkis_open.cpp
void open_file(Services& services, ExchangePtr exchange);
void open_log(Services& services, ExchangePtr exchange);

// api_linkis_export.cpp
void export_result(Services& services, ExchangePtr exchange);
void export_results(Services& services, ExchangePtr exchange);
void download(Services& services, ExchangePtr exchange);

// api_linkis_engines.cpp
void create_engine(Services& services, ExchangePtr exchange);
void upload(Services& services, ExchangePtr exchange);
void ask_engine(Services& services, ExchangePtr exchange);
void show_engine(Services& services, ExchangePtr exchange);
void kill_engine(Services& services, ExchangePtr exchange);
void list_user_engines(Services& services, ExchangePtr exchange);
void list_em_engines(Services& services, ExchangePtr exchange);
void list_node_states(Services& services, ExchangePtr exchange);
void kill_engines(Services& services, ExchangePtr exchange);
void retire_engines(Services& services, ExchangePtr exchange);
void kill_unlocked(Services& services, ExchangePtr exchange);
void kill_by_type(Services& services, ExchangePtr exchange);

// api_linkis_ecms.cpp
void operate_engine(Services& services, ExchangePtr exchange);
void open_engine_log(Services& services, ExchangePtr exchange);
void list_ecms(Services& services, ExchangePtr exchange);
void list_ecm_states(Services& services, ExchangePtr exchange);
void modify_ecm(Services& services, ExchangePtr exchange);
void refuse_engine_change(Services& services, ExchangePtr exchange);

// api_linkis_records.cpp
void show_engine_record(Services& services, ExchangePtr exchange);
void list_engine_records(Services& services, ExchangePtr exchange);
void list_open_records(Services& services, ExchangePtr exchange);
void refuse_record_removal(Services& services, ExchangePtr exchange);

// api_linkis_resources.cpp
void list_user_resources(Services& services, ExchangePtr exchange);
void list_rm_engines(Services& services, ExchangePtr exchange);
void list_applications(Services& services, ExchangePtr exchange);
void list_all_resources(Services& services, ExchangePtr exchange);
void show_user_resource(Services& services, ExchangePtr exchange);
void list_rm_engine_types(Services& services, ExchangePtr exchange);
void list_label_keys(Services& services, ExchangePtr exchange);
void list_queues(Services& services, ExchangePtr exchange);
void show_queue(Services& services, ExchangePtr exchange);
void reset_resource(Services& services, ExchangePtr exchange);
void predict_task(Services& services, ExchangePtr exchange);
void refuse_queue_batch(Services& services, ExchangePtr exchange);

}  // namespace api::linkis
}  // namespace drover::server
