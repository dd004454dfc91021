// base/result.hpp - how every fallible call in the project answers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace drover {

// What kind of failure it was: programs branch on this, the HTTP status and the CLI's exit code
// follow from it.
enum class Errc {
  BadInput,     // the caller's text or numbers are wrong
  NotFound,     // no such job, node, file
  Denied,       // not yours, or not allowed
  Conflict,     // wrong state, or another writer was first
  Limit,        // a quota, queue limit or size limit refuses it
  Unsupported,  // known, but not offered
  Unavailable,  // a daemon or node cannot be reached, or has no room at the moment: try again
  Corrupt,      // a stored or received record is damaged or too new
  Io,           // the operating system said no
};

struct Error {
  Errc code = Errc::Io;
  std::string message;  // for the person: what we were doing, outermost first
  std::string hint;     // for the person: what to do now; may be empty
  std::string field;    // the input field at fault ("time", "array"); may be empty
};

// A value or an Error. The attribute is ours: tl::expected alone may be dropped silently.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> fail(Errc code, std::string message, std::string hint = {},
                                  std::string field = {}) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(hint), std::move(field)});
}

// Hands an error one level up and says what that level was doing.
inline tl::unexpected<Error> fail(Error inner, std::string_view doing) {
  inner.message = std::string(doing) + ": " + inner.message;
  return tl::unexpected<Error>(std::move(inner));
}

// Hands an error up unchanged.
inline tl::unexpected<Error> fail(Error inner) { return tl::unexpected<Error>(std::move(inner)); }

// Stable lower-case word for JSON, logs and metrics: "bad_input", "not_found", ...
std::string_view to_string(Errc code);

}  // namespace drover
