// server/statement_reuse.hpp - an earlier result in place of a new run, for who asks for that.
//
// The index is the table of kept results that workflows use: by user and content. It is written
// with the commit in which a statement that asked for reuse succeeds. What it names may be gone.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "pool/plugin.hpp"
#include "server/services.hpp"

namespace drover::server {

// 16 bytes, of pool::content_text.
std::string content_key(const sched::JobSpec& spec, const pool::Plugin& plugin);

// Calls `done` once, perhaps at once: with the job whose result answers for `spec`, if there is one
// of the same owner that is young enough and whose files are there. Loop thread.
void find_earlier(Services& services, std::shared_ptr<const sched::JobSpec> spec,
                  Admission::OnEarlier done);

// {"job":12,"ended_us":...,"age_s":31}
std::string reused_json(const Admitted& admitted);

}  // namespace drover::server
