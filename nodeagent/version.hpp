// nodeagent/version.hpp - what the node's daemons answer to --version; set by the build.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifndef DROVER_VERSION
#define DROVER_VERSION "0.0.0"
#endif
