// base/result.cpp - the words for error codes.
// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

namespace drover {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::BadInput: return "bad_input";
    case Errc::NotFound: return "not_found";
    case Errc::Denied: return "denied";
    case Errc::Conflict: return "conflict";
    case Errc::Limit: return "limit";
    case Errc::Unsupported: return "unsupported";
    case Errc::Unavailable: return "unavailable";
    case Errc::Corrupt: return "corrupt";
    case Errc::Io: return "io";
  }
  return "io";
}

}  // namespace drover
