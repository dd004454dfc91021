// cli/resource_text.cpp - lists of names with numbers, and fractions without floats.
// SPDX-License-Identifier: Apache-2.0
#include "cli/resource_text.hpp"

#include <string>

#include "base/units.hpp"

namespace drover::cli {
namespace {

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

Result<Json> read_licences(std::string_view text) {
  const std::string all = quoted(text);
  if (text.find('|') != std::string_view::npos)
    return fail(Errc::BadInput, all + ": licences are taken all together, not one or another",
                "separate them with commas");
  Json licences = Json::object();
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const std::size_t colon = part.find_first_of(":=");
    const std::string name(part.substr(0, colon));
    if (name.empty()) return fail(Errc::BadInput, all + " names no licence", "use NAME[:N]");
    Result<std::int64_t> count = 1;
    if (colon != std::string_view::npos)
      count = parse_integer(part.substr(colon + 1), 1, 1'000'000'000, "licenses");
    if (!count) return fail(count.error());
    if (licences.contains(name))
      return fail(Errc::BadInput, name + " is given twice", "say once how many");
    licences[name] = *count;
  }
  return licences;
}

Result<std::int64_t> read_gpu_share(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string digits(point == std::string_view::npos ? std::string_view() : text.substr(point + 1));
  const bool is_number = (whole.empty() || whole == "0") && !digits.empty() && digits.size() <= 3 &&
                         digits.find_first_not_of("0123456789") == std::string::npos;
  digits.resize(3, '0');
  if (!is_number || digits == "000")
    return fail(Errc::BadInput, quoted(text) + " is no share of a GPU",
                "a share is 0.001 to 0.999 of one GPU; whole GPUs are 1, 2, ...");
  return std::stoll(digits);
}

std::string gpus_text(std::int64_t thousandths) {
  std::string text = std::to_string(thousandths / 1000);
  if (thousandths % 1000 == 0) return text;
  text += '.' + std::to_string(1000 + thousandths % 1000).substr(1);
  while (text.ends_with('0')) text.pop_back();
  return text;
}

}  // namespace drover::cli
