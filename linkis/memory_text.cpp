// linkis/memory_text.cpp - tenths, rounded down: a quota never looks larger than it is.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/memory_text.hpp"

namespace drover::linkis {

std::string memory_text(std::int64_t mib) {
  if (mib < 0) mib = 0;
  std::int64_t unit = 1;
  const char* name = " MB";
  if (mib >= 1'048'576) {
    unit = 1'048'576;
    name = " TB";
  } else if (mib >= 1'024) {
    unit = 1'024;
    name = " GB";
  }
  const std::int64_t tenths = mib / unit * 10 + mib % unit * 10 / unit;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + name;
}

}  // namespace drover::linkis
