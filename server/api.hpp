// server/api.hpp - the handlers of the route table, by file.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "server/exchange.hpp"
#include "server/services.hpp"

namespace drover::server::api {

// api_jobs.cpp
void submit_job(Services& services, ExchangePtr exchange);
void show_job(Services& services, ExchangePtr exchange);
void wait_job(Services& services, ExchangePtr exchange);
void explain_job(Services& services, ExchangePtr exchange);
void show_items(Services& services, ExchangePtr exchange);
void show_script(Services& services, ExchangePtr exchange);
void show_plan(Services& services, ExchangePtr exchange);

// api_commands.cpp
void alter_job(Services& services, ExchangePtr exchange);
void cancel_job(Services& services, ExchangePtr exchange);
void hold_job(Services& services, ExchangePtr exchange);
void release_job(Services& services, ExchangePtr exchange);
void requeue_job(Services& services, ExchangePtr exchange);
void resume_job(Services& services, ExchangePtr exchange);
void suspend_job(Services& services, ExchangePtr exchange);
void cancel_jobs(Services& services, ExchangePtr exchange);
void hold_jobs(Services& services, ExchangePtr exchange);
void release_jobs(Services& services, ExchangePtr exchange);
void requeue_jobs(Services& services, ExchangePtr exchange);
void resume_jobs(Services& services, ExchangePtr exchange);
void suspend_jobs(Services& services, ExchangePtr exchange);

// api_workflows.cpp
void submit_workflow(Services& services, ExchangePtr exchange);
void list_workflows(Services& services, ExchangePtr exchange);
void show_workflow(Services& services, ExchangePtr exchange);
void show_workflow_plan(Services& services, ExchangePtr exchange);
void show_workflow_document(Services& services, ExchangePtr exchange);
void list_workflow_facts(Services& services, ExchangePtr exchange);
void wait_workflow(Services& services, ExchangePtr exchange);
void cancel_workflow(Services& services, ExchangePtr exchange);
void pause_workflow(Services& services, ExchangePtr exchange);
void resume_workflow(Services& services, ExchangePtr exchange);
void retry_workflow(Services& services, ExchangePtr exchange);
void add_workflow_steps(Services& services, ExchangePtr exchange);
void set_workflow_values(Services& services, ExchangePtr exchange);

// api_bulk.cpp
std::unique_ptr<net::BodySink> submit_bulk(Services& services, ExchangePtr exchange,
                                           const net::BodyFlow& flow);

// api_engines.cpp
void list_engine_types(Services& services, ExchangePtr exchange);
void list_engines(Services& services, ExchangePtr exchange);
void show_engine(Services& services, ExchangePtr exchange);
void start_engines(Services& services, ExchangePtr exchange);
void drain_engine(Services& services, ExchangePtr exchange);
void kill_engine(Services& services, ExchangePtr exchange);
void ask_engine(Services& services, ExchangePtr exchange);
void lock_engine(Services& services, ExchangePtr exchange);
void unlock_engine(Services& services, ExchangePtr exchange);
void list_sessions(Services& services, ExchangePtr exchange);
void open_session(Services& services, ExchangePtr exchange);
void close_session(Services& services, ExchangePtr exchange);
void run_statement(Services& services, ExchangePtr exchange);

// api_lists.cpp
void list_jobs(Services& services, ExchangePtr exchange);
void list_tasks(Services& services, ExchangePtr exchange);

// api_logs.cpp
void read_log(Services& services, ExchangePtr exchange);

// api_results.cpp
void list_results(Services& services, ExchangePtr exchange);
void read_result(Services& services, ExchangePtr exchange);

// api_events.cpp
void follow_events(Services& services, ExchangePtr exchange);

// api_nodes.cpp
void list_nodes(Services& services, ExchangePtr exchange);
void show_node(Services& services, ExchangePtr exchange);
void drain_node(Services& services, ExchangePtr exchange);
void resume_node(Services& services, ExchangePtr exchange);
void down_node(Services& services, ExchangePtr exchange);
void maintain_node(Services& services, ExchangePtr exchange);
void label_node(Services& services, ExchangePtr exchange);

// api_groups.cpp
void list_groups(Services& services, ExchangePtr exchange);
void edit_group(Services& services, ExchangePtr exchange);
void reset_group(Services& services, ExchangePtr exchange);
// api_quotas.cpp
void list_quotas(Services& services, ExchangePtr exchange);
void put_quotas(Services& services, ExchangePtr exchange);
void reset_quotas(Services& services, ExchangePtr exchange);
void put_quota(Services& services, ExchangePtr exchange);
void remove_quota(Services& services, ExchangePtr exchange);

// api_reservations.cpp
void list_reservations(Services& services, ExchangePtr exchange);
void show_reservation(Services& services, ExchangePtr exchange);
void put_reservation(Services& services, ExchangePtr exchange);
void remove_reservation(Services& services, ExchangePtr exchange);

// api_policy.cpp
void list_shares(Services& services, ExchangePtr exchange);
void list_qos(Services& services, ExchangePtr exchange);
void list_licences(Services& services, ExchangePtr exchange);
void list_partitions(Services& services, ExchangePtr exchange);

// api_admin.cpp
void show_health(Services& services, ExchangePtr exchange);
void show_version(Services& services, ExchangePtr exchange);
void show_status(Services& services, ExchangePtr exchange);
void show_config(Services& services, ExchangePtr exchange);
void back_up(Services& services, ExchangePtr exchange);
void check_now(Services& services, ExchangePtr exchange);
void show_metrics(Services& services, ExchangePtr exchange);
void show_openapi(Services& services, ExchangePtr exchange);

}  // namespace drover::server::api
