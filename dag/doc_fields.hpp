// dag/doc_fields.hpp - values of a document as the types that they must have; errors name the line.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "dag/document.hpp"

namespace drover::dag {

// "flow.toml:12: message"
tl::unexpected<Error> wrong_at(const std::string& origin, std::uint32_t line, std::string message,
                               std::string hint = {}, Errc code = Errc::BadInput);
// An error of another reader, with its place put before it.
tl::unexpected<Error> wrong_at(const std::string& origin, std::uint32_t line, Error inner,
                               std::string_view what);

// "unknown X 'word'", with the nearest of `known` or all of them as the hint.
tl::unexpected<Error> unknown_at(const std::string& origin, std::uint32_t line,
                                 std::string_view what, std::string_view word,
                                 std::span<const std::string_view> known);

// `what` is how messages call the value: "max_parallel".
struct DocField {
  const std::string& origin;
  const DocValue& value;
  std::string_view what;

  Result<std::string> text() const;
  Result<std::string> word() const;  // a text, number or flag, as a text
  Result<bool> flag() const;
  Result<std::int64_t> integer(std::int64_t low, std::int64_t high) const;
  Result<Duration> duration() const;               // "90s", "1:00:00"; longer than nothing
  Result<std::vector<std::string>> words() const;  // a list of words
  Result<const DocValue*> list() const;
  Result<const DocValue*> table() const;
  tl::unexpected<Error> wrong(std::string message, std::string hint = {}) const;
};

// One key that a table may have, and who reads it into a T.
template <class T>
struct DocKey {
  std::string_view name;
  Result<void> (*read)(T& into, const DocField& field);
};

// Every member of `table` by its key. BadInput for an unknown key, with the nearest; `where` says
// of what: "step".
template <class T>
Result<void> read_keys(const std::string& origin, const DocValue& table, std::string_view where,
                       std::span<const DocKey<T>> keys, T& into) {
  for (const auto& [name, value] : table.members) {
    const DocKey<T>* found = nullptr;
    for (const DocKey<T>& key : keys)
      if (key.name == name) found = &key;
    if (found == nullptr) {
      std::vector<std::string_view> known;
      for (const DocKey<T>& key : keys) known.push_back(key.name);
      return unknown_at(origin, value.line, "key of a " + std::string(where), name, known);
    }
    if (auto read = found->read(into, DocField{origin, value, found->name}); !read) return read;
  }
  return {};
}

template <class T>
Result<void> keep(Result<T> read, T& into) {
  if (!read) return fail(std::move(read.error()));
  into = std::move(*read);
  return {};
}

}  // namespace drover::dag
