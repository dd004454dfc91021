// server/workflow_ports.hpp - what the conductor of workflows needs of the daemon.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "flow/conductor.hpp"
#include "server/admission.hpp"
#include "store/store.hpp"

namespace drover::server {

// Steps pass the same entrance as everybody's jobs. `admission` may be made later than the ports.
// Loop thread.
flow::Ports workflow_ports(const Admission& admission, const store::Store& store);

}  // namespace drover::server
