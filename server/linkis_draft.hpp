// server/linkis_draft.hpp - a submission of the contract as a job that may be admitted.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "linkis/submission.hpp"
#include "server/exchange.hpp"
#include "server/services.hpp"

namespace drover::server::api::linkis {

struct Draft {
  sched::JobSpec spec;
  Caller caller;  // whose task it becomes
};
// `code` becomes the contract's number of the error where it has one.
Result<Draft> draft_of(Services& services, const Exchange& exchange,
                       drover::linkis::Submission given, int& code);

// An error that says whether asking once more may help.
void refuse_start(const Exchange& exchange, const Error& error, bool can_retry);

// createEngineConn with the label engineConnMode=once.
bool is_once(const drover::linkis::Json& body);
void create_once(Services& services, ExchangePtr exchange, const drover::linkis::Json& body);

}  // namespace drover::server::api::linkis
