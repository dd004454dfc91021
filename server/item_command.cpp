// server/item_command.cpp - one element's command, read when it is submitted and when it starts.
// SPDX-License-Identifier: Apache-2.0
#include "server/item_command.hpp"

#include <array>

#include "server/json_fields.hpp"

namespace drover::server {
namespace {

constexpr std::array<std::string_view, 4> kFields{"argv", "env", "name", "script"};

Result<void> read_field(ItemCommand& into, std::string_view name, JsonValue v) {
  const auto keep = [](auto read, auto& place) -> Result<void> {
    if (!read) return fail(std::move(read.error()));
    place = *std::move(read);
    return {};
  };
  constexpr std::size_t kMost = sched::Items::kItemMax;
  if (name == "argv") return keep(json_texts(v, name, 10'000, kMost), into.argv);
  if (name == "env") return keep(json_pairs(v, name, 10'000, kMost), into.env);
  if (name == "name") return keep(json_line(v, name, 256), into.name);
  return keep(json_text(v, name, kMost), into.script);
}

}  // namespace

Result<ItemCommand> read_item_command(std::string_view item) {
  ItemCommand command;
  auto read = json_body(std::string(item), kFields, [&](std::string_view name, JsonValue v) {
    return read_field(command, name, v);
  });
  if (!read) return fail(std::move(read.error()));
  const bool runs = !command.argv.empty() && !command.argv.front().empty();
  if (command.script.empty() && !runs)
    return fail(Errc::BadInput, "it runs nothing", R"({"argv":["program","word"]})", "items");
  if (!command.script.empty() && !command.script.starts_with("#!"))
    return fail(Errc::BadInput, "its script does not start with #!",
                "its first line names the interpreter: #!/bin/sh", "items");
  for (const auto& [name, value] : command.env)
    if (name.empty() || name.find('=') != std::string::npos)
      return fail(Errc::BadInput, "'" + name.substr(0, 60) + "' cannot name a variable", {},
                  "items");
  return command;
}

Result<void> check_item_commands(sched::JobSpec& spec) {
  if (!spec.items_run) return {};
  if (spec.items.empty())
    return fail(Errc::BadInput, "items_run without items", R"("items":["{\"argv\":[\"x\"]}"])",
                "items_run");
  if (!spec.script.empty() || !spec.argv.empty())
    return fail(Errc::BadInput, "items_run beside a script or argv",
                "the items are what runs: leave the others out", "items_run");
  for (std::size_t i = 0; i < spec.items.size(); ++i)
    if (auto good = read_item_command(spec.items[i]); !good)
      return fail(std::move(good.error()), "items[" + std::to_string(i) + "]");
  spec.argv = {"items"};  // what lists show of the job as a whole
  return {};
}

}  // namespace drover::server
