// server/plugin_files.hpp - the catalogue of engines, read from its folder.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pool/catalogue.hpp"
#include "server/config.hpp"

namespace drover::server {

// What the configuration says, or the folder that was installed with this program.
std::string plugin_folder(const Config& config);

struct LoadedCatalogue {
  std::shared_ptr<const pool::Catalogue> catalogue;
  std::vector<Error> problems;  // of plugins that were left out, each with its file and line
};
// Each folder in `folder` with a plugin.toml is a plugin. A missing folder is an empty catalogue.
// An account that engines of several users may run as. Without one none may.
using FindAccount = std::function<Result<Owner>(const std::string& name)>;
LoadedCatalogue load_catalogue(const std::string& folder, const FindAccount& find_account = {});

// One plugin.toml. Errors name `path` and the line.
Result<pool::Plugin> parse_plugin(std::string_view text, const std::string& path);

}  // namespace drover::server
