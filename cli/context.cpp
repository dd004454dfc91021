// cli/context.cpp - the global options and the plumbing around a command.
// SPDX-License-Identifier: Apache-2.0
#include "cli/context.hpp"

#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/units.hpp"

namespace drover::cli {
namespace {

// clang-format off
constexpr Option kGlobalOptions[] = {
  {"server", 's', Takes::Value, "ADDRESS", "socket path or http://127.0.0.1:PORT ($DROVER_SERVER)", "", Support::Yes, "file"},
  {"data", 0, Takes::Value, "DIR", "data directory ($DROVER_DATA)", "", Support::Yes, "dir"},
  {"run", 0, Takes::Value, "DIR", "directory of the sockets ($DROVER_RUN)", "", Support::Yes, "dir"},
  {"output", 'o', Takes::Value, "FORMAT", "table wide json jsonl csv name", "format", Support::Yes, "table wide json jsonl csv name"},
  {"json", 0, Takes::Nothing, "", "same as --output json"},
  {"columns", 0, Takes::Value, "A,B", "columns to show, in this order"},
  {"no-header", 0, Takes::Nothing, "", "no header line", "noheader"},
  {"sort", 0, Takes::Value, "[-]COLUMN", "sort the rows; - for descending"},
  {"color", 0, Takes::Value, "WHEN", "auto always never; NO_COLOR is honoured", "colour", Support::Yes, "auto always never"},
  {"no-color", 0, Takes::Nothing, "", "same as --color never"},
  {"quiet", 'q', Takes::Nothing, "", "say nothing but results and errors"},
  {"verbose", 'v', Takes::Nothing, "", "say more; -vv shows the HTTP calls"},
  {"timeout", 0, Takes::Value, "TIME", "how long to wait for an answer (default 30s)"},
  {"yes", 'y', Takes::Nothing, "", "do not ask"},
  {"no-input", 0, Takes::Nothing, "", "never ask: fail instead"},
  {"help", 'h', Takes::Nothing, "", "help for the command"},
  {"version", 'V', Takes::Nothing, "", "print the version"},
};
// clang-format on

Result<bool> apply_one(const Given& given, Globals& globals) {
  const std::string_view name = given.option->name;
  if (name == "server") globals.server = given.value;
  if (name == "data") globals.data = given.value;
  if (name == "run") globals.run = given.value;
  if (name == "json") globals.table.format = Format::JsonObject;
  if (name == "columns") globals.table.columns = split_list(given.value);
  if (name == "sort") globals.table.sort = given.value;
  if (name == "no-header") globals.header = false;
  if (name == "no-color") globals.color = ColorMode::Never;
  if (name == "quiet") globals.quiet = true;
  if (name == "verbose") ++globals.verbosity;
  if (name == "yes") globals.yes = true;
  if (name == "no-input") globals.no_input = true;
  if (name == "output") {
    const Result<Format> format = parse_format(given.value);
    if (!format) return fail(format.error());
    globals.table.format = *format;
  }
  if (name == "timeout") {
    const bool bare = given.value.find_first_not_of("0123456789") == std::string::npos;
    const Result<Duration> time = parse_time_limit(bare ? given.value + "s" : given.value);
    if (!time) return fail(time.error(), "--timeout");
    globals.timeout = *time;
    globals.timeout_given = true;
  }
  if (name == "color") {
    if (given.value != "auto" && given.value != "always" && given.value != "never")
      return fail(Errc::BadInput, "--color: \"" + given.value + "\" is none of the choices",
                  "use auto, always or never", "color");
    globals.color = given.value == "auto"     ? ColorMode::Auto
                    : given.value == "always" ? ColorMode::Always
                                              : ColorMode::Never;
  }
  return true;
}

}  // namespace

OptionTable global_options() { return kGlobalOptions; }

Result<bool> apply_globals(const std::vector<Given>& given, Globals& globals) {
  for (const Given& one : given) {
    const Option* option = one.option;
    const bool is_global =
        option >= std::begin(kGlobalOptions) && option < std::end(kGlobalOptions);
    if (!is_global) continue;
    const Result<bool> applied = apply_one(one, globals);
    if (!applied) return fail(applied.error());
  }
  return true;
}

Context::Context(Globals globals, Arguments arguments)
    : globals_(std::move(globals)), arguments_(std::move(arguments)) {}

void Context::use_transport(std::unique_ptr<Transport> transport) {
  transport_ = std::move(transport);
}

Result<std::unique_ptr<ApiClient>> Context::new_api() const {
  const Result<Paths> where = paths();
  if (!where) return fail(where.error());
  const Result<ServerAddress> address = find_server(globals_.server, *where);
  if (!address) return fail(address.error());
  net::ClientTarget target;
  target.unix_path = address->unix_path;
  target.host = address->host;
  target.port = address->port;
  if (target.unix_path.empty()) target.token = read_token(*where);
  target.timeout = globals_.timeout;
  return std::make_unique<ApiClient>(make_http_transport(std::move(target)), address->shown,
                                     globals_.verbosity >= 2);
}

Result<ApiClient*> Context::api() {
  if (!api_ && transport_) {
    api_ = std::make_unique<ApiClient>(std::move(transport_), "test", false);
  } else if (!api_) {
    Result<std::unique_ptr<ApiClient>> made = new_api();
    if (!made) return fail(made.error());
    api_ = std::move(*made);
  }
  return api_.get();
}

Style Context::style() const {
  Style style;
  style.is_terminal = is_terminal(1);
  style.color = use_color(globals_.color, 1);
  style.header = globals_.header;
  style.width = terminal_width();
  style.now_us = wall_clock_us();
  return style;
}

void Context::out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) end_without_output();
}

void Context::end_without_output() {
  // A reader that has seen enough is no error; a full disk is.
  if (errno != EPIPE) std::perror("error: cannot write to stdout");
  std::_Exit(errno == EPIPE ? 141 : 1);
}

void Context::note(const std::string& text) const {
  if (!globals_.quiet) std::fprintf(stderr, "%s\n", clean_line(text).c_str());
}

void Context::warn(const std::string& text) const {
  if (globals_.quiet) return;
  std::fprintf(stderr, "%s %s\n", paint("warning:", Color::Yellow, color_err()).c_str(),
               clean_line(text).c_str());
}

std::string Context::current_user() const {
  const passwd* entry = ::getpwuid(::geteuid());
  return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

Result<std::string> Context::word(std::size_t index, std::string_view what) const {
  if (index < arguments_.words.size()) return arguments_.words[index];
  return fail(Errc::BadInput, "missing: " + std::string(what), "see the examples of --help");
}

Result<bool> Context::at_most_words(std::size_t count) const {
  if (arguments_.words.size() <= count && !arguments_.has_rest) return true;
  const std::string extra = arguments_.words.size() > count ? arguments_.words[count] : "--";
  return fail(Errc::BadInput, "unexpected argument \"" + extra + "\"", "see --help");
}

Result<int> Context::print_rows(std::vector<Json> rows, const std::vector<Column>& columns,
                                std::string_view list_key, std::string_view name_path) {
  const Result<std::string> text =
      render_rows(std::move(rows), columns, globals_.table, style(), list_key, name_path);
  if (!text) return fail(text.error());
  out(*text);
  return kOk;
}

std::int64_t wall_clock_us() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace drover::cli
