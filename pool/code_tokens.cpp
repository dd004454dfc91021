// pool/code_tokens.cpp - where strings and comments of each family begin and end.
// SPDX-License-Identifier: Apache-2.0
#include "pool/code_tokens.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace drover::pool {
namespace {

using enum CodeFamily;

constexpr std::array<std::pair<std::string_view, CodeFamily>, 22> kFamilies{{
    {"sql", Sql},      {"spark-sql", Sql},  {"hql", Sql},        {"hive", Sql},
    {"psql", Sql},     {"trino", Sql},      {"presto", Sql},     {"mysql", Sql},
    {"postgres", Sql}, {"jdbc", Sql},       {"python", Python},  {"py", Python},
    {"py3", Python},   {"python3", Python}, {"pyspark", Python}, {"shell", Shell},
    {"bash", Shell},   {"sh", Shell},       {"sbatch", Shell},   {"slurm", Shell},
    {"scala", CLike},  {"java", CLike},
}};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_shell_word_char(char c) {
  constexpr std::string_view kEnds = "\"'`;|&()<>{}$";
  return !is_blank(c) && kEnds.find(c) == std::string_view::npos;
}

class Scanner {
 public:
  Scanner(std::string_view code, CodeFamily family) : code_(code), family_(family) {}

  std::vector<Token> run() {
    while (at_ < code_.size()) {
      if (is_blank(code_[at_])) {
        line_ += code_[at_++] == '\n';
        continue;
      }
      const std::size_t begin = at_;
      const std::uint32_t line = line_;
      const Token::Kind kind = take();
      for (std::size_t i = begin; i < at_; ++i) line_ += code_[i] == '\n';
      found_.push_back({kind, begin, at_, line});
    }
    return std::move(found_);
  }

 private:
  bool is_at(std::string_view text) const { return code_.substr(at_).starts_with(text); }
  void until(std::string_view text) {  // after it, or the end of the code
    const std::size_t found = code_.find(text, at_);
    at_ = found == std::string_view::npos ? code_.size() : found + text.size();
  }
  void to_line_end() { at_ = std::min(code_.find('\n', at_), code_.size()); }

  Token::Kind take() {
    if (take_comment()) return Token::Kind::Comment;
    if (take_string()) return Token::Kind::String;
    const std::size_t begin = at_;
    while (at_ < code_.size() && (family_ == Shell ? is_shell_word_char(code_[at_]) || is_escape()
                                                   : is_word_char(code_[at_])))
      at_ += family_ == Shell && code_[at_] == '\\' && at_ + 1 < code_.size() ? 2 : 1;
    if (at_ > begin) return Token::Kind::Word;
    ++at_;
    return Token::Kind::Sign;
  }
  bool is_escape() const { return code_[at_] == '\\' && at_ + 1 < code_.size(); }

  bool take_comment() {
    switch (family_) {
      case Sql:
        if (is_at("--")) return to_line_end(), true;
        if (is_at("/*")) return take_block(), true;
        return false;
      case CLike:
        if (is_at("//")) return to_line_end(), true;
        if (is_at("/*")) return at_ += 2, until("*/"), true;
        return false;
      case Shell:  // only where a word could begin: not in "$#" and "${#a}"
        if (at_ > 0 && !is_blank(code_[at_ - 1]) &&
            std::string_view(";&|()").find(code_[at_ - 1]) == std::string_view::npos)
          return false;
        [[fallthrough]];
      case Python:
        if (code_[at_] != '#') return false;
        return to_line_end(), true;
      case Other: return false;
    }
    return false;
  }
  void take_block() {  // of SQL: they nest
    int depth = 0;
    do {
      if (is_at("/*")) {
        ++depth;
        at_ += 2;
      } else if (is_at("*/")) {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < code_.size());
    at_ = std::min(at_, code_.size());
  }

  bool take_string() {
    const char quote = code_[at_];
    if (family_ == Other) return false;
    if (family_ == Sql && quote == '$') return take_dollar_string();
    const bool is_quote = quote == '\'' || quote == '"' || (quote == '`' && family_ == Sql);
    if (!is_quote) return false;
    if (family_ == Python || family_ == CLike) {
      const std::string_view three = code_.substr(at_, 3);
      if (three.size() == 3 && three[1] == quote && three[2] == quote) {
        at_ += 3;
        while (at_ < code_.size() && !is_at(three)) at_ += code_[at_] == '\\' ? 2 : 1;
        at_ = std::min(at_ + 3, code_.size());
        return true;
      }
    }
    const bool ends_with_line = family_ == Python || family_ == CLike;
    const bool has_escapes = ends_with_line || (family_ == Shell && quote == '"') ||
                             (family_ == Sql && follows_letter_e());
    for (++at_; at_ < code_.size() && code_[at_] != quote; ++at_) {
      if (has_escapes && code_[at_] == '\\')
        ++at_;
      else if (ends_with_line && code_[at_] == '\n')
        return true;
    }
    at_ = std::min(at_ + 1, code_.size());
    return true;
  }
  // E'it\'s' of PostgreSQL: the E was the word before.
  bool follows_letter_e() const {
    return !found_.empty() && found_.back().kind == Token::Kind::Word && found_.back().end == at_ &&
           found_.back().begin + 1 == at_ && (code_[at_ - 1] == 'e' || code_[at_ - 1] == 'E');
  }
  bool take_dollar_string() {  // $$ ... $$ and $tag$ ... $tag$
    std::size_t end = at_ + 1;
    while (end < code_.size() && is_word_char(code_[end])) ++end;
    const bool is_parameter = end > at_ + 1 && code_[at_ + 1] >= '0' && code_[at_ + 1] <= '9';
    if (end >= code_.size() || code_[end] != '$' || is_parameter) return false;
    const std::string_view tag = code_.substr(at_, end + 1 - at_);
    at_ = end + 1;
    until(tag);
    return true;
  }

  std::string_view code_;
  CodeFamily family_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  std::vector<Token> found_;
};

}  // namespace

CodeFamily family_of(std::string_view language) {
  const auto found =
      std::ranges::find_if(kFamilies, [&](const auto& row) { return row.first == language; });
  return found == kFamilies.end() ? Other : found->second;
}

std::vector<Token> tokens_of(std::string_view code, CodeFamily family) {
  return Scanner(code, family).run();
}

std::string without_comments(std::string_view code, CodeFamily family) {
  std::string made(code);
  for (const Token& token : tokens_of(code, family)) {
    const std::string_view text = code.substr(token.begin, token.end - token.begin);
    if (token.kind != Token::Kind::Comment || text.starts_with("/*+")) continue;
    if (token.begin == 0 && text.starts_with("#!")) continue;
    std::replace_if(
        made.begin() + std::ptrdiff_t(token.begin), made.begin() + std::ptrdiff_t(token.end),
        [](char c) { return c != '\n' && c != '\r'; }, ' ');
  }
  return made;
}

bool is_same_word(std::string_view a, std::string_view b, bool any_case) {
  const auto low = [&](char c) { return any_case && c >= 'A' && c <= 'Z' ? char(c + 32) : c; };
  return std::ranges::equal(a, b, {}, low, low);
}

}  // namespace drover::pool
