// net/http_target.cpp - percent-decoding done exactly once.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_target.hpp"

#include <algorithm>
#include <cstdint>

namespace drover::net {

namespace {

constexpr std::size_t kQueryFields = 100;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Shortest-form UTF-8 without surrogates, so that names compare as bytes.
bool is_utf8(std::string_view text) {
  for (std::size_t k = 0; k < text.size();) {
    const auto lead = static_cast<unsigned char>(text[k]);
    if (lead < 0x80) {
      ++k;
      continue;
    }
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - k <= more) return false;
    std::uint32_t code = lead & (0x3fu >> more);
    for (std::size_t i = 1; i <= more; ++i) {
      const auto byte = static_cast<unsigned char>(text[k + i]);
      if ((byte & 0xc0u) != 0x80u) return false;
      code = code << 6 | (byte & 0x3fu);
    }
    const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
    k += more + 1;
  }
  return true;
}

enum class Part { Path, QueryName, QueryValue };

// A tab may be the value of a field: somebody's separator.
Result<std::string> decode(std::string_view text, Part part) {
  const std::string_view where = part == Part::Path ? "path" : "query";
  std::string out;
  out.reserve(text.size());
  for (std::size_t k = 0; k < text.size(); ++k) {
    char c = text[k];
    if (c == '+' && part != Part::Path) {
      c = ' ';
    } else if (c == '%') {
      const int high = k + 2 < text.size() ? hex_value(text[k + 1]) : -1;
      const int low = k + 2 < text.size() ? hex_value(text[k + 2]) : -1;
      if (high < 0 || low < 0) {
        return fail(Errc::BadInput, "the " + std::string(where) + " has a broken % escape",
                    "write a plain % as %25 in the query");
      }
      c = static_cast<char>(high * 16 + low);
      k += 2;
    }
    const bool is_escaped_tab = c == '\t' && text[k] != '\t' && part == Part::QueryValue;
    if (is_control(c) && !is_escaped_tab) {
      return fail(Errc::BadInput, "the " + std::string(where) + " has a control character");
    }
    out.push_back(c);
  }
  if (!is_utf8(out)) return fail(Errc::BadInput, "the " + std::string(where) + " is not UTF-8");
  return out;
}

bool has_dot_segment(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);  // the '/'
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

}  // namespace

Result<HttpTarget> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') {
    return fail(Errc::BadInput, "the request target must be a path", "it starts with '/'");
  }
  const std::size_t mark = target.find('?');
  auto path = decode(target.substr(0, mark), Part::Path);
  if (!path) return fail(path.error());
  if (path->find('%') != std::string::npos) {
    return fail(Errc::BadInput, "the path is encoded twice", "encode names once");
  }
  if (has_dot_segment(*path)) {
    return fail(Errc::BadInput, "the path has a '.' or '..' segment", "write the path out");
  }
  HttpTarget out{std::move(*path), {}};
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (field.empty()) continue;
    if (out.query.size() == kQueryFields) {
      return fail(Errc::BadInput, "the query has more than 100 fields");
    }
    const std::size_t equals = std::min(field.find('='), field.size());
    auto name = decode(field.substr(0, equals), Part::QueryName);
    if (!name) return fail(name.error());
    auto value = decode(field.substr(std::min(equals + 1, field.size())), Part::QueryValue);
    if (!value) return fail(value.error());
    out.query.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15u]};
    }
  }
  return out;
}

}  // namespace drover::net
