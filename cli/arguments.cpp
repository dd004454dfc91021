// cli/arguments.cpp - how words become options: exact names first, then unique beginnings.
// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.hpp"

#include "base/units.hpp"

namespace drover::cli {
namespace {

bool is_called(const Option& option, std::string_view name) {
  if (option.name == name) return true;
  std::string_view rest = option.aliases;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    if (rest.substr(0, comma) == name) return true;
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return false;
}

bool begins_one_of(const Option& option, std::string_view beginning) {
  if (option.name.starts_with(beginning)) return true;
  for (const std::string& alias : split_list(option.aliases))
    if (std::string_view(alias).starts_with(beginning)) return true;
  return false;
}

class Parser {
 public:
  Parser(const std::vector<std::string>& words, const std::vector<OptionTable>& tables,
         const ArgumentRules& rules)
      : words_(words), tables_(tables), rules_(rules), component_(rules.component) {}

  Result<Arguments> parse() {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_++];
      if (word == "--") {
        out_.has_rest = true;
        out_.rest.assign(words_.begin() + std::ptrdiff_t(at_), words_.end());
        break;
      }
      if (word == ":" && rules_.has_components && out_.words.empty()) {
        ++component_;
        continue;
      }
      Result<bool> taken = true;
      if (word.starts_with("--")) {
        taken = take_long(std::string_view(word).substr(2));
      } else if (word.size() > 1 && word[0] == '-') {
        taken = take_letters(std::string_view(word).substr(1));
      } else {
        out_.words.push_back(word);
        if (rules_.stop_at_word) {
          out_.words.insert(out_.words.end(), words_.begin() + std::ptrdiff_t(at_), words_.end());
          break;
        }
      }
      if (!taken) return fail(taken.error());
    }
    return std::move(out_);
  }

 private:
  void add(const Option& option, std::string value) {
    out_.options.push_back({&option, std::move(value), rules_.origin, rules_.where, component_});
  }

  tl::unexpected<Error> unknown(const std::string& shown, std::string_view name) const {
    std::vector<std::string_view> names;
    std::string beginnings;
    for (const OptionTable table : tables_) {
      for (const Option& option : table) {
        names.push_back(option.name);
        if (name.size() > 1 && option.name.starts_with(name))
          beginnings += (beginnings.empty() ? "it could be --" : ", --") + std::string(option.name);
      }
    }
    const std::string_view near = name.size() > 1 ? nearest_match(name, names) : std::string_view{};
    std::string hint = near.empty() ? "" : "did you mean --" + std::string(near) + "?";
    if (!beginnings.empty()) hint = beginnings;
    return fail(Errc::BadInput, "unknown option " + shown, std::move(hint), std::string(name));
  }

  Result<std::string> next_value(const Option& option, const std::string& shown) {
    if (at_ >= words_.size() || words_[at_] == "--") {
      return fail(Errc::BadInput, "option " + shown + " needs a value",
                  "write " + shown + " " + std::string(option.metavar), std::string(option.name));
    }
    return words_[at_++];
  }

  Result<bool> take_long(std::string_view text) {
    const std::size_t equals = text.find('=');
    const std::string name(text.substr(0, equals));
    const Option* option = find_option(name, tables_);
    if (option == nullptr) return unknown("--" + name, name);
    if (equals != std::string_view::npos) {
      if (option->takes == Takes::Nothing) {
        return fail(Errc::BadInput, "option --" + name + " takes no value",
                    "write --" + std::string(option->name) + " alone", std::string(option->name));
      }
      add(*option, std::string(text.substr(equals + 1)));
      return true;
    }
    if (option->takes != Takes::Value) {
      add(*option, "");
      return true;
    }
    Result<std::string> value = next_value(*option, "--" + std::string(option->name));
    if (!value) return fail(value.error());
    add(*option, std::move(*value));
    return true;
  }

  Result<bool> take_letters(std::string_view letters) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      const Option* option = find_letter(letters[i], tables_);
      const std::string shown = std::string("-") + letters[i];
      if (option == nullptr) return unknown(shown, letters.substr(i, 1));
      if (option->takes != Takes::Value) {
        add(*option, "");
        continue;
      }
      if (i + 1 < letters.size()) {
        add(*option, std::string(letters.substr(i + 1)));
        return true;
      }
      Result<std::string> value = next_value(*option, shown);
      if (!value) return fail(value.error());
      add(*option, std::move(*value));
    }
    return true;
  }

  const std::vector<std::string>& words_;
  const std::vector<OptionTable>& tables_;
  const ArgumentRules& rules_;
  std::size_t at_ = 0, component_ = 0;
  Arguments out_;
};

}  // namespace

const Option* find_letter(char letter, const std::vector<OptionTable>& tables) {
  for (const OptionTable table : tables)
    for (const Option& option : table)
      if (option.letter == letter) return &option;
  return nullptr;
}

const Option* find_option(std::string_view name, const std::vector<OptionTable>& tables) {
  if (name.empty()) return nullptr;
  for (const OptionTable table : tables)
    for (const Option& option : table)
      if (is_called(option, name)) return &option;
  const Option* found = nullptr;
  for (const OptionTable table : tables) {
    for (const Option& option : table) {
      if (!begins_one_of(option, name)) continue;
      if (found != nullptr && found->name != option.name) return nullptr;  // two could be meant
      found = &option;
    }
  }
  return found;
}

Result<Arguments> parse_arguments(const std::vector<std::string>& words,
                                  const std::vector<OptionTable>& tables,
                                  const ArgumentRules& rules) {
  return Parser(words, tables, rules).parse();
}

const Given* Arguments::find(std::string_view name) const {
  const Given* found = nullptr;
  for (const Given& given : options)
    if (given.option->name == name) found = &given;
  return found;
}

std::string Arguments::text(std::string_view name, std::string_view otherwise) const {
  const Given* given = find(name);
  return given != nullptr ? given->value : std::string(otherwise);
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const Given& given : options) {
    if (given.option->name != name) continue;
    for (std::string& part : split_list(given.value)) values.push_back(std::move(part));
  }
  return values;
}

std::vector<std::string> split_list(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (end != 0) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

}  // namespace drover::cli
