// cli/script.hpp - a batch script as text: what is refused, which options its lines hold.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/option.hpp"

namespace drover::cli {

inline constexpr std::size_t kMaxScriptBytes = 4 << 20;

enum class Directives : std::uint8_t { Auto, Drover, Sbatch, Off };
Result<Directives> parse_directives_choice(std::string_view text);

// The whole file ("-" and "/dev/stdin" = standard input). BadInput or NotFound with a hint; never
// more than kMaxScriptBytes are kept.
Result<std::string> read_script(const std::string& path);

// Refuses what cannot be a script: empty, blank, NUL bytes, CRLF, no #!, not UTF-8, too large.
// `shown` is what messages call it.
Result<bool> check_script(std::string_view text, const std::string& shown);

// The options of #SBATCH and #DROVER lines before the first command. A later line wins over an
// earlier one, whichever prefix it has. Errors name the line.
Result<std::vector<Given>> read_directives(std::string_view text, const std::string& shown,
                                           Directives which);

// Splits like a shell: '...', "...", backslash, # after a blank starts a comment. No substitution.
// BadInput for a quote without end.
Result<std::vector<std::string>> split_words(std::string_view text);

// The first byte that is no well-formed UTF-8, or nothing.
std::optional<std::size_t> find_bad_utf8(std::string_view text);

}  // namespace drover::cli
