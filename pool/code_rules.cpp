// pool/code_rules.cpp - rules as rows of words, and where code has them.
// SPDX-License-Identifier: Apache-2.0
#include "pool/code_rules.hpp"

#include <algorithm>

namespace drover::pool {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// Of shell's words, "/usr/bin/rm" is rm.
bool means(std::string_view word, std::string_view wanted, CodeFamily family) {
  if (wanted == "*" || is_same_word(word, wanted, family == CodeFamily::Sql)) return true;
  const std::size_t slash = word.rfind('/');
  return family == CodeFamily::Shell && slash != std::string_view::npos &&
         word.substr(slash + 1) == wanted;
}

bool applies(const CodeRule& rule, std::string_view language, CodeFamily family) {
  if (!rule.language.empty()) return rule.language == language;
  return rule.family == family;
}

}  // namespace

// The name of a family means all of its languages.
Result<CodeRule> parse_code_rule(std::string_view text) {
  CodeRule rule;
  rule.text = trimmed(text);
  const std::size_t colon = rule.text.find(':');
  const auto wrong = [&](const char* why) {
    return fail(Errc::BadInput, "'" + rule.text.substr(0, 80) + "': " + why,
                "write it as \"shell: rm\" or \"sql: drop database\"", "interceptors.forbidden");
  };
  if (colon == std::string::npos) return wrong("a rule begins with its language and ':'");
  const std::string language(trimmed(std::string_view(rule.text).substr(0, colon)));
  if (language.empty()) return wrong("a rule begins with its language and ':'");
  rule.family = family_of(language);
  const bool is_family = language == "sql" || language == "python" || language == "shell";
  if (!is_family) rule.language = language;
  const std::string_view code = std::string_view(rule.text).substr(colon + 1);
  for (const Token& token : tokens_of(code, rule.family))
    if (token.kind == Token::Kind::Word || token.kind == Token::Kind::Sign)
      rule.words.emplace_back(code.substr(token.begin, token.end - token.begin));
  if (rule.words.empty()) return wrong("it forbids nothing");
  return rule;
}

std::optional<Breach> find_breach(const std::vector<CodeRule>& rules, std::string_view language,
                                  std::string_view code) {
  const CodeFamily family = family_of(language);
  if (std::ranges::none_of(rules, [&](const auto& r) { return applies(r, language, family); }))
    return std::nullopt;
  std::vector<Token> tokens = tokens_of(code, family);
  std::erase_if(tokens, [](const Token& token) { return token.kind == Token::Kind::Comment; });
  for (std::size_t at = 0; at < tokens.size(); ++at)
    for (const CodeRule& rule : rules) {
      if (!applies(rule, language, family) || rule.words.size() > tokens.size() - at) continue;
      bool is_there = true;
      for (std::size_t i = 0; is_there && i < rule.words.size(); ++i) {
        const Token& token = tokens[at + i];
        is_there = token.kind != Token::Kind::String &&
                   means(code.substr(token.begin, token.end - token.begin), rule.words[i], family);
      }
      if (is_there) return Breach{rule.text, tokens[at].line};
    }
  return std::nullopt;
}

}  // namespace drover::pool
