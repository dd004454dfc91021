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
    const auto times = [](std::int64_t number, std::uint64_t odd) {
      return std::uint64_t(number) * odd;
    };
    // A sum of products, none of which waits for another (multilinear hashing).
    std::uint64_t hash =
        times(request.cpus, 0x9e3779b97f4a7c15u) + times(request.mem_mib, 0xbf58476d1ce4e5b9u) +
        times(request.gpus, 0x94d049bb133111ebu) + times(request.nodes, 0xff51afd7ed558ccdu) +
        times(request.gpu_share, 0xc4ceb9fe1a85ec53u) +
        times(request.nodes_max, 0xd6e8feb86659fd93u) + times(request.tasks, 0xa0761d6478bd642fu);
    if (!request.constraint.empty()) hash ^= std::hash<std::string>()(request.constraint);
    return std::size_t(hash ^ (hash >> 32));
  }
};

}  // namespace drover::rm
