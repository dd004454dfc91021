// linkis/xml_text.hpp - what of a text may stand in XML, as workbooks are.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace drover::linkis {

// U+FFFD for what XML has no character for, and for each stretch that is no UTF-8; nothing is
// escaped. `into` is reused: one of many cells has its memory already.
void xml_text(std::string_view text, std::string& into);

}  // namespace drover::linkis
