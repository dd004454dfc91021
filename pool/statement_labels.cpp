// pool/statement_labels.cpp - userCreator and the site's defaults.
// SPDX-License-Identifier: Apache-2.0
#include "pool/statement_labels.hpp"

#include <algorithm>

namespace drover::pool {
namespace {

constexpr std::string_view kUserCreator = "userCreator";
constexpr std::string_view kOwn[] = {"user", "engineType", "pool", kUserCreator};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

tl::unexpected<Error> wrong(std::string message, std::string hint) {
  return fail(Errc::BadInput, std::move(message), std::move(hint), "labels");
}

// Names of users may hold a '-', those of creators do not.
Result<void> split_user_creator(sched::JobSpec& spec) {
  const auto found = spec.labels.find(std::string(kUserCreator));
  if (found == spec.labels.end()) return {};
  const std::string text = found->second;
  const std::size_t dash = text.rfind('-');
  if (dash == std::string::npos || dash == 0 || dash + 1 == text.size())
    return wrong("label userCreator is '" + text.substr(0, 64) + "', which is no USER-CREATOR",
                 "userCreator=" + spec.user + "-IDE");
  const std::string user = text.substr(0, dash), creator = text.substr(dash + 1);
  if (user != spec.user)
    return fail(Errc::Denied,
                "label userCreator names " + user.substr(0, 64) + ", and you are " + spec.user,
                "userCreator=" + spec.user + "-" + creator.substr(0, 64), "labels");
  spec.labels.erase(found);
  const auto [said, is_new] = spec.labels.try_emplace("creator", creator);
  if (is_new || said->second == creator) return {};
  return wrong("labels creator=" + said->second.substr(0, 64) +
                   " and userCreator=" + text.substr(0, 64) + " do not agree",
               "leave one of both out");
}

}  // namespace

Result<LabelDefault> parse_label_default(std::string_view text) {
  LabelDefault made;
  const std::size_t equal = text.find('='), colon = text.substr(0, equal).find(':');
  if (colon != std::string_view::npos) made.engine = trimmed(text.substr(0, colon));
  const std::size_t begin = colon == std::string_view::npos ? 0 : colon + 1;
  if (equal != std::string_view::npos) {
    made.key = trimmed(text.substr(begin, equal - begin));
    made.value = trimmed(text.substr(equal + 1));
  }
  const bool is_empty_engine = colon != std::string_view::npos && made.engine.empty();
  if (made.key.empty() || made.value.empty() || is_empty_engine)
    return fail(Errc::BadInput, "'" + std::string(text.substr(0, 80)) + "' is no label",
                "write it as \"creator=IDE\" or \"sql: partition=short\"", "interceptors.labels");
  if (std::ranges::find(kOwn, made.key) != std::end(kOwn))
    return fail(Errc::BadInput, "label " + made.key + " is set by Drover itself",
                "choose another label", "interceptors.labels");
  return made;
}

Result<void> complete_statement_labels(sched::JobSpec& spec,
                                       const std::vector<LabelDefault>& defaults) {
  if (auto good = split_user_creator(spec); !good) return good;
  for (const LabelDefault& one : defaults)
    if (one.engine.empty() || one.engine == spec.statement->engine)
      spec.labels.try_emplace(one.key, one.value);
  return {};
}

}  // namespace drover::pool
