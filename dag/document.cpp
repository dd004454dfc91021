// dag/document.cpp - simdjson and toml++ behind one tree.
// SPDX-License-Identifier: Apache-2.0
#include "dag/document.hpp"

#include <simdjson.h>
#include <toml++/toml.h>

#include <algorithm>
#include <set>

namespace drover::dag {
namespace {

namespace json = simdjson::ondemand;

tl::unexpected<Error> broken(const std::string& origin, std::uint32_t line, std::string what,
                             std::string hint = {}) {
  return fail(Errc::BadInput, origin + ":" + std::to_string(line) + ": " + std::move(what),
              std::move(hint));
}

tl::unexpected<Error> too_deep(const std::string& origin, std::uint32_t line) {
  return fail(Errc::Limit,
              origin + ":" + std::to_string(line) + ": nested more than " +
                  std::to_string(kDocumentDepthMax) + " levels deep",
              "make it flatter");
}

// What both formats must not exceed.
class Budget {
 public:
  explicit Budget(const std::string& origin) : origin_(origin) {}
  Result<void> take(std::size_t depth, std::uint32_t line) {
    if (depth > kDocumentDepthMax) return too_deep(origin_, line);
    if (++values_ > kDocumentValuesMax)
      return fail(Errc::Limit,
                  origin_ + ":" + std::to_string(line) + ": more than " +
                      std::to_string(kDocumentValuesMax) + " values",
                  "use foreach for many runs of the same step");
    return {};
  }

 private:
  const std::string& origin_;
  std::size_t values_ = 0;
};

class JsonReader {
 public:
  JsonReader(std::string_view text, const std::string& origin)
      : origin_(origin), budget_(origin), padded_(text) {}

  Result<DocValue> read() {
    json::parser parser(kDocumentBytesMax + 64);
    json::document document;
    if (const auto error = parser.iterate(padded_).get(document)) return wrong(error, 1);
    seen_ = padded_.data();
    json::value root;
    if (const auto error = document.get_value().get(root)) return wrong(error, 1);
    auto tree = read_value(root, 1);
    if (!tree) return tree;
    const char* rest = nullptr;
    if (document.current_location().get(rest) == simdjson::SUCCESS)
      return broken(origin_, line_, "there is text behind the end");
    return tree;
  }

 private:
  tl::unexpected<Error> wrong(simdjson::error_code error, std::uint32_t line) const {
    return broken(origin_, line, std::string("no valid JSON: ") + simdjson::error_message(error));
  }
  // Lines are counted once: values come in the order of the text.
  std::uint32_t line_of(json::value& value) {
    const char* here = nullptr;
    if (value.current_location().get(here) == simdjson::SUCCESS && here > seen_) {
      line_ += std::uint32_t(std::count(seen_, here, '\n'));
      seen_ = here;
    }
    return line_;
  }

  Result<DocValue> read_value(json::value value, std::size_t depth) {
    DocValue made;
    made.line = line_of(value);
    if (auto ok = budget_.take(depth, made.line); !ok) return fail(ok.error());
    json::json_type type{};
    if (const auto error = value.type().get(type)) return wrong(error, made.line);
    switch (type) {
      case json::json_type::array: return read_list(value, std::move(made), depth);
      case json::json_type::object: return read_table(value, std::move(made), depth);
      case json::json_type::number: return read_number(value, std::move(made));
      case json::json_type::string: {
        made.kind = DocValue::Kind::Text;
        std::string_view text;
        if (const auto error = value.get_string().get(text)) return wrong(error, made.line);
        made.text = text;
        return made;
      }
      case json::json_type::boolean: {
        made.kind = DocValue::Kind::Bool;
        if (const auto error = value.get_bool().get(made.flag)) return wrong(error, made.line);
        return made;
      }
      case json::json_type::null: {
        bool is_null = false;
        if (const auto error = value.is_null().get(is_null)) return wrong(error, made.line);
        if (!is_null) return broken(origin_, made.line, "no valid JSON");
        return made;
      }
    }
    return made;
  }
  Result<DocValue> read_number(json::value value, DocValue made) {
    json::number number;
    if (const auto error = value.get_number().get(number)) return wrong(error, made.line);
    if (number.is_uint64()) return broken(origin_, made.line, "a number beyond 64 bits");
    made.kind = number.is_int64() ? DocValue::Kind::Integer : DocValue::Kind::Real;
    if (number.is_int64())
      made.integer = number.get_int64();
    else
      made.real = number.get_double();
    return made;
  }
  Result<DocValue> read_list(json::value value, DocValue made, std::size_t depth) {
    made.kind = DocValue::Kind::List;
    json::array list;
    if (const auto error = value.get_array().get(list)) return wrong(error, made.line);
    for (auto item : list) {
      json::value inner;
      if (const auto error = item.get(inner)) return wrong(error, line_);
      auto read = read_value(inner, depth + 1);
      if (!read) return read;
      made.items.push_back(std::move(*read));
    }
    return made;
  }
  Result<DocValue> read_table(json::value value, DocValue made, std::size_t depth) {
    made.kind = DocValue::Kind::Table;
    json::object table;
    if (const auto error = value.get_object().get(table)) return wrong(error, made.line);
    std::set<std::string> names;
    for (auto field : table) {
      std::string_view name;
      if (const auto error = field.unescaped_key().get(name)) return wrong(error, line_);
      std::string kept(name);
      json::value inner;
      if (const auto error = field.value().get(inner)) return wrong(error, line_);
      auto read = read_value(inner, depth + 1);
      if (!read) return read;
      if (!names.insert(kept).second)
        return broken(origin_, read->line, "\"" + kept + "\" comes twice");
      made.members.emplace_back(std::move(kept), std::move(*read));
    }
    return made;
  }

  const std::string& origin_;
  Budget budget_;
  simdjson::padded_string padded_;
  const char* seen_ = nullptr;
  std::uint32_t line_ = 1;
};

class TomlReader {
 public:
  explicit TomlReader(const std::string& origin) : origin_(origin), budget_(origin) {}

  Result<DocValue> read(const toml::node& node, std::size_t depth) {
    DocValue made;
    made.line = std::max<std::uint32_t>(1, node.source().begin.line);
    if (auto ok = budget_.take(depth, made.line); !ok) return fail(ok.error());
    if (const auto* table = node.as_table()) {
      made.kind = DocValue::Kind::Table;
      for (const auto& [name, inner] : *table) {
        auto read = this->read(inner, depth + 1);
        if (!read) return read;
        made.members.emplace_back(std::string(name.str()), std::move(*read));
      }
    } else if (const auto* list = node.as_array()) {
      made.kind = DocValue::Kind::List;
      for (const toml::node& inner : *list) {
        auto read = this->read(inner, depth + 1);
        if (!read) return read;
        made.items.push_back(std::move(*read));
      }
    } else if (const auto* text = node.as_string()) {
      made.kind = DocValue::Kind::Text;
      made.text = text->get();
    } else if (const auto* integer = node.as_integer()) {
      made.kind = DocValue::Kind::Integer;
      made.integer = integer->get();
    } else if (const auto* real = node.as_floating_point()) {
      made.kind = DocValue::Kind::Real;
      made.real = real->get();
    } else if (const auto* flag = node.as_boolean()) {
      made.kind = DocValue::Kind::Bool;
      made.flag = flag->get();
    } else {
      return broken(origin_, made.line, "dates and times are written as texts here",
                    "put it in quotes");
    }
    return made;
  }

 private:
  const std::string& origin_;
  Budget budget_;
};

}  // namespace

DocValue::DocValue() = default;
DocValue::~DocValue() = default;
DocValue::DocValue(const DocValue&) = default;
DocValue::DocValue(DocValue&&) noexcept = default;
DocValue& DocValue::operator=(const DocValue&) = default;
DocValue& DocValue::operator=(DocValue&&) noexcept = default;

const DocValue* DocValue::find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &std::pair<std::string, DocValue>::first);
  return found == members.end() ? nullptr : &found->second;
}

std::string_view to_string(DocValue::Kind kind) {
  switch (kind) {
    case DocValue::Kind::Null: return "null";
    case DocValue::Kind::Bool: return "true or false";
    case DocValue::Kind::Integer: return "a whole number";
    case DocValue::Kind::Real: return "a number";
    case DocValue::Kind::Text: return "a text";
    case DocValue::Kind::List: return "a list";
    case DocValue::Kind::Table: return "a table";
  }
  return "unknown";
}

Result<DocValue> parse_document(std::string_view text, const std::string& origin) {
  if (text.size() > kDocumentBytesMax) {
    const auto line = 1 + std::ranges::count(text.substr(0, kDocumentBytesMax), '\n');
    return fail(Errc::Limit,
                origin + ":" + std::to_string(line) + ": the document has " +
                    std::to_string(text.size()) + " bytes; the limit of " +
                    std::to_string(kDocumentBytesMax) + " is reached here",
                "use foreach for many runs of the same step");
  }
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos && text[begin] == '{') return JsonReader(text, origin).read();
  try {
    const toml::table table = toml::parse(text, origin);
    return TomlReader(origin).read(table, 1);
  } catch (const toml::parse_error& error) {
    std::string what(error.description());
    // The library has its own limit, and says it in its own words.
    if (what.find("TOML_MAX_NESTED_VALUES") != std::string::npos)
      return too_deep(origin, error.source().begin.line);
    return broken(origin, error.source().begin.line, std::move(what));
  }
}

std::size_t json_depth(std::string_view json) {
  std::size_t depth = 0, deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text && c == '\\')
      ++i;  // what follows is no end of the text
    else if (c == '"')
      in_text = !in_text;
    else if (!in_text && (c == '{' || c == '['))
      deepest = std::max(deepest, ++depth);
    else if (!in_text && (c == '}' || c == ']') && depth > 0)
      --depth;
  }
  return deepest;
}

}  // namespace drover::dag
