// server/auth.cpp - peer credentials, the token file, and the two checks against browsers.
// SPDX-License-Identifier: Apache-2.0
#include "server/auth.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/units.hpp"

namespace drover::server {
namespace {

constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kUsersRemembered = 10'000, kPrivateMax = 4 << 20;

std::string hex(const unsigned char* bytes, std::size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

tl::unexpected<Error> io_error(const std::string& doing) {
  return fail(Errc::Io, doing + ": " + std::strerror(errno));
}

}  // namespace

Result<std::string> random_hex(std::size_t bytes) {
  std::vector<unsigned char> drawn(bytes);
  if (getrandom(drawn.data(), drawn.size(), 0) != ssize_t(drawn.size()))
    return io_error("getrandom");
  return hex(drawn.data(), drawn.size());
}

Result<void> write_private(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());
  const int fd =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error("creating " + temporary);
  const bool written =
      write(fd, text.data(), text.size()) == ssize_t(text.size()) && fsync(fd) == 0;
  close(fd);
  if (!written || rename(temporary.c_str(), path.c_str()) != 0) return io_error("writing " + path);
  return {};
}

Result<std::optional<std::string>> read_private(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno == ENOENT) return std::nullopt;
    return io_error("opening " + path);
  }
  struct stat info {};
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t size = fstat(fd, &info);
  while (size == 0 || (size > 0 && text.size() < kPrivateMax)) {
    size = read(fd, buffer.data(), buffer.size());
    if (size <= 0) break;
    text.append(buffer.data(), std::size_t(size));
  }
  close(fd);
  if (size < 0) return io_error("reading " + path);
  if (info.st_uid != geteuid() || (info.st_mode & 077) != 0)
    return fail(Errc::Denied, path + " must belong to the daemon's user with mode 0600",
                "chmod 600 " + path);
  return text;
}

Result<std::string> load_token(const std::string& path) {
  auto stored = read_private(path);
  if (!stored) return fail(stored.error());
  if (!*stored) {
    auto token = random_hex(kTokenBytes);
    if (!token) return token;
    if (auto written = write_private(path, *token); !written) return fail(written.error());
    return token;
  }
  std::string token = **stored;
  while (!token.empty() && token.back() == '\n') token.pop_back();
  if (token.size() < 2 * kTokenBytes)
    return fail(Errc::Corrupt, path + " holds no token",
                "remove it: the next start makes a new one");
  return token;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0u : 1u;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const char left = a.empty() ? '\0' : a[i % a.size()];
    difference |= unsigned(static_cast<unsigned char>(left) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

const Users::Entry& Users::of(std::uint32_t uid) {
  if (const auto found = known_.find(uid); found != known_.end()) return found->second;
  if (known_.size() >= kUsersRemembered) known_.clear();
  Entry entry{std::to_string(uid), "/", "/bin/sh"};
  std::vector<char> buffer(16 << 10);
  passwd record{};
  passwd* result = nullptr;
  if (getpwuid_r(uid, &record, buffer.data(), buffer.size(), &result) == 0 && result != nullptr)
    entry = {record.pw_name, record.pw_dir, record.pw_shell};
  return known_.emplace(uid, std::move(entry)).first->second;
}

std::optional<Users::Account> Users::find(const std::string& name) {
  if (const auto found = named_.find(name); found != named_.end()) return found->second;
  if (named_.size() >= kUsersRemembered) named_.clear();
  std::vector<char> buffer(16 << 10);
  passwd record{};
  passwd* result = nullptr;
  if (getpwnam_r(name.c_str(), &record, buffer.data(), buffer.size(), &result) != 0 ||
      result == nullptr)
    return std::nullopt;
  return named_.emplace(name, Account{record.pw_uid, record.pw_gid}).first->second;
}

Auth::Auth(std::string token, std::uint32_t daemon_uid, std::uint32_t daemon_gid, Users& users)
    : token_(std::move(token)), uid_(daemon_uid), gid_(daemon_gid), users_(users) {}

void Auth::configure(const Config& config) {
  operators_.clear();
  for (const std::string& uid : config.operators)
    if (auto number = parse_integer(uid, 0, 4294967294, "server.operators"))
      operators_.push_back(std::uint32_t(*number));
  hosts_ = config.allowed_hosts;
  linkis_origins_ = config.linkis_origins;
}

bool Auth::is_token(std::string_view text) const { return equal_in_constant_time(text, token_); }

bool Auth::is_front_end(std::string_view origin) const {
  return std::find(linkis_origins_.begin(), linkis_origins_.end(), origin) != linkis_origins_.end();
}

bool Auth::is_operator(std::uint32_t uid) const {
  return uid == 0 || uid == uid_ ||
         std::find(operators_.begin(), operators_.end(), uid) != operators_.end();
}

Result<Caller> Auth::identify(const net::HttpRequest& request) {
  if (request.peer.credentials) {
    const auto& peer = *request.peer.credentials;
    return Caller{peer.uid, peer.gid, users_.of(peer.uid).name, is_operator(peer.uid)};
  }
  std::string_view given;
  std::size_t times = 0;
  for (const auto& [name, value] : request.headers)
    if (name == "authorization") {
      given = value;
      ++times;
    }
  constexpr std::string_view kScheme = "Bearer ";
  const bool shaped = times == 1 && given.size() < 1024 && given.starts_with(kScheme);
  // Compared even when misshapen, so that every refusal takes the same time.
  const bool equal = equal_in_constant_time(shaped ? given.substr(kScheme.size()) : "", token_);
  if (!shaped || !equal)
    return fail(Errc::Denied, "authentication is needed",
                "send Authorization: Bearer with the daemon's token, or use the unix socket");
  return Caller{uid_, gid_, users_.of(uid_).name, true};
}

namespace {

bool is_at(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (!host.empty() && origin.starts_with(scheme) && origin.substr(scheme.size()) == host)
      return true;
  return false;
}

}  // namespace

Result<void> Auth::check_source(const net::HttpRequest& request, bool changes) const {
  if (!request.peer.credentials) {
    std::string_view host = request.header("host");
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos)
      host = host.substr(0, colon);
    if (std::find(hosts_.begin(), hosts_.end(), host) == hosts_.end())
      return fail(Errc::Denied, "this Host is not served here",
                  "server.allowed_hosts lists the accepted ones");
  }
  changes = changes || (request.method != "GET" && request.method != "HEAD");
  const std::string_view origin = request.header("origin");
  // A GET of a link or a picture has no Origin; then the browser says whose page it is of. "none":
  // somebody typed it. Other programs say nothing.
  const std::string_view site = request.header("sec-fetch-site");
  const bool is_of_page = !origin.empty() || site == "cross-site" || site == "same-site";
  // A page that came from this very address, or through a proxy that keeps it, may as well: Host
  // is one of ours. Another port of it may not, unless a proxy drops the port: browsers would send
  // the cookie from there, too.
  const bool is_ours = !request.peer.credentials && is_at(origin, request.header("host"));
  const bool may = request.path.starts_with("/api/rest_j/") && (is_front_end(origin) || is_ours);
  if (changes && is_of_page && !may)
    return fail(Errc::Denied, "requests from web pages may not change anything",
                "linkis.origins lists the pages that may use the Linkis contract");
  return {};
}

}  // namespace drover::server
