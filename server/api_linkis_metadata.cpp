// server/api_linkis_metadata.cpp - datasource/...: databases and tables, of which none is known.
//
// JDBC tools ask for them as soon as they are connected. An empty list means "none that is known"
// and lets them go on; the engine's own SQL tells what there is.
// SPDX-License-Identifier: Apache-2.0
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;

void answer_none(const Exchange& exchange, const char* name) {
  Json data;
  data[name] = Json::array();
  answer_linkis(exchange, data,
                "Drover keeps no catalogue of tables: ask the engine, as in SHOW TABLES");
}

}  // namespace

void list_databases(Services&, ExchangePtr exchange) { answer_none(*exchange, "dbs"); }
void list_tables(Services&, ExchangePtr exchange) { answer_none(*exchange, "tables"); }
void list_columns(Services&, ExchangePtr exchange) { answer_none(*exchange, "columns"); }

void refuse_table_facts(Services&, ExchangePtr exchange) {
  exchange->refuse({Errc::Unsupported, "Drover keeps no catalogue of tables",
                    "ask the engine, as in DESCRIBE TABLE", ""});
}

void refuse_observers(Services&, ExchangePtr exchange) {
  exchange->refuse({Errc::Unsupported, "tasks have no observers here",
                    "alert on the metrics, or follow /api/v1/events", ""});
}

}  // namespace drover::server::api::linkis
