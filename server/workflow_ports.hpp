// server/workflow_ports.hpp - what the conductor of workflows needs of the daemon.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "flow/conductor.hpp"
#include "server/admission.hpp"
#include "store/store.hpp"

namespace drover::server {

// Steps pass the same entrance as everybody's jobs. `admission` may be made later than the ports.
// `socket`: where steps reach this daemon (DROVER_SERVER), if they are to. Loop thread.
flow::Ports workflow_ports(const Admission& admission, const store::Store& store,
                           std::string socket);

}  // namespace drover::server
