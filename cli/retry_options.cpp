// cli/retry_options.cpp - each option is one field; which ends there are is the server's to judge.
// SPDX-License-Identifier: Apache-2.0
#include "cli/retry_options.hpp"

#include "base/units.hpp"
#include "cli/arguments.hpp"

namespace drover::cli {
namespace {

tl::unexpected<Error> bad(const Given& given, std::string hint) {
  return fail(Errc::BadInput, "\"" + given.value.substr(0, 64) + "\" does not say it",
              std::move(hint), std::string(given.option->name));
}

// "2", "1.5": hundredths.
Result<std::int64_t> percent_of(const Given& given) {
  const std::string& text = given.value;
  const std::size_t dot = text.find('.');
  std::string digits = text.substr(0, dot), rest;
  if (dot != std::string::npos) rest = text.substr(dot + 1);
  if (rest.size() > 2) return bad(given, "use a factor such as 2 or 1.5");
  rest.resize(2, '0');
  const auto percent = parse_integer(digits + rest, 100, 10'000, given.option->name);
  if (!percent) return bad(given, "use a factor from 1 to 100, such as 2 or 1.5");
  return *percent;
}

Result<std::int64_t> seconds_of(const Given& given) {
  // As everywhere a bare number would be minutes; of a delay nobody would expect that.
  const bool bare = given.value.find_first_not_of("0123456789") == std::string::npos;
  const Result<Duration> delay = parse_time_limit(bare ? given.value + "s" : given.value);
  if (!delay) return bad(given, "use 30, 30s, 5m or 1h");
  return (delay->us + 999'999) / 1'000'000;
}

}  // namespace

Result<bool> set_retry_option(Json& spec, const Given& given) {
  const std::string_view name = given.option->name;
  Json& retry = spec["retry"];
  if (name == "retry") {
    const auto times = parse_integer(given.value, 0, 1'000, name);
    if (!times) return fail(times.error());
    retry["max"] = *times;
  } else if (name == "retry-backoff") {
    const auto percent = percent_of(given);
    if (!percent) return fail(percent.error());
    retry["backoff_percent"] = *percent;
  } else if (name == "retry-on") {
    retry["on"] = split_list(given.value, ',');
  } else {
    const auto delay = seconds_of(given);
    if (!delay) return fail(delay.error());
    retry[name == "retry-delay" ? "delay_s" : "delay_max_s"] = *delay;
  }
  return true;
}

}  // namespace drover::cli
