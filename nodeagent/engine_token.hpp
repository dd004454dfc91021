// nodeagent/engine_token.hpp - how an engine proves which job it is: claims with a signature of
// this node.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace drover::nodeagent {

struct EngineClaims {
  AttemptId job;  // that the engine runs as
  std::uint32_t uid = 0;
  std::string name, type, pool;
  friend bool operator==(const EngineClaims&, const EngineClaims&) = default;
};

// base64url(JSON of the claims) "." base64url(HMAC-SHA256). The claims travel in the token, so an
// agent that was restarted knows its engines again without a file about them.
class EngineKey {
 public:
  // Reads the key, or makes it (0600). A damaged one is made anew: running engines are refused
  // then.
  static Result<EngineKey> open(const std::string& path);
  explicit EngineKey(std::string secret) : secret_(std::move(secret)) {}

  std::string sign(const EngineClaims& claims) const;
  // Denied when this node has not signed it.
  Result<EngineClaims> verify(std::string_view token) const;

 private:
  std::string secret_;
};

}  // namespace drover::nodeagent
