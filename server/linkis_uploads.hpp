// server/linkis_uploads.hpp - what clients of once jobs upload before they ask for the engine.
//
// Kept until the job is made, and no longer than some minutes: the job keeps the code. None of it
// outlives droverd.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::server {

// Loop thread.
class LinkisUploads {
 public:
  static constexpr std::size_t kOneMax = 4u << 20, kAllMax = 64u << 20, kOfUserMax = 64;
  static constexpr std::size_t kOfUserBytes = 16u << 20;  // nobody fills it for all
  static constexpr Duration kKept = seconds(600);

  // Its id. A user's oldest make room for one too many. Limit: too large; Unavailable: enough
  // others lie here.
  Result<std::string> put(std::uint32_t uid, std::string_view content, Now now);
  // NotFound, also of somebody else's.
  Result<std::string> find(std::uint32_t uid, std::string_view id, Now now);

 private:
  struct Upload {
    std::string id;
    std::uint32_t uid = 0;
    Time until;  // mono
    std::string content;
  };
  void drop_old(Now now);

  std::list<Upload> uploads_;  // the oldest first
  std::size_t bytes_ = 0;
  std::int64_t last_ = 0;
};

}  // namespace drover::server
