// rm/resource_names.cpp - which name has which slot.
// SPDX-License-Identifier: Apache-2.0
#include "rm/resource_names.hpp"

#include <algorithm>
#include <array>

namespace drover::rm {
namespace {

constexpr std::array<std::string_view, kFixedKinds> kFixedWords = {
    "cpus", "mem_mib", "gpus", "nodes", "engines", "running_jobs", "queued_jobs"};
constexpr std::string_view kGpuPrefix = "gpu:";
constexpr std::size_t kNameMax = 64;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':' || c == '@';
}

Result<void> check_name(const std::string& name) {
  const bool shaped = !name.empty() && name.size() <= kNameMax && name.front() != ':' &&
                      name.back() != ':' && std::ranges::all_of(name, is_name_char);
  if (!shaped)
    return fail(Errc::BadInput, "\"" + name.substr(0, kNameMax) + "\" cannot name a resource",
                "use letters, digits, _ - . @ and :, like licence:matlab or gpu:h100", "resources");
  if (std::ranges::find(kFixedWords, name) != kFixedWords.end())
    return fail(Errc::BadInput, "\"" + name + "\" is a resource already",
                "only names that are not built in are listed", "resources");
  return {};
}

}  // namespace

Result<ResourceNames> ResourceNames::make(std::span<const std::string> wanted,
                                          std::span<const std::string> kept) {
  ResourceNames names;
  for (auto at = wanted.begin(); at != wanted.end(); ++at) {
    if (auto good = check_name(*at); !good) return fail(good.error());
    if (std::find(wanted.begin(), at, *at) != at)
      return fail(Errc::BadInput, "the resource \"" + *at + "\" is listed twice", "remove one",
                  "resources");
  }
  names.slots_.assign(kept.begin(),
                      kept.begin() + std::ptrdiff_t(std::min(kept.size(), kNamedKinds)));
  const auto is_wanted = [&](const std::string& name) {
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  };
  for (const std::string& name : wanted) {
    std::vector<std::string>& slots = names.slots_;
    if (std::ranges::find(slots, name) != slots.end()) continue;
    auto slot = std::ranges::find(slots, std::string());
    if (slot == slots.end() && slots.size() < kNamedKinds) slot = slots.insert(slots.end(), "");
    if (slot == slots.end())
      slot = std::ranges::find_if(slots, [&](const std::string& old) { return !is_wanted(old); });
    if (slot == slots.end())
      return fail(Errc::Limit,
                  "more than " + std::to_string(kNamedKinds) + " named resources are listed",
                  "count only those that need a quota", "resources");
    *slot = name;
  }
  names.has_gpus_ = std::ranges::any_of(
      names.slots_, [](const std::string& name) { return name.starts_with(kGpuPrefix); });
  return names;
}

Result<ResourceNames> ResourceNames::with(std::span<const std::string> more) const {
  std::vector<std::string> wanted;
  for (const std::string& name : slots_)
    if (!name.empty()) wanted.push_back(name);
  for (const std::string& name : more)
    if (std::ranges::find(wanted, name) == wanted.end()) wanted.push_back(name);
  return make(wanted, slots_);
}

std::optional<Kind> ResourceNames::find(std::string_view word) const {
  const auto fixed = std::ranges::find(kFixedWords, word);
  if (fixed != kFixedWords.end()) return Kind(fixed - kFixedWords.begin());
  if (word.empty()) return std::nullopt;
  const auto named = std::ranges::find(slots_, word);
  if (named == slots_.end()) return std::nullopt;
  return named_kind(std::size_t(named - slots_.begin()));
}

std::string_view ResourceNames::word(Kind kind) const {
  if (!is_named(kind)) return kFixedWords[std::size_t(kind)];
  const std::size_t slot = std::size_t(kind) - kFixedKinds;
  return slot < slots_.size() && !slots_[slot].empty() ? std::string_view(slots_[slot])
                                                       : to_string(kind);
}

std::optional<Kind> ResourceNames::custom(std::string_view name) const {
  const auto kind = find(name);
  return kind && is_named(*kind) && name.find(':') == std::string_view::npos ? kind : std::nullopt;
}

std::optional<Kind> ResourceNames::on_nodes(std::string_view name) const {
  return name.starts_with(kGpuPrefix) ? find(name) : custom(name);
}

std::optional<Kind> ResourceNames::gpu(std::string_view model) const {
  if (!has_gpus_) return std::nullopt;
  return find(std::string(kGpuPrefix).append(model));
}

std::int64_t ResourceNames::unit(Kind kind) const {
  const bool milli = kind == Kind::CpuMilli || kind == Kind::GpuMilli ||
                     (is_named(kind) && word(kind).starts_with(kGpuPrefix));
  return milli ? 1000 : 1;
}

std::vector<std::string_view> ResourceNames::words() const {
  std::vector<std::string_view> words(kFixedWords.begin(), kFixedWords.end());
  for (const std::string& name : slots_)
    if (!name.empty()) words.emplace_back(name);
  return words;
}

}  // namespace drover::rm
