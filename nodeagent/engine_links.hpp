// nodeagent/engine_links.hpp - the socket that engines of this node connect to, and who is there.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "net/acceptor.hpp"
#include "net/loop.hpp"
#include "nodeagent/engine_link.hpp"
#include "nodeagent/engine_token.hpp"
#include "nodeagent/line_connection.hpp"

namespace drover::nodeagent {

// Loop thread only. A connection is a guest until its hello carries a token that this node signed
// and the kernel says that it comes from the engine's user.
class EngineLinks {
 public:
  static constexpr std::size_t kGuestsMax = 256, kGuestsOfUserMax = 32, kLinksMax = 10'000;
  static constexpr std::int64_t kHelloUs = 10'000'000;    // a guest has so long to say who it is
  static constexpr std::int64_t kSilenceUs = 30'000'000;  // idle engines speak every 10 s
  static constexpr std::int64_t kHoldUs = 10'000'000;     // a session outlives its engine's socket

  // Errors: the socket. The key and the parts outlive it.
  static Result<std::unique_ptr<EngineLinks>> listen(const std::string& path, const EngineKey& key,
                                                     EngineHostParts parts);
  ~EngineLinks();
  void repeat_ends();
  std::size_t size() const { return links_.size(); }

 private:
  EngineLinks(const EngineKey& key, EngineHostParts parts);
  void on_accept(net::Fd fd);
  void on_guest_line(std::uint64_t number, std::string_view text);
  void drop_guest(std::uint64_t number);
  Result<EngineClaims> admit(const EngineHello& hello, const LineConnection& connection) const;
  void on_tick();
  void flush();

  const EngineKey& key_;
  EngineHostParts parts_;
  EngineLineReader reader_;
  std::map<std::uint64_t, std::unique_ptr<LineConnection>> guests_;
  std::map<std::uint64_t, std::int64_t> guests_since_;        // monotonic
  std::map<std::string, std::unique_ptr<EngineLink>> links_;  // by the engine's name
  std::set<std::string> changed_;                             // links with something to flush
  std::uint64_t next_guest_ = 0;
  net::Timer tick_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace drover::nodeagent
