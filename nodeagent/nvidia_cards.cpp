// nodeagent/nvidia_cards.cpp - GPUS/ADDRESS/information: a line "Key: value" for each fact.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/nvidia_cards.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

namespace drover::nodeagent {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") + 1 - first);
}

std::optional<NvidiaCard> read_card(const std::filesystem::path& folder) {
  std::ifstream file(folder / "information");
  if (!file) return std::nullopt;
  NvidiaCard card{folder.filename().string(), ""};
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = trimmed(line.substr(0, colon));
    const std::string value = trimmed(line.substr(colon + 1));
    if (key == "Model") card.model = value;
    if (key == "GPU Excluded" && value == "Yes") return std::nullopt;
  }
  return card;
}

}  // namespace

std::vector<NvidiaCard> read_nvidia_cards(const std::string& root) {
  std::vector<NvidiaCard> cards;
  std::error_code error;
  for (std::filesystem::directory_iterator at(root, error), end; !error && at != end;
       at.increment(error))
    if (auto card = read_card(at->path())) cards.push_back(std::move(*card));
  std::sort(cards.begin(), cards.end(),
            [](const NvidiaCard& a, const NvidiaCard& b) { return a.address < b.address; });
  return cards;
}

}  // namespace drover::nodeagent
