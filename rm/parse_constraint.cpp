// rm/parse_constraint.cpp - from text to steps: recursive descent with bounds on size and depth.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <optional>

#include "base/units.hpp"
#include "rm/node_expression.hpp"

namespace drover::rm {
namespace {

using Op = ExpressionStep::Op;
constexpr std::uint32_t kCountedMax = 100'000;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_./@:+$\\~").find(c) != std::string_view::npos;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<NodeConstraint> run() {
    NodeConstraint out;
    if (at_end()) return out;
    if (!top(out)) return fail(std::move(*error_));
    if (!at_end()) {
      wrong(text_[at_] == ')'   ? "there is no ( for this )"
            : text_[at_] == ']' ? "there is no [ for this ]"
                                : "&, | or the end is expected");
      return fail(std::move(*error_));
    }
    return out;
  }

 private:
  bool wrong(std::string_view what) {
    constexpr std::size_t kShown = 40;  // before and after the caret
    const std::size_t from = at_ - std::min(at_, kShown);
    std::string shown = (from > 0 ? "..." : "") + std::string(text_.substr(from, at_ - from)) + "^";
    shown.append(text_.substr(at_, kShown));
    if (text_.size() - at_ > kShown) shown += "...";
    for (char& c : shown)
      if (c < ' ' || c > '~') c = '?';
    error_ = Error{Errc::BadInput,
                   "the constraint is wrong at character " + std::to_string(at_ + 1) + ": " +
                       std::string(what) + " at the ^ in \"" + shown + "\"",
                   "for example gpu&!(rack=3|rack=4), cpus>=64, [rack=1|rack=2], ssd*2&hdd*2",
                   "constraints"};
    return false;
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }
  bool is_next(char c) {
    skip_blanks();
    return at_ < text_.size() && text_[at_] == c;
  }
  bool accept(char c) {
    if (!is_next(c)) return false;
    ++at_;
    return true;
  }

  bool add(NodeExpression& out, ExpressionStep step) {
    if (++steps_ > kExpressionMaxSteps) return wrong("it is too long");
    out.push_back(std::move(step));
    return true;
  }
  bool add(NodeExpression& out, Op op) { return add(out, ExpressionStep{op, {}, {}, 0}); }

  // A list joined by & whose members may be bracketed or counted; or a plain list of such by |.
  bool top(NodeConstraint& out) {
    if (text_.size() > kExpressionMaxBytes) return wrong("it is longer than 1024 characters");
    NodeExpression any;
    bool is_or = false;
    for (;;) {
      NodeExpression all;
      do {
        if (!member(out, all)) return false;
      } while (accept('&') || accept(','));
      const bool special = !out.alternatives.empty() || !out.counted.empty();
      if (is_next('|') || is_or) {
        if (special) return wrong("[...] and *N can only be joined by &");
        any.insert(any.end(), all.begin(), all.end());
        if (is_or && !add(any, Op::Or)) return false;
        is_or = true;
      } else {
        any = std::move(all);
      }
      if (!accept('|')) break;
    }
    out.all = std::move(any);
    return true;
  }

  bool member(NodeConstraint& out, NodeExpression& all) {
    if (is_next('[')) return bracket(out);
    NodeExpression one;
    if (!unary(one, 0)) return false;
    if (accept('*')) {
      if (out.counted.size() == 16) return wrong("at most 16 counts are understood");
      const auto nodes = number();
      if (!nodes) return false;
      out.counted.push_back({std::move(one), *nodes});
      return true;
    }
    const bool first = all.empty();
    all.insert(all.end(), one.begin(), one.end());
    return first || add(all, Op::And);
  }

  std::optional<std::uint32_t> number() {
    skip_blanks();
    std::uint32_t nodes = 0;
    const char* begin = text_.data() + at_;
    const auto read = std::from_chars(begin, text_.data() + text_.size(), nodes);
    if (read.ec != std::errc() || nodes < 1 || nodes > kCountedMax) {
      wrong("a number of nodes is expected");
      return std::nullopt;
    }
    at_ += std::size_t(read.ptr - begin);
    return nodes;
  }

  bool bracket(NodeConstraint& out) {
    if (!out.alternatives.empty()) return wrong("only one [...] is understood");
    accept('[');
    do {
      NodeExpression one;
      if (!conjunction(one, 1)) return false;
      out.alternatives.push_back(std::move(one));
    } while (accept('|'));
    return accept(']') || wrong("] is expected");
  }

  bool disjunction(NodeExpression& out, std::size_t depth) {
    if (!conjunction(out, depth)) return false;
    while (accept('|'))
      if (!conjunction(out, depth) || !add(out, Op::Or)) return false;
    return true;
  }

  bool conjunction(NodeExpression& out, std::size_t depth) {
    if (!unary(out, depth)) return false;
    while (accept('&') || accept(','))
      if (!unary(out, depth) || !add(out, Op::And)) return false;
    return true;
  }

  bool unary(NodeExpression& out, std::size_t depth) {
    if (depth == kExpressionMaxDepth) return wrong("it is nested too deeply");
    if (accept('!')) return unary(out, depth + 1) && add(out, Op::Not);
    if (!accept('(')) return test(out);
    if (!disjunction(out, depth + 1)) return false;
    return accept(')') || wrong(") is expected");
  }

  std::string word() {
    skip_blanks();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  bool test(NodeExpression& out) {
    if (is_next('[')) return wrong("[...] can only be joined by & to the rest");
    ExpressionStep step;
    step.key = word();
    if (step.key.empty())
      return wrong(at_end() ? "the name of a label is missing" : "the name of a label is expected");
    const bool negated = is_next('!') && text_.substr(at_, 2) == "!=";
    if (negated) ++at_;
    if (accept('=')) {
      accept('=');
      step.op = Op::Equal;
    } else if (accept('<')) {
      step.op = accept('=') ? Op::AtMost : Op::Below;
    } else if (accept('>')) {
      step.op = accept('=') ? Op::AtLeast : Op::Above;
    } else {
      step.op = Op::Has;
      return add(out, std::move(step));
    }
    skip_blanks();
    const std::size_t value_at = at_;
    step.value = word();
    if (step.value.empty()) return wrong("a value is missing");
    if (step.op != Op::Equal && !read_number(step)) {
      at_ = value_at;
      return wrong("a whole number is expected");
    }
    return add(out, std::move(step)) && (!negated || add(out, Op::Not));
  }

  // Of memory also 256G; the text keeps MiB.
  bool read_number(ExpressionStep& step) {
    if (step.key == "mem") {
      const auto mib = parse_memory_mib(step.value);
      if (!mib) return false;
      step.number = *mib;
      step.value = std::to_string(*mib);
      return true;
    }
    const char* end = step.value.data() + step.value.size();
    const auto read = std::from_chars(step.value.data(), end, step.number);
    if (read.ec != std::errc() || read.ptr != end) return false;
    step.value = std::to_string(step.number);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0, steps_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<NodeConstraint> parse_constraint(std::string_view text) { return Parser(text).run(); }

}  // namespace drover::rm
