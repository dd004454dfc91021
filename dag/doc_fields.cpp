// dag/doc_fields.cpp - types of a document's values.
// SPDX-License-Identifier: Apache-2.0
#include "dag/doc_fields.hpp"

#include <charconv>

#include "base/units.hpp"

namespace drover::dag {

tl::unexpected<Error> wrong_at(const std::string& origin, std::uint32_t line, std::string message,
                               std::string hint, Errc code) {
  return fail(code, origin + ":" + std::to_string(line) + ": " + std::move(message),
              std::move(hint));
}

tl::unexpected<Error> wrong_at(const std::string& origin, std::uint32_t line, Error inner,
                               std::string_view what) {
  if (!what.empty()) inner.message.insert(0, std::string(what) + ": ");
  return wrong_at(origin, line, std::move(inner.message), std::move(inner.hint), inner.code);
}

tl::unexpected<Error> unknown_at(const std::string& origin, std::uint32_t line,
                                 std::string_view what, std::string_view word,
                                 std::span<const std::string_view> known) {
  std::string hint;
  if (const std::string_view near = nearest_match(word, known); !near.empty()) {
    hint = "did you mean '" + std::string(near) + "'?";
  } else {
    for (const std::string_view one : known.first(std::min<std::size_t>(known.size(), 30)))
      hint.append(hint.empty() ? "known: " : ", ").append(one);
  }
  return wrong_at(origin, line,
                  "unknown " + std::string(what) + " '" + std::string(word.substr(0, 80)) + "'",
                  std::move(hint));
}

tl::unexpected<Error> DocField::wrong(std::string message, std::string hint) const {
  return wrong_at(origin, value.line, std::string(what) + " " + std::move(message),
                  std::move(hint));
}

Result<std::string> DocField::text() const {
  if (value.kind != DocValue::Kind::Text)
    return wrong("is a text, not " + std::string(to_string(value.kind)), "put it in quotes");
  if (value.text.find('\0') != std::string::npos) return wrong("contains a NUL byte");
  return value.text;
}

Result<std::string> DocField::word() const {
  switch (value.kind) {
    case DocValue::Kind::Text: return text();
    case DocValue::Kind::Integer: return std::to_string(value.integer);
    case DocValue::Kind::Real: {
      char digits[32];
      const auto end = std::to_chars(std::begin(digits), std::end(digits), value.real);
      return std::string(digits, end.ptr);
    }
    case DocValue::Kind::Bool: return std::string(value.flag ? "true" : "false");
    case DocValue::Kind::Null:
    case DocValue::Kind::List:
    case DocValue::Kind::Table: break;
  }
  return wrong("is a text or a number, not " + std::string(to_string(value.kind)));
}

Result<bool> DocField::flag() const {
  if (value.kind != DocValue::Kind::Bool)
    return wrong("is true or false, not " + std::string(to_string(value.kind)));
  return value.flag;
}

Result<std::int64_t> DocField::integer(std::int64_t low, std::int64_t high) const {
  if (value.kind != DocValue::Kind::Integer)
    return wrong("is a whole number, not " + std::string(to_string(value.kind)));
  if (value.integer < low || value.integer > high)
    return wrong("is " + std::to_string(value.integer) + "; it must lie between " +
                 std::to_string(low) + " and " + std::to_string(high));
  return value.integer;
}

Result<Duration> DocField::duration() const {
  if (value.kind != DocValue::Kind::Text)
    return wrong("is a time as a text, not " + std::string(to_string(value.kind)),
                 "write \"90s\", \"15m\" or \"1:00:00\"");
  auto read = parse_time_limit(value.text);
  if (!read) return wrong_at(origin, value.line, std::move(read.error()), what);
  if (read->us <= 0) return wrong("must be longer than nothing", "leave it out for no limit");
  return *read;
}

Result<std::vector<std::string>> DocField::words() const {
  auto all = list();
  if (!all) return fail(std::move(all.error()));
  std::vector<std::string> read;
  for (const DocValue& item : (*all)->items) {
    auto one = DocField{origin, item, what}.word();
    if (!one) return fail(std::move(one.error()));
    read.push_back(std::move(*one));
  }
  return read;
}

Result<const DocValue*> DocField::list() const {
  if (value.kind != DocValue::Kind::List)
    return wrong("is a list, not " + std::string(to_string(value.kind)), "write [...]");
  return &value;
}

Result<const DocValue*> DocField::table() const {
  if (value.kind != DocValue::Kind::Table)
    return wrong("is a table, not " + std::string(to_string(value.kind)), "write { name = value }");
  return &value;
}

}  // namespace drover::dag
