// sched/messages.hpp - what goes into the controller and what comes out.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sched/inputs.hpp"
#include "sched/outputs.hpp"
