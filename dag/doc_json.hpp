// dag/doc_json.hpp - from a document's values to JSON; for sources only: the library is large.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "dag/document.hpp"

namespace drover::dag {

using Json = nlohmann::json;  // sorted by name: an object of many names stays quick

inline Json to_json(const DocValue& value) {
  switch (value.kind) {
    case DocValue::Kind::Null: return nullptr;
    case DocValue::Kind::Bool: return value.flag;
    case DocValue::Kind::Integer: return value.integer;
    case DocValue::Kind::Real: return value.real;
    case DocValue::Kind::Text: return value.text;
    case DocValue::Kind::List: {
      Json list = Json::array();
      for (const DocValue& item : value.items) list.push_back(to_json(item));
      return list;
    }
    case DocValue::Kind::Table: {
      Json table = Json::object();
      for (const auto& [name, item] : value.members) table[name] = to_json(item);
      return table;
    }
  }
  return nullptr;
}

// Bytes that are no UTF-8 are replaced: a script is text.
inline std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What was made by to_text; anything else gives a discarded value.
inline Json parse_json(std::string_view text) { return Json::parse(text, nullptr, false); }

}  // namespace drover::dag
