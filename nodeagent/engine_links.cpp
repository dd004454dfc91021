// nodeagent/engine_links.cpp - admits engines, and lets go of those that are silent or gone.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/engine_links.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>
#include <vector>

namespace drover::nodeagent {

Result<std::unique_ptr<EngineLinks>> EngineLinks::listen(const std::string& path,
                                                         const EngineKey& key,
                                                         EngineHostParts parts) {
  // Engines run as their users; what proves an engine is its token and its uid.
  auto fd = net::listen_unix_socket(path, ::geteuid() == 0 ? 0666 : 0600);
  if (!fd) return fail(std::move(fd.error()), "listen for engines");
  std::unique_ptr<EngineLinks> links(new EngineLinks(key, std::move(parts)));
  links->acceptor_ = std::make_unique<net::Acceptor>(
      links->parts_.loop, std::move(*fd), path,
      [self = links.get()](net::Fd accepted) { self->on_accept(std::move(accepted)); });
  return links;
}

EngineLinks::EngineLinks(const EngineKey& key, EngineHostParts parts)
    : key_(key), parts_(std::move(parts)), tick_(parts_.loop, [this] { on_tick(); }) {
  tick_.start(seconds(1), seconds(1));
  parts_.loop.after_io([this, alive = alive_] {
    if (*alive) flush();
  });
}

EngineLinks::~EngineLinks() { *alive_ = false; }

void EngineLinks::on_accept(net::Fd fd) {
  if (guests_.size() >= kGuestsMax) return;  // closed; engines try again
  const std::uint64_t number = next_guest_++;
  auto connection = LineConnection::open(parts_.loop, std::move(fd));
  const auto& peer = connection->peer().credentials;
  std::size_t of_user = 0;
  for (const auto& [other, guest] : guests_)
    of_user += peer && guest->peer().credentials && guest->peer().credentials->uid == peer->uid;
  if (!peer || of_user >= kGuestsOfUserMax) return;
  guests_since_[number] = net::Loop::now().mono.us;
  connection->set_hooks({[this, number](std::string_view line) { on_guest_line(number, line); },
                         [this, number](const Error&) { drop_guest(number); }});
  guests_.emplace(number, std::move(connection));
}

// The connection is the one that is calling: it goes when its callback is over.
void EngineLinks::drop_guest(std::uint64_t number) {
  const auto at = guests_.find(number);
  if (at == guests_.end()) return;
  parts_.loop.post([gone = std::shared_ptr<LineConnection>(std::move(at->second))] {});
  guests_.erase(at);
  guests_since_.erase(number);
}

Result<EngineClaims> EngineLinks::admit(const EngineHello& hello,
                                        const LineConnection& connection) const {
  auto claims = key_.verify(hello.token);
  if (!claims) return fail(std::move(claims.error()));
  const auto& peer = connection.peer().credentials;
  if (!peer || peer->uid != claims->uid)
    return fail(Errc::Denied, "the engine's token belongs to another user");
  if (hello.type != claims->type)
    return fail(Errc::BadInput,
                "the engine says it is " + hello.type + " and was started as " + claims->type);
  const auto at = links_.find(claims->name);
  if (at != links_.end() && at->second->claims().job.epoch > claims->job.epoch)
    return fail(Errc::Conflict, "a newer engine " + claims->name + " is here");
  if (at == links_.end() && links_.size() >= kLinksMax)
    return fail(Errc::Limit, "too many engines on this node");
  return claims;
}

void EngineLinks::on_guest_line(std::uint64_t number, std::string_view text) {
  const auto at = guests_.find(number);
  if (at == guests_.end()) return;
  const auto line = reader_.read(text);
  const auto* hello = line ? std::get_if<EngineHello>(&*line) : nullptr;
  if (hello == nullptr) {
    at->second->close();
    return drop_guest(number);
  }
  auto claims = admit(*hello, *at->second);
  if (!claims) {
    spdlog::warn("an engine is refused: {}", claims.error().message);
    at->second->send(refused_line(claims.error().message));
    at->second->close();
    return drop_guest(number);
  }
  std::unique_ptr<LineConnection> connection = std::move(at->second);
  guests_.erase(at);
  guests_since_.erase(number);
  std::unique_ptr<EngineLink>& link = links_[claims->name];
  if (link != nullptr && link->claims() != *claims) {  // an older attempt of the engine's job
    link->lose_engine("another attempt takes its place");
    link.reset();
  }
  if (link == nullptr) {
    spdlog::info("engine {} is here: {} {}", claims->name, hello->type, hello->version);
    link = std::make_unique<EngineLink>(parts_, reader_, *claims,
                                        [this, name = claims->name] { changed_.insert(name); });
  }
  link->take(std::move(connection), *hello);
}

void EngineLinks::on_tick() {
  const std::int64_t now = net::Loop::now().mono.us;
  std::vector<std::uint64_t> late;
  for (const auto& [number, guest] : guests_)
    if (now - guests_since_[number] > kHelloUs) late.push_back(number);
  for (const std::uint64_t number : late) drop_guest(number);
  for (auto at = links_.begin(); at != links_.end();) {
    EngineLink& link = *at->second;
    if (link.has_engine() && now - link.heard_us() > kSilenceUs)
      link.lose_engine("it says nothing");
    if (!link.has_engine() && now - link.heard_us() > kHoldUs) {
      spdlog::info("engine {} is gone", at->first);
      at = links_.erase(at);
    } else {
      ++at;
    }
  }
}

void EngineLinks::flush() {
  for (const std::string& name : std::exchange(changed_, {})) {
    const auto at = links_.find(name);
    if (at != links_.end()) at->second->flush();
  }
}

void EngineLinks::repeat_ends() {
  for (const auto& [name, link] : links_) link->repeat_ends();
}

}  // namespace drover::nodeagent
