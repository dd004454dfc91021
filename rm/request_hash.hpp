// rm/request_hash.hpp - finds the class of a request.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "rm/request.hpp"

namespace drover::rm {

// Most requests differ in numbers; what is seldom there is left to the comparison.
struct RequestHash {
  std::size_t operator()(const Request& request) const noexcept {
    std::uint64_t hash = std::hash<std::string>()(request.constraint);
    for (const std::int64_t number : {request.cpus, request.mem_mib, request.gpus, request.nodes,
                                      request.gpu_share, request.nodes_max, request.tasks})
      hash = (hash ^ std::uint64_t(number)) * 0x9e3779b97f4a7c15u, hash ^= hash >> 32;
    return std::size_t(hash);
  }
};

}  // namespace drover::rm
