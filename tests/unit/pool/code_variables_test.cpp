// tests/unit/pool/code_variables_test.cpp - the vectors of the contract, and what is left alone.
// SPDX-License-Identifier: Apache-2.0
#include "pool/code_variables.hpp"

#include <gtest/gtest.h>

namespace drover::pool {
namespace {

// 2026-11-26 11:00:00 UTC: run_date is 20261125.
VariableScope scope(std::map<std::string, std::string> given = {}) {
  return {std::move(given), Time{1'795'690'800'000'000}, "ann"};
}
std::string of(const std::string& code, std::map<std::string, std::string> given = {}) {
  const auto text = fill_variables(code, "sql", scope(std::move(given)));
  return text ? *text : "! " + text.error().field;
}

TEST(CodeVariables, dates_around_run_date) {
  struct Row {
    const char *expression, *value;
  };
  for (const Row& row : {
           Row{"${run_today}", "20200229"},
           Row{"${run_year_begin_std-3}", "2017-01-01"},
           Row{"${run_half_year_begin-1}", "20190701"},
           Row{"${run_last_mon_now}", "202001"},
           Row{"${run_date}", "20200228"},
           Row{"${run_date_std}", "2020-02-28"},
           Row{"${run_date-1}", "20200227"},
           Row{"${ run_date + 2 }", "20200301"},
           Row{"${run_month_begin}", "20200201"},
           Row{"${run_month_end_std}", "2020-02-29"},
           Row{"${run_month_end-1}", "20200131"},
           Row{"${run_month_now_begin}", "20200101"},
           Row{"${run_month_now_end}", "20200131"},
           Row{"${run_quarter_begin}", "20200101"},
           Row{"${run_quarter_end}", "20200331"},
           Row{"${run_half_year_end_std}", "2020-06-30"},
           Row{"${run_year_end}", "20201231"},
           Row{"${run_mon}", "202002"},
           Row{"${run_mon_std-2}", "2019-12"},
           Row{"${run_current_mon_now}", "202002"},
           Row{"${run_mon_start_std}", "2020-01"},
           Row{"${run_mon_end}", "202012"},
           Row{"${run_today_h}", "2020022911"},
           Row{"${run_today_hour_std-12}", "2020-02-28 23"},
           Row{"&{yyyyMMdd%-1d}", "20200227"},
           Row{"&{yyyy-MM-dd%+1M%-1d}", "2020-03-27"},
           Row{"&{yyyy/MM/dd HH:mm%+90m}", "2020/02/28 01:30"},
       })
    EXPECT_EQ(of(row.expression, {{"run_date", "20200228"}}), row.value) << row.expression;
  EXPECT_EQ(of("${run_date}"), "20261125") << "yesterday";
  EXPECT_EQ(of("${run_today_h}"), "2026112611");
}

TEST(CodeVariables, those_of_code_and_submission) {
  EXPECT_EQ(of("--@set a=1\nselect ${a}"), "--@set a=1\nselect 1");
  EXPECT_EQ(of("--@set a=2\nselect ${a}", {{"a", "3"}}), "--@set a=2\nselect 2");
  EXPECT_EQ(of("  --@set run_date = 20200228;\n${run_date}"),
            "  --@set run_date = 20200228;\n20200228");
  EXPECT_EQ(of("${num-2} ${num*2} ${num/2} ${num+0.5}", {{"num", "301"}}), "299 602 150.5 301.5");
  EXPECT_EQ(of("${t+bc}", {{"t", "a"}}), "abc");
  EXPECT_EQ(of("${a}", {{"a", "${b}-${run_date}"}, {"b", "x"}, {"run_date", "20200228"}}),
            "x-20200228")
      << "values may name others";
  EXPECT_EQ(of("${big+1} ${d*3}", {{"big", "9007199254740993"}, {"d", "1.1"}}),
            "9007199254740994 3.3")
      << "exact";
  EXPECT_EQ(of("${t+1}", {{"t", "007"}}), "0071") << "a leading zero makes a text";
  EXPECT_EQ(of("${user} ${execute_user} ${submit_user}", {{"user", "root"}}), "ann ann ann");
  EXPECT_EQ(*fill_variables("#@set a=1\necho ${a}", "shell", scope()), "#@set a=1\necho 1");
  EXPECT_EQ(*fill_variables("--@set a=1\necho ${a}", "shell", scope()), "--@set a=1\necho ${a}");
}

TEST(CodeVariables, everything_else_stays_as_it_is) {
  for (const char* code : {"",
                           "$",
                           "${",
                           "${}",
                           "${a}",
                           "${HOME}",
                           "${PATH:-x}",
                           "true &&{ ls; }",
                           "${x/a/b}",
                           "${x#y}",
                           "${#x}",
                           "${x[1]}",
                           "${x-1}",
                           "$(date)",
                           "a && b",
                           "&{x}",
                           "&{%-1d}",
                           "&{yyyy%}",
                           "&{yyyy%1}",
                           "&{yyyy%-1w}",
                           "&{yyyy%-99999999999999999999d}",
                           "&{yyyyMMdd%-9999y}",
                           "${1+1}",
                           "${run_nothing}",
                           "${run_date_begin}",
                           "${run_nothing-1}",
                           "%{a}",
                           "${a\n}"})
    EXPECT_EQ(of(code), code);
}

TEST(CodeVariables, what_has_no_value_is_refused) {
  for (const char* code :
       {"${run_date*2}", "${run_date-x}", "${run_date-1.5}", "${t-1}", "${n/0}", "${n-x}"})
    EXPECT_EQ(of(code, {{"t", "abc"}, {"n", "5"}}), "! variables") << code;
  EXPECT_EQ(of("${run_date+900000000}"), "! variables") << "out of the calendar";
  EXPECT_EQ(of("${run_date}", {{"run_date", "soon"}}), "! variables");
  EXPECT_EQ(of("${a}", {{"a", "${b}"}, {"b", "${a}"}}), "! variables") << "in a circle";
}

TEST(CodeVariables, what_grows_without_end_is_refused) {
  std::string code = "#@set v=" + std::string(100'000, 'x') + "\n";
  for (int i = 0; i < 1'000; ++i) code += "${v}";
  VariableScope scope;
  scope.wall = Time{1'700'000'000'000'000};
  const auto refused = fill_variables(code, "python", scope);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Limit);
  EXPECT_EQ(refused.error().field, "script");
}

}  // namespace
}  // namespace drover::pool
