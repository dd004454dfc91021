// linkis/multipart.cpp - parts between boundaries; each has headers, an empty line, and bytes.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/multipart.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace drover::linkis {
namespace {

constexpr std::size_t kBoundaryMax = 70;  // RFC 2046

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

std::size_t find_word(std::string_view text, std::string_view word) {
  const auto at = std::search(text.begin(), text.end(), word.begin(), word.end(),
                              [](char a, char b) { return lower(a) == lower(b); });
  return at == text.end() ? std::string_view::npos : std::size_t(at - text.begin());
}

// NAME=VALUE or NAME="VALUE" behind a ';'.
std::optional<std::string_view> parameter(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find(';'); at != std::string_view::npos; at = header.find(';')) {
    header.remove_prefix(at + 1);
    header.remove_prefix(std::min(header.find_first_not_of(" \t"), header.size()));
    if (find_word(header.substr(0, name.size()), name) != 0) continue;
    if (header.substr(name.size(), 1) != "=") continue;
    std::string_view value = header.substr(name.size() + 1);
    if (!value.starts_with('"')) return value.substr(0, value.find_first_of("; \t\r\n"));
    value.remove_prefix(1);
    return value.substr(0, value.find('"'));
  }
  return std::nullopt;
}

std::string_view disposition_of(std::string_view head) {
  const std::size_t at = find_word(head, "content-disposition:");
  if (at == std::string_view::npos) return {};
  const std::string_view line = head.substr(at);
  return line.substr(0, line.find("\r\n"));
}

tl::unexpected<Error> wrong(const char* what) {
  return fail(Errc::BadInput, what, "send multipart/form-data with one part named file", "file");
}

}  // namespace

Result<std::string_view> uploaded_file(std::string_view content_type, std::string_view body) {
  if (find_word(content_type, "multipart/form-data") != 0)
    return wrong("it is no form with a file");
  const auto boundary = parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kBoundaryMax)
    return wrong("the form names no boundary");
  const std::string mark = "--" + std::string(*boundary), next = "\r\n" + mark;
  std::optional<std::string_view> named;
  std::size_t at = body.find(mark);
  while (at != std::string_view::npos) {
    at += mark.size();
    if (body.substr(at, 2) == "--") break;  // the end
    const std::size_t head_end = body.find("\r\n\r\n", at);
    if (head_end == std::string_view::npos) return wrong("a part of the form has no end");
    const std::size_t begin = head_end + 4, end = body.find(next, head_end + 2);
    if (end == std::string_view::npos) return wrong("a part of the form has no end");
    const std::string_view disposition = disposition_of(body.substr(at, head_end - at));
    const std::string_view bytes =
        end < begin ? std::string_view() : body.substr(begin, end - begin);
    if (parameter(disposition, "name") == "file") return bytes;
    if (!named && parameter(disposition, "filename")) named = bytes;
    at = end + 2;
  }
  if (!named) return wrong("the form has no file");
  return *named;
}

}  // namespace drover::linkis
