// cli/exit_code.cpp - from error codes to exit codes and to text.
// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.hpp"

#include "cli/json.hpp"
#include "cli/terminal.hpp"

namespace drover::cli {

int exit_code_of(Errc code) {
  switch (code) {
    case Errc::BadInput:
    case Errc::Unsupported: return kUsage;
    case Errc::NotFound: return kNotFound;
    case Errc::Denied: return kDenied;
    case Errc::Conflict: return kConflict;
    case Errc::Limit: return kLimit;
    case Errc::Unavailable: return kUnreachable;
    case Errc::Corrupt:
    case Errc::Io: return kError;
  }
  return kError;
}

std::string format_error(const Error& error, const ErrorDetails& details, bool json, bool color) {
  if (json) {
    const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
    return to_text(Json{{"v", 1},
                        {"error",
                         {{"code", std::string(to_string(error.code))},
                          {"message", error.message},
                          {"hint", or_null(error.hint)},
                          {"field", or_null(error.field)},
                          {"request_id", or_null(details.request_id)},
                          {"retryable", details.retryable},
                          {"exit_code", exit_code_of(error.code)}}}}) +
           '\n';
  }
  std::string out = paint("error:", Color::Red, color) + ' ' + clean_line(error.message) + '\n';
  if (!error.hint.empty()) out += "  hint: " + clean_line(error.hint) + '\n';
  if (!details.see.empty()) out += "  see:  " + clean_line(details.see) + '\n';
  return out;
}

}  // namespace drover::cli
