// dag/document.hpp - a JSON or TOML text as one tree that remembers its lines.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace drover::dag {

struct DocValue {
  enum class Kind : std::uint8_t { Null, Bool, Integer, Real, Text, List, Table };
  Kind kind{};
  bool flag = false;       // Bool
  std::uint32_t line = 0;  // where it begins, from 1
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<DocValue> items;                            // List
  std::vector<std::pair<std::string, DocValue>> members;  // Table; each name once

  const DocValue* find(std::string_view name) const;  // of a Table; null when it has none

  // Where the type is whole: clang 14 wants it so for a pair that holds it.
  DocValue();
  ~DocValue();
  DocValue(const DocValue&);
  DocValue(DocValue&&) noexcept;
  DocValue& operator=(const DocValue&);
  DocValue& operator=(DocValue&&) noexcept;
};
std::string_view to_string(DocValue::Kind kind);  // "a text", "a list", ...

inline constexpr std::size_t kDocumentBytesMax = 8u << 20;
inline constexpr std::size_t kDocumentDepthMax = 32;
inline constexpr std::size_t kDocumentValuesMax = 2'000'000;

// How deep a JSON text nests, by its brackets; those inside of texts do not count. O(text), no
// recursion: for texts that come from elsewhere, before they are read.
std::size_t json_depth(std::string_view json);

// A text that begins with '{' is JSON, any other TOML. Errors name `origin` and the line: Limit for
// what is too large or too deep, BadInput for what cannot be read, a name that comes twice, numbers
// beyond 64 bits and dates. The root is a Table.
Result<DocValue> parse_document(std::string_view text, const std::string& origin);

}  // namespace drover::dag
