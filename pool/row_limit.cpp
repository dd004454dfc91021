// pool/row_limit.cpp - finds the queries of a text and their limits.
// SPDX-License-Identifier: Apache-2.0
#include "pool/row_limit.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "pool/code_tokens.hpp"

namespace drover::pool {
namespace {

using Tokens = std::span<const Token>;
constexpr std::array<std::string_view, 5> kAfterNumber{"offset", "for", "fetch", "row", "rows"};
constexpr std::string_view kSwitch = "set ide.engine.no.limit.allow=true";

class Query {
 public:
  Query(std::string_view sql, Tokens tokens) : sql_(sql), tokens_(tokens) {}

  bool is_query() const {
    if (tokens_.empty()) return false;
    std::size_t first = 0;
    while (first < tokens_.size() && text(first) == "(") ++first;
    if (first == tokens_.size()) return false;
    if (is_word(first, "select")) return true;
    if (first > 0 || !is_word(0, "with")) return false;
    bool selects = false;
    for (const std::size_t at : outer()) {
      for (const std::string_view word : {"insert", "update", "delete", "merge", "into"})
        if (is_word(at, word)) return false;
      selects = selects || is_word(at, "select");
    }
    return selects;
  }
  bool makes_something() const {  // SELECT ... INTO
    return std::ranges::any_of(outer(), [&](std::size_t at) { return is_word(at, "into"); });
  }
  // The token of LIMIT or FETCH that counts: the last one outside of parentheses; npos = none.
  std::size_t limit() const {
    std::size_t found = kNone;
    for (const std::size_t at : outer())
      if (is_word(at, "limit") || is_word(at, "fetch")) found = at;
    return found;
  }
  // The number that a limit gives, as tokens from begin to end: of "limit 5", "limit 5 offset 2",
  // "limit 2, 5", "limit -1" and "fetch first 5 rows only".
  struct Part {
    std::size_t begin = 0, end = 0;
  };
  Part number_of(std::size_t limit) const {
    if (is_word(limit, "fetch")) return part_from(limit + 2);
    const Part first = part_from(limit + 1);
    const bool is_second = first.end < tokens_.size() && text(first.end) == ",";
    return is_second ? part_from(first.end + 1) : first;
  }
  // Before "for update": a limit stands before it everywhere.
  std::size_t end() const {
    std::size_t before = kNone;
    for (const std::size_t at : outer())
      if (at > 0 && is_word(at, "for")) before = at;
    return before == kNone ? tokens_.back().end : tokens_[before - 1].end;
  }
  std::string_view text(std::size_t at) const {
    return sql_.substr(tokens_[at].begin, tokens_[at].end - tokens_[at].begin);
  }
  std::uint32_t line() const { return tokens_.front().line; }
  const Token& token(std::size_t at) const { return tokens_[at]; }

  static constexpr std::size_t kNone = std::string_view::npos;

 private:
  bool is_word(std::size_t at, std::string_view word) const {
    return tokens_[at].kind == Token::Kind::Word && is_same_word(text(at), word, true);
  }
  Part part_from(std::size_t begin) const {
    Part part{std::min(begin, tokens_.size()), std::min(begin, tokens_.size())};
    for (std::int64_t depth = 0; part.end < tokens_.size(); ++part.end) {
      const bool is_sign = tokens_[part.end].kind == Token::Kind::Sign;
      depth += is_sign && text(part.end) == "(";
      depth -= is_sign && text(part.end) == ")";
      if (depth > 0) continue;
      if (depth < 0 || (is_sign && text(part.end) == ",")) break;
      if (std::ranges::any_of(kAfterNumber,
                              [&](std::string_view word) { return is_word(part.end, word); }))
        break;
    }
    return part;
  }
  std::vector<std::size_t> outer() const {
    std::vector<std::size_t> found;
    std::int64_t depth = 0;
    for (std::size_t at = 0; at < tokens_.size(); ++at) {
      if (tokens_[at].kind == Token::Kind::Sign) {
        depth += text(at) == "(";
        depth -= text(at) == ")";
      } else if (depth == 0) {
        found.push_back(at);
      }
    }
    return found;
  }

  std::string_view sql_;
  Tokens tokens_;
};

struct Edit {
  std::size_t at, length;
  std::string text;
};

void limit_one(const Query& query, std::int64_t most, std::vector<Edit>& edits, Limited& out) {
  if (!query.is_query() || query.makes_something()) return;
  const std::size_t limit = query.limit();
  if (limit == Query::kNone) {
    edits.push_back({query.end(), 0, " limit " + std::to_string(most)});
    out.added.push_back(query.line());
    return;
  }
  const Query::Part number = query.number_of(limit);
  if (number.begin == number.end) return;  // "fetch first row only"; or the database complains
  const std::size_t begin = query.token(number.begin).begin;
  const std::size_t end = query.token(number.end - 1).end;
  if (const std::string_view text = query.text(number.begin); number.end == number.begin + 1) {
    std::int64_t asked = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), asked);
    if (rest == text.data() + text.size() && error == std::errc() && asked <= most) return;
  }
  edits.push_back({begin, end - begin, std::to_string(most)});  // what cannot be read is too large
  out.cut.push_back(query.line());
}

bool is_switched_off(std::string_view sql, const std::vector<Token>& tokens) {
  return std::ranges::any_of(tokens, [&](const Token& token) {
    if (token.kind != Token::Kind::Comment) return false;
    std::string text(sql.substr(token.begin, token.end - token.begin));
    if (!text.starts_with("--")) return false;
    text.erase(0, text.find_first_not_of("- \t"));
    std::erase_if(text, [](char c) { return c == '\r'; });
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
    return text == kSwitch;
  });
}

}  // namespace

Limited limit_rows(std::string_view sql, std::int64_t most) {
  Limited out;
  out.code = sql;
  std::vector<Token> tokens = tokens_of(sql, CodeFamily::Sql);
  if (is_switched_off(sql, tokens)) return out;
  std::erase_if(tokens, [](const Token& token) { return token.kind == Token::Kind::Comment; });
  std::vector<Edit> edits;
  std::size_t from = 0;
  for (std::size_t at = 0; at <= tokens.size(); ++at) {
    const bool is_end = at == tokens.size() ||
                        (tokens[at].kind == Token::Kind::Sign && sql[tokens[at].begin] == ';');
    if (!is_end) continue;
    limit_one(Query(sql, Tokens(tokens).subspan(from, at - from)), most, edits, out);
    from = at + 1;
  }
  if (edits.empty()) return out;
  out.code.clear();  // one pass, however many there are
  std::size_t done = 0;
  for (const Edit& edit : edits) {
    out.code.append(sql.substr(done, edit.at - done)).append(edit.text);
    done = edit.at + edit.length;
  }
  out.code.append(sql.substr(done));
  return out;
}

}  // namespace drover::pool
