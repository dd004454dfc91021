// nodeagent/engine_token.cpp - the key file, and tokens by OpenSSL's HMAC.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/engine_token.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "net/socket.hpp"

namespace drover::nodeagent {
namespace {

constexpr std::size_t kSecretBytes = 32, kTokenMax = 4096;
constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(std::string_view bytes) {
  std::string text;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 63];
  return text;
}

std::string from_base64url(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const char* const digit = c == '\0' ? nullptr : std::strchr(kDigits, c);
    if (digit == nullptr) return {};
    bits = bits << 6 | std::uint32_t(digit - kDigits);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

std::string hmac(const std::string& secret, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::HMAC(EVP_sha256(), secret.data(), int(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  return {reinterpret_cast<const char*>(digest), size};
}

std::string read_secret(const std::string& path) {
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string secret(kSecretBytes + 1, '\0');
  const ssize_t got = fd ? ::read(fd.raw(), secret.data(), secret.size()) : -1;
  if (got != ssize_t(kSecretBytes)) return {};
  secret.resize(kSecretBytes);
  return secret;
}

}  // namespace

Result<EngineKey> EngineKey::open(const std::string& path) {
  std::string secret = read_secret(path);
  if (!secret.empty()) return EngineKey(std::move(secret));
  secret.resize(kSecretBytes);
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), int(secret.size())) != 1)
    return fail(Errc::Io, "the system gives no random numbers");
  const std::string fresh = path + ".new";  // renamed when whole: a crash leaves no half of a key
  ::unlink(fresh.c_str());
  const net::Fd fd(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::write(fd.raw(), secret.data(), secret.size()) != ssize_t(secret.size()) ||
      ::fsync(fd.raw()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
    return fail(net::os_error("make " + path, errno));
  return EngineKey(std::move(secret));
}

std::string EngineKey::sign(const EngineClaims& claims) const {
  const nlohmann::json json = {{"job", raw(claims.job.task.job)},
                               {"task", raw(claims.job.task.index)},
                               {"attempt", raw(claims.job.number)},
                               {"epoch", raw(claims.job.epoch)},
                               {"uid", claims.uid},
                               {"name", claims.name},
                               {"type", claims.type},
                               {"pool", claims.pool}};
  const std::string body =
      base64url(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return body + "." + base64url(hmac(secret_, body));
}

Result<EngineClaims> EngineKey::verify(std::string_view token) const {
  const auto denied = [] { return fail(Errc::Denied, "the engine's token is not of this node"); };
  const std::size_t dot = token.rfind('.');
  if (dot == std::string_view::npos || token.size() > kTokenMax) return denied();
  const std::string wanted = hmac(secret_, token.substr(0, dot));
  const std::string given = from_base64url(token.substr(dot + 1));
  if (given.size() != wanted.size() ||
      CRYPTO_memcmp(given.data(), wanted.data(), wanted.size()) != 0)
    return denied();
  // Signed by us, so the members are there; another release may have had others.
  const auto json =
      nlohmann::json::parse(from_base64url(token.substr(0, dot)), nullptr, /*exceptions=*/false);
  try {
    EngineClaims claims;
    claims.job = {{JobId{json.at("job").get<std::uint64_t>()},
                   TaskIndex{json.at("task").get<std::uint32_t>()}},
                  AttemptNo{json.at("attempt").get<std::uint32_t>()},
                  Epoch{json.at("epoch").get<std::uint64_t>()}};
    claims.uid = json.at("uid").get<std::uint32_t>();
    claims.name = json.at("name").get<std::string>();
    claims.type = json.at("type").get<std::string>();
    claims.pool = json.at("pool").get<std::string>();
    return claims;
  } catch (const nlohmann::json::exception&) {
    return denied();
  }
}

}  // namespace drover::nodeagent
