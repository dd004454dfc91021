// net/socket.cpp - sockets of the kinds Drover speaks over: unix with a file mode, and numeric TCP.
// SPDX-License-Identifier: Apache-2.0
#include "net/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace drover::net {

namespace {

constexpr int kBacklog = 1024;

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.find('\0') != std::string::npos) {
    return fail(Errc::BadInput, "a socket path is empty or contains a NUL");
  }
  if (path.size() >= sizeof address.sun_path) {
    return fail(Errc::BadInput,
                "socket path " + path + " is longer than the 107 bytes the system allows",
                "choose a shorter run directory, e.g. --run /tmp/drover-$USER");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Fd open_socket(int family) {
  return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Answers whether a file was in the way and is gone now; Conflict when it must stay.
Result<void> clear_stale_socket(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return tl::unexpected<Error>(os_error("look at " + path, errno));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return fail(Errc::Conflict, path + " exists and is not a socket", "move it out of the way");
  }
  const Fd probe = open_socket(AF_UNIX);
  if (!probe) return tl::unexpected<Error>(os_error("open a socket", errno));
  if (::connect(probe.raw(), generic(address), sizeof address) == 0 || errno == EAGAIN) {
    return fail(Errc::Conflict, "another server already answers on " + path,
                "stop it first, or choose another run directory");
  }
  if (errno != ECONNREFUSED && errno != ENOENT) {
    return tl::unexpected<Error>(os_error("probe " + path, errno));
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return tl::unexpected<Error>(os_error("remove the stale socket " + path, errno));
  }
  return {};
}

std::string numeric_address(const sockaddr_storage& address, socklen_t length) {
  char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
  if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  const std::string name = address.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host;
  return name + ":" + port;
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<AddressList> numeric_lookup(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (rc != 0 || found == nullptr) {
    return fail(Errc::BadInput, "no such address: " + host + " (" + ::gai_strerror(rc) + ")");
  }
  return AddressList(found, &::freeaddrinfo);
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Error os_error(const std::string& what, int error) {
  const bool denied = error == EACCES || error == EPERM;
  return {denied ? Errc::Denied : Errc::Io, what + ": " + std::generic_category().message(error),
          "", ""};
}

Result<Fd> listen_unix_socket(const std::string& path, std::uint32_t mode) {
  const auto address = unix_address(path);
  if (!address) return fail(address.error());
  if (const auto clear = clear_stale_socket(path, *address); !clear) return fail(clear.error());
  Fd fd = open_socket(AF_UNIX);
  if (!fd) return tl::unexpected<Error>(os_error("open a socket", errno));
  // On Linux bind() gives the file the socket's own mode (less the umask): there is no moment
  // in which others could connect.
  if (::fchmod(fd.raw(), mode) != 0)
    return tl::unexpected<Error>(os_error("mode of " + path, errno));
  if (::bind(fd.raw(), generic(*address), sizeof *address) != 0) {
    if (errno == EADDRINUSE) return fail(Errc::Conflict, "another server just took " + path);
    return tl::unexpected<Error>(os_error("bind " + path, errno));
  }
  if (::chmod(path.c_str(), mode) != 0 || ::listen(fd.raw(), kBacklog) != 0) {
    return tl::unexpected<Error>(os_error("listen on " + path, errno));
  }
  return fd;
}

std::uint64_t socket_inode(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) ? info.st_ino : 0;
}

void unlink_unix_socket(const std::string& path, std::uint64_t inode) {
  if (inode != 0 && socket_inode(path) == inode) ::unlink(path.c_str());
}

Result<Fd> listen_tcp_socket(const std::string& address, std::uint16_t port) {
  const auto list = numeric_lookup(address, port, AI_NUMERICHOST | AI_PASSIVE);
  if (!list) return fail(list.error());
  const addrinfo& where = **list;
  Fd fd = open_socket(where.ai_family);
  if (!fd) return tl::unexpected<Error>(os_error("open a socket", errno));
  const int on = 1;
  ::setsockopt(fd.raw(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const std::string name = address + ":" + std::to_string(port);
  if (::bind(fd.raw(), where.ai_addr, where.ai_addrlen) != 0) {
    if (errno == EADDRINUSE) {
      return fail(Errc::Conflict, "port " + name + " is taken", "choose another with --port");
    }
    return tl::unexpected<Error>(os_error("bind " + name, errno));
  }
  if (::listen(fd.raw(), kBacklog) != 0)
    return tl::unexpected<Error>(os_error("listen on " + name, errno));
  return fd;
}

Result<std::uint16_t> bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return tl::unexpected<Error>(os_error("ask for the bound port", errno));
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

Result<Fd> connect_unix_socket(const std::string& path) {
  const auto address = unix_address(path);
  if (!address) return fail(address.error());
  Fd fd = open_socket(AF_UNIX);
  if (!fd) return tl::unexpected<Error>(os_error("open a socket", errno));
  if (::connect(fd.raw(), generic(*address), sizeof *address) == 0) return fd;
  const int error = errno;
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) {
    return fail(Errc::Unavailable, "nobody listens on " + path, "start Drover with `drover up`");
  }
  if (error == EAGAIN) {
    return fail(Errc::Unavailable, "the server on " + path + " is too busy to accept connections",
                "try again in a moment");
  }
  return tl::unexpected<Error>(os_error("connect to " + path, error));
}

Result<Fd> start_tcp_connect(const std::string& host, std::uint16_t port) {
  const auto list = numeric_lookup(host, port, 0);
  if (!list) return fail(list.error());
  const addrinfo& where = **list;
  Fd fd = open_socket(where.ai_family);
  if (!fd) return tl::unexpected<Error>(os_error("open a socket", errno));
  const int on = 1;
  ::setsockopt(fd.raw(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.raw(), where.ai_addr, where.ai_addrlen) != 0 && errno != EINPROGRESS) {
    if (errno == ECONNREFUSED) {
      return fail(Errc::Unavailable, "nobody listens on " + host + ":" + std::to_string(port),
                  "start Drover with `drover up`");
    }
    return tl::unexpected<Error>(os_error("connect to " + host, errno));
  }
  return fd;
}

Result<void> finish_connect(int fd, const std::string& target) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0) return {};
  if (error == ECONNREFUSED) {
    return fail(Errc::Unavailable, "nobody listens on " + target, "start Drover with `drover up`");
  }
  return tl::unexpected<Error>(os_error("connect to " + target, error));
}

Peer peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return {{}, "unknown"};
  if (address.ss_family == AF_UNIX) {
    ucred credentials{};
    length = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return {{}, "unix"};
    return {Credentials{credentials.uid, credentials.gid, credentials.pid}, "unix"};
  }
  length = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return {{}, "unknown"};
  return {{}, numeric_address(address, length)};
}

}  // namespace drover::net
