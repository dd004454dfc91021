// sched/policy.cpp - policies as words.
// SPDX-License-Identifier: Apache-2.0
#include "sched/policy.hpp"

#include <array>
#include <optional>

#include "base/units.hpp"

namespace drover::sched {
namespace {

constexpr std::int64_t kDepthMax = 100'000;

constexpr std::array kOrderWords = {std::string_view("fifo"), std::string_view("priority"),
                                    std::string_view("saf-guard")};
constexpr std::array kBackfillWords = {
    std::string_view("none"), std::string_view("easy"), std::string_view("easy-sjbf"),
    std::string_view("conservative"), std::string_view("depth-k")};

// What may stand alone.
constexpr std::array kPolicyWords = {
    std::string_view("fcfs"),         std::string_view("easy"),     std::string_view("easy-sjbf"),
    std::string_view("conservative"), std::string_view("depth-k"),  std::string_view("saf-guard"),
    std::string_view("fifo"),         std::string_view("priority"), std::string_view("none")};

template <class Enum, class Words>
std::optional<Enum> find_word(std::string_view word, const Words& words) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == word) return Enum(i);
  return std::nullopt;
}

template <class Words>
tl::unexpected<Error> unknown(std::string_view word, const Words& words, const std::string& what) {
  std::string all;
  for (const std::string_view known : words) all += (all.empty() ? "" : ", ") + std::string(known);
  const std::string_view near = nearest_match(word, words);
  return fail(Errc::BadInput, "there is no " + what + " '" + std::string(word) + "'",
              (near.empty() ? "" : "did you mean " + std::string(near) + "? ") + "known: " + all,
              "policy");
}

// "saf-guard:24h" -> the word and what follows the colon.
std::pair<std::string_view, std::string_view> split(std::string_view text, char at) {
  const std::size_t colon = text.find(at);
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Result<void> read_order(std::string_view text, PartitionPolicy& policy) {
  const auto [word, argument] = split(text, ':');
  const auto order = find_word<Order>(word, kOrderWords);
  if (!order) return unknown(word, kOrderWords, "order");
  policy.order = *order;
  if (argument.empty()) return {};
  if (*order != Order::SafGuard)
    return fail(Errc::BadInput, "the order " + std::string(word) + " takes no argument",
                "for example saf-guard:24h", "policy");
  const auto guard = parse_time_limit(argument);
  if (!guard) return fail(guard.error(), "guard");
  policy.guard = *guard;
  return {};
}

Result<void> read_backfill(std::string_view text, PartitionPolicy& policy) {
  const auto [word, argument] = split(text, ':');
  const auto backfill = find_word<Backfill>(word, kBackfillWords);
  if (!backfill) return unknown(word, kBackfillWords, "backfill");
  policy.backfill = *backfill;
  if (argument.empty()) return {};
  if (*backfill != Backfill::DepthK)
    return fail(Errc::BadInput, "the backfill " + std::string(word) + " takes no argument",
                "for example depth-k:50", "policy");
  const auto depth = parse_integer(argument, 1, kDepthMax, "depth");
  if (!depth) return fail(depth.error());
  policy.depth = std::uint32_t(*depth);
  return {};
}

}  // namespace

std::string_view to_string(Order order) { return kOrderWords[std::size_t(order)]; }
std::string_view to_string(Backfill backfill) { return kBackfillWords[std::size_t(backfill)]; }

Result<PartitionPolicy> parse_policy(std::string_view text) {
  PartitionPolicy policy;
  const std::size_t plus = text.find('+');
  if (plus != std::string_view::npos) {
    if (auto ok = read_order(text.substr(0, plus), policy); !ok) return fail(ok.error());
    if (auto ok = read_backfill(text.substr(plus + 1), policy); !ok) return fail(ok.error());
    return policy;
  }
  policy.order = Order::Fifo;
  if (text == "fcfs") {
    policy.backfill = Backfill::None;
    return policy;
  }
  const std::string_view word = split(text, ':').first;
  const bool is_order = find_word<Order>(word, kOrderWords).has_value();
  const bool is_backfill = find_word<Backfill>(word, kBackfillWords).has_value();
  if (!is_order && !is_backfill) {
    auto error = unknown(word, kPolicyWords, "policy");
    return fail(error.value().code, error.value().message,
                error.value().hint + "; or ORDER+BACKFILL, as in saf-guard:24h+easy", "policy");
  }
  auto ok = is_order ? read_order(text, policy) : read_backfill(text, policy);
  if (!ok) return fail(ok.error());
  return policy;
}

std::string to_string(const PartitionPolicy& policy) {
  std::string text(to_string(policy.order));
  if (policy.order == Order::SafGuard)
    text += ":" + std::to_string(policy.guard.us / 1'000'000) + "s";
  text += "+" + std::string(to_string(policy.backfill));
  if (policy.backfill == Backfill::DepthK) text += ":" + std::to_string(policy.depth);
  return text;
}

}  // namespace drover::sched
