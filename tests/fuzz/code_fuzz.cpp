// tests/fuzz/code_fuzz.cpp - code of any family through the interceptors.
// LINK: drover::pool
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pool/interceptors.hpp"
#include "pool/row_limit.hpp"

using namespace drover::pool;  // NOLINT: a fuzz target of one folder

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const CodeFamily family : {CodeFamily::Sql, CodeFamily::Python, CodeFamily::Shell,
                                  CodeFamily::CLike, CodeFamily::Other}) {
    std::size_t at = 0;
    for (const Token& token : tokens_of(text, family)) {
      if (token.begin < at || token.end <= token.begin || token.end > size) std::abort();
      at = token.end;
    }
    if (without_comments(text, family).size() != size) std::abort();
  }
  const Limited limited = limit_rows(text, 50);  // twice is not once where a string never ends
  if ((limited.code == text) != (limited.added.empty() && limited.cut.empty())) std::abort();
  (void)parse_row_limit(text);
  if (const auto rule = parse_code_rule(text.substr(0, text.find('\n'))))
    for (const char* language : {"sql", "python", "shell"})
      (void)find_breach({*rule}, language, text);
  return 0;
}
