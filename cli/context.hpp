// cli/context.hpp - what each command gets: arguments, global choices, the server, the outputs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/api_client.hpp"
#include "cli/arguments.hpp"
#include "cli/paths.hpp"
#include "cli/table.hpp"

namespace drover::cli {

struct Globals {
  std::string server, data, run;
  TableChoice table;
  bool header = true;
  ColorMode color = ColorMode::Auto;
  int verbosity = 0;
  bool quiet = false, yes = false, no_input = false;
  Duration timeout = seconds(30);
  bool timeout_given = false;
  bool json() const {
    return table.format == Format::JsonObject || table.format == Format::JsonLines;
  }
};
OptionTable global_options();
// Reads the global options among `given`; BadInput for a bad value.
Result<bool> apply_globals(const std::vector<Given>& given, Globals& globals);

class Context {
 public:
  Context(Globals globals, Arguments arguments);
  // Tests hand in a transport of their own.
  void use_transport(std::unique_ptr<Transport> transport);

  const Globals& globals() const { return globals_; }
  const Arguments& arguments() const { return arguments_; }
  Result<Paths> paths() const { return find_paths(globals_.data, globals_.run); }
  // Connected at the first call of the client. The error is about the address only.
  Result<ApiClient*> api();
  // A second, independent connection (streams run beside calls).
  Result<std::unique_ptr<ApiClient>> new_api() const;

  Style style() const;  // of stdout
  bool color_err() const { return use_color(globals_.color, 2); }
  void out(std::string_view text);                // stdout: results
  [[noreturn]] static void end_without_output();  // errno says why
  void note(const std::string& text) const;       // stderr line, unless --quiet
  void warn(const std::string& text) const;       // "warning: ..."
  std::string current_user() const;

  // Words after the command; an error names what is missing.
  Result<std::string> word(std::size_t index, std::string_view what) const;
  Result<bool> at_most_words(std::size_t count) const;

  // Prints rows in the chosen format.
  Result<int> print_rows(std::vector<Json> rows, const std::vector<Column>& columns,
                         std::string_view list_key, std::string_view name_path);

  // For the error message, when the command fails: what the server said beside the error.
  ErrorDetails details() const { return api_ ? api_->last_details() : ErrorDetails{}; }

 private:
  Globals globals_;
  Arguments arguments_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<ApiClient> api_;
};

std::int64_t wall_clock_us();

}  // namespace drover::cli
