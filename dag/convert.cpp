// dag/convert.cpp - fills in what a request left open: names, languages, variables.
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>

#include "dag/compile.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kTextMax = 4096;

Result<std::string> substitute(std::string text,
                               const std::map<std::string, std::string>& variables) {
  std::size_t at = 0;
  while ((at = text.find("${", at)) != std::string::npos) {
    const std::size_t end = text.find('}', at);
    if (end == std::string::npos)
      return fail(Errc::BadInput, "'" + text + "' has a '${' without '}'", "close the brace",
                  "variables");
    const std::string name = text.substr(at + 2, end - at - 2);
    const auto found = variables.find(name);
    if (found == variables.end())
      return fail(Errc::BadInput, "variable '" + name + "' is not set",
                  "set it under variables, or drop it from '" + text + "'", "variables");
    if (text.size() + found->second.size() > kTextMax)
      return fail(Errc::Limit,
                  "a name is longer than " + std::to_string(kTextMax) + " bytes with its variables",
                  "use shorter variables", "variables");
    text.replace(at, end + 1 - at, found->second);
    at += found->second.size();  // what a variable brings in is not looked at again
  }
  return text;
}

std::string language_of(const StepRequest& step) {
  if (step.code.empty()) return "command";
  const std::string program = interpreter_of(step.code);
  if (program == "sh" || program == "bash" || program == "dash" || program == "zsh" ||
      program == "ksh")
    return "shell";
  if (program.starts_with("python")) return "python";
  return program.substr(0, 64);
}

}  // namespace

// "#!/usr/bin/env -S python3 -u" -> "python3"; "#!/bin/sh" -> "sh".
std::string interpreter_of(std::string_view code) {
  std::string_view line = code.substr(0, code.find_first_of("\r\n"));
  if (!line.starts_with("#!")) return "";
  line.remove_prefix(2);
  std::string_view program;
  while (true) {
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) break;
    line.remove_prefix(start);
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    line.remove_prefix(word.size());
    program = word.substr(word.rfind('/') + 1);
    if (program != "env" && !word.starts_with('-') && word.find('=') == std::string_view::npos)
      break;
  }
  return std::string(program);
}

Result<JobRequest> convert(JobRequest request) {
  for (StepRequest& step : request.steps) {
    if (step.name.empty()) step.name = step.is_array ? "array" : "task";
    if (step.strategy.empty()) step.strategy = "single";
    if (step.language.empty()) step.language = language_of(step);
    auto name = substitute(std::move(step.name), request.variables);
    if (!name) return fail(std::move(name.error()), "name of a step");
    step.name = std::move(*name);
    for (std::string& reference : step.after) {
      auto replaced = substitute(std::move(reference), request.variables);
      if (!replaced) return fail(std::move(replaced.error()), "step '" + step.name + "'");
      reference = std::move(*replaced);
    }
  }
  return request;
}

}  // namespace drover::dag
