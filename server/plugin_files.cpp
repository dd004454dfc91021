// server/plugin_files.cpp - plugin.toml, key by key; nothing unknown is skipped.
// SPDX-License-Identifier: Apache-2.0
#include "server/plugin_files.hpp"

#include <unistd.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/units.hpp"

namespace drover::server {
namespace {

namespace fs = std::filesystem;
using pool::Plugin;

constexpr std::uintmax_t kFileMax = 1 << 20;

std::string place(const std::string& path, const toml::node& node) {
  return path + ":" + std::to_string(node.source().begin.line);
}

tl::unexpected<Error> wrong(const std::string& where, const std::string& key,
                            const std::string& wanted) {
  return fail(Errc::BadInput, where + ": " + key + " must be " + wanted, "", key);
}

Result<std::string> text_of(const toml::node& node, const std::string& where,
                            const std::string& key) {
  const auto text = node.value_exact<std::string>();
  if (!text || text->size() > 4096) return wrong(where, key, "a text of at most 4096 bytes");
  return *text;
}

Result<bool> bool_of(const toml::node& node, const std::string& where, const std::string& key) {
  const auto yes = node.value_exact<bool>();
  if (!yes) return wrong(where, key, "true or false");
  return *yes;
}

Result<std::vector<std::string>> texts_of(const toml::node& node, const std::string& where,
                                          const std::string& key) {
  const toml::array* array = node.as_array();
  if (array == nullptr || array->size() > 100) return wrong(where, key, "a list of texts");
  std::vector<std::string> out;
  for (const toml::node& one : *array) {
    auto text = text_of(one, where, key);
    if (!text) return fail(text.error());
    out.push_back(*std::move(text));
  }
  return out;
}

template <class Number>
Result<Number> number_of(const toml::node& node, std::int64_t low, std::int64_t high,
                         const std::string& where, const std::string& key) {
  const auto number = node.value_exact<std::int64_t>();
  if (!number || *number < low || *number > high)
    return wrong(where, key,
                 "a number from " + std::to_string(low) + " to " + std::to_string(high));
  return Number(*number);
}

Result<Duration> duration_of(const toml::node& node, const std::string& where,
                             const std::string& key) {
  const auto text = node.value_exact<std::string>();
  auto parsed = text ? parse_time_limit(*text) : Result<Duration>(fail(Errc::BadInput, ""));
  if (!parsed || parsed->us < 1'000'000)
    return wrong(where, key, "a time of at least a second, like \"90s\" or \"5m\"");
  return parsed;
}

Result<std::int64_t> memory_of(const toml::node& node, const std::string& where,
                               const std::string& key) {
  const auto text = node.value_exact<std::string>();
  auto mib = text ? parse_memory_mib(*text) : Result<std::int64_t>(fail(Errc::BadInput, ""));
  if (!mib) return wrong(where, key, "an amount of memory, like \"512M\" or \"4G\"");
  return mib;
}

template <class T>
Result<void> keep(Result<T> value, T& into) {
  if (!value) return fail(value.error());
  into = *std::move(value);
  return {};
}

nlohmann::json json_of(const toml::node& node) {
  if (const toml::table* table = node.as_table()) {
    auto out = nlohmann::json::object();
    for (const auto& [key, value] : *table) out[std::string(key.str())] = json_of(value);
    return out;
  }
  if (const toml::array* array = node.as_array()) {
    auto out = nlohmann::json::array();
    for (const toml::node& value : *array) out.push_back(json_of(value));
    return out;
  }
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return *number;
  if (const auto real = node.value_exact<double>()) return *real;
  if (const auto yes = node.value_exact<bool>()) return *yes;
  std::ostringstream other;  // dates and times, as they are written
  node.visit([&](const auto& value) {
    if constexpr (!toml::is_table<decltype(value)> && !toml::is_array<decltype(value)>)
      other << value;
  });
  return other.str();
}

struct Reading {
  Plugin plugin;
  nlohmann::json options = nlohmann::json::object();
  Duration keep_results{};             // what statements left is removed later; 0 = never
  std::int64_t results_quota_mib = 0;  // of one user, of all engines; 0 = none
  bool is_shared = false;
  std::string account;  // then
};
using Read = Result<void> (*)(Reading&, const toml::node&, const std::string& where,
                              const std::string& key);
struct PluginKey {
  std::string_view name;
  Read read;
};

// clang-format off
constexpr auto kKeys = std::to_array<PluginKey>({
    {"plugin.type", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(text_of(n, w, k), r.plugin.type); }},
    {"plugin.version", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(text_of(n, w, k), r.plugin.version); }},
    {"plugin.description", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(text_of(n, w, k), r.plugin.description); }},
    {"plugin.languages", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(texts_of(n, w, k), r.plugin.languages); }},
    {"start.command", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(texts_of(n, w, k), r.plugin.command); }},
    {"start.timeout", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(duration_of(n, w, k), r.plugin.start_timeout); }},
    {"resources.cpus", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::int32_t>(n, 1, 100'000, w, k), r.plugin.cpus); }},
    {"resources.gpus", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::int64_t>(n, 0, 100'000, w, k), r.plugin.gpus); }},
    {"resources.memory", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(memory_of(n, w, k), r.plugin.mem_mib); }},
    {"resources.max_cpus", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::int64_t>(n, 1, 100'000, w, k), r.plugin.max_cpus); }},
    {"resources.max_gpus", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::int64_t>(n, 0, 100'000, w, k), r.plugin.max_gpus); }},
    {"resources.max_memory", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(memory_of(n, w, k), r.plugin.max_mem_mib); }},
    {"reuse.idle", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(duration_of(n, w, k), r.plugin.idle); }},
    {"reuse.session_idle", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(duration_of(n, w, k), r.plugin.session_idle); }},
    {"reuse.max_uses", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::uint32_t>(n, 0, 1'000'000'000, w, k), r.plugin.max_uses); }},
    {"reuse.min_idle", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::uint32_t>(n, 0, 1'000, w, k), r.plugin.min_idle); }},
    {"reuse.max_per_user", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::uint32_t>(n, 1, 10'000, w, k), r.plugin.max_per_user); }},
    {"reuse.concurrency", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::uint32_t>(n, 1, 1'000, w, k), r.plugin.concurrency); }},
    {"reuse.ahead", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(number_of<std::uint32_t>(n, 0, 100, w, k), r.plugin.ahead); }},
    {"reuse.reset", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(text_of(n, w, k), r.plugin.reset); }},
    {"reuse.shared", [](Reading&, const toml::node& n, const std::string& w, const std::string& k) -> Result<void> {
       if (n.value_exact<bool>() == false) return {};
       return wrong(w, k, "false: engines that users share say so under [tenancy]");
     }},
    {"tenancy.shared", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(bool_of(n, w, k), r.is_shared); }},
    {"tenancy.account", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(text_of(n, w, k), r.account); }},
    {"results.keep", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(duration_of(n, w, k), r.keep_results); }},
    {"results.quota", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(memory_of(n, w, k), r.results_quota_mib); }},
    {"results.printed", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(bool_of(n, w, k), r.plugin.printed_is_result); }},
    {"hooks.before", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(text_of(n, w, k), r.plugin.before); }},
    {"hooks.after", [](Reading& r, const toml::node& n, const std::string& w, const std::string& k) { return keep(text_of(n, w, k), r.plugin.after); }},
});
// clang-format on

Result<void> read_key(Reading& reading, const std::string& name, const toml::node& node,
                      const std::string& path) {
  const auto key = std::ranges::find(kKeys, name, &PluginKey::name);
  if (key != kKeys.end()) return key->read(reading, node, place(path, node), name);
  std::vector<std::string_view> known{"options"};
  for (const PluginKey& one : kKeys) known.push_back(one.name);
  const std::string_view near = nearest_match(name, known);
  return fail(
      Errc::BadInput, place(path, node) + ": unknown key " + name,
      near.empty() ? "docs/engines.md lists every key" : "did you mean " + std::string(near) + "?",
      name);
}

Result<pool::Plugin> read_plugin_file(const fs::path& file) {
  std::error_code error;
  const auto size = fs::file_size(file, error);
  if (error || size > kFileMax)
    return fail(Errc::BadInput, file.string() + " cannot be read, or is larger than 1 MiB");
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return fail(Errc::Io, "cannot read " + file.string());
  auto plugin = parse_plugin(text.str(), file.string());
  if (plugin) plugin->folder = file.parent_path().string();
  return plugin;
}

}  // namespace

std::string plugin_folder(const Config& config) {
  if (!config.engine_plugins.empty()) return config.engine_plugins;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return (self.parent_path().parent_path() / "share/drover/engines").string();
}

Result<pool::Plugin> parse_plugin(std::string_view text, const std::string& path) {
  Reading reading;
  try {
    const toml::table root = toml::parse(text, path);
    for (const auto& [section, node] : root) {
      const std::string name(section.str());
      const toml::table* table = node.as_table();
      if (table == nullptr) {
        if (auto read = read_key(reading, name, node, path); !read) return fail(read.error());
        continue;
      }
      if (name == "options") {
        reading.options = json_of(node);
        continue;
      }
      for (const auto& [key, value] : *table)
        if (auto read = read_key(reading, name + "." + std::string(key.str()), value, path); !read)
          return fail(read.error());
    }
  } catch (const toml::parse_error& error) {
    return fail(Errc::BadInput, path + ":" + std::to_string(error.source().begin.line) + ": " +
                                    std::string(error.description()));
  }
  if (!reading.plugin.before.empty() || !reading.plugin.after.empty())
    reading.options["hooks"] = {{"before", reading.plugin.before}, {"after", reading.plugin.after}};
  if (reading.plugin.concurrency > 1) reading.options["concurrency"] = reading.plugin.concurrency;
  if (reading.keep_results.us > 0 || reading.results_quota_mib > 0)
    reading.options["results"] = {{"keep_s", reading.keep_results.us / 1'000'000},
                                  {"quota_mib", reading.results_quota_mib}};
  if (reading.is_shared != !reading.account.empty())
    return fail(Errc::BadInput,
                path + ": [tenancy] needs both: shared = true, and the account it runs as",
                "shared = true and account = \"NAME\", or neither", "tenancy.account");
  // The account's number is found later; until then it is one that no catalogue takes.
  if (reading.is_shared) reading.plugin.shared_as = sched::Account{{0, 0}, reading.account};
  reading.plugin.options =
      reading.options.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return reading.plugin;
}

namespace {

Result<void> resolve_account(pool::Plugin& plugin, const FindAccount& find) {
  if (!plugin.shared_as) return {};
  if (!find)
    return fail(Errc::Unsupported, "engines that users share are not served here", "",
                "tenancy.shared");
  auto owner = find(plugin.shared_as->user);
  if (!owner) return fail(owner.error());
  plugin.shared_as->owner = *owner;
  return {};
}

}  // namespace

LoadedCatalogue load_catalogue(const std::string& folder, const FindAccount& find_account) {
  LoadedCatalogue loaded;
  auto catalogue = std::make_shared<pool::Catalogue>();
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (fs::exists(it->path() / "plugin.toml", error)) files.push_back(it->path() / "plugin.toml");
  std::ranges::sort(files);  // which of two of one type serves does not hang on the disk
  for (const fs::path& file : files) {
    auto plugin = read_plugin_file(file);
    auto added =
        plugin ? resolve_account(*plugin, find_account) : Result<void>(fail(plugin.error()));
    if (added) added = catalogue->add(*plugin);
    if (added) continue;
    Error problem = added.error();
    if (plugin) problem.message = file.string() + ": " + problem.message;
    loaded.problems.push_back(std::move(problem));
  }
  loaded.catalogue = std::move(catalogue);
  return loaded;
}

}  // namespace drover::server
