// cli/quota.cpp - `drover quota ls` and `drover quota show`.
// SPDX-License-Identifier: Apache-2.0
#include "cli/quota.hpp"

#include <algorithm>

#include "cli/command.hpp"

namespace drover::cli {
namespace {

Column column(std::string_view title, std::string_view path, bool wide = false) {
  Column made{title, path};
  made.wide = wide;
  made.show = [path](const Json& row, const Style&) {
    const Json& value = member(row, path);
    return value.is_object() ? amounts_text(value) : text_of(row, path);
  };
  return made;
}

Result<int> run_ls(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/quotas");
  if (!answer) return fail(answer.error());
  std::vector<Json> quotas;
  for (const Json& quota : member(*answer, "quotas")) quotas.push_back(quota);
  return context.print_rows(
      std::move(quotas),
      {column("QUOTA", "name"), column("MAX", "max"), column("GUARANTEED", "guaranteed"),
       column("LOCKED", "locked"), column("USED", "used"), column("KEPT", "kept"),
       column("INSIDE", "parent", true), column("RECLAIM", "reclaim", true),
       column("LEND", "lend", true)},
      "quotas", "name");
}

Result<int> run_show(Context& context) {
  const Result<std::string> name = context.word(0, "the quota, like user=ann");
  if (!name) return fail(name.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/quotas");
  if (!answer) return fail(answer.error());
  const std::string wanted = quota_in_order(*name);
  Json found = Json::object();
  for (const char* list : {"rules", "quotas"})
    for (const Json& quota : member(*answer, list))
      if (text_of(quota, "name") == wanted) found.update(quota);
  if (found.empty()) return fail(Errc::NotFound, "there is no quota " + wanted, "drover quota ls");
  found["version"] = member(*answer, "version");
  found["source"] = member(*answer, "source");
  if (context.globals().json()) {
    context.out(to_text(found, 2) + '\n');
    return kOk;
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : found.items())
    pairs.emplace_back(key, value.is_object() ? amounts_text(value) : text_of(found, key));
  context.out(render_pairs(pairs, context.style()));
  return kOk;
}

}  // namespace

std::string amounts_text(const Json& object) {
  std::string out;
  if (!object.is_object()) return out;
  for (const auto& [key, value] : object.items())
    out += (out.empty() ? "" : " ") + key + "=" +
           (value.is_string() ? value.get<std::string>() : to_text(value));
  return out;
}

std::string quota_in_order(const std::string& name) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find(',', begin), name.size());
    parts.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  std::sort(parts.begin(), parts.end());
  std::string sorted;
  for (const std::string& part : parts) sorted += (sorted.empty() ? "" : ",") + part;
  return sorted;
}

const Command kQuotaLs = {
    .noun = "quota",
    .verb = "ls",
    .summary = "list quotas: limits, guarantees, locked and used amounts",
    .examples = "drover quota ls\ndrover quota ls -o wide",
    .run = run_ls,
};

const Command kQuotaShow = {
    .noun = "quota",
    .verb = "show",
    .operands = "QUOTA",
    .summary = "show one quota: its rule and its use",
    .examples = "drover quota show user=ann\ndrover quota show account=physics -o json",
    .run = run_show,
};

}  // namespace drover::cli
