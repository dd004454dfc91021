// tests/unit/dag/variables_test.cpp - what variables stand for, by a table.
// SPDX-License-Identifier: Apache-2.0
#include "dag/variables.hpp"

#include <gtest/gtest.h>

#include "dag/decimal.hpp"

namespace drover::dag {
namespace {

constexpr std::int64_t kDay = 86'400'000'000;
const Time kNoon{20'000 * kDay + kDay / 2};  // 2024-10-04 12:00

Variables some() {
  return *Variables::make({{"run_date", "20200228"},
                           {"num", "301"},
                           {"half", "0.5"},
                           {"price", "12.50"},
                           {"text", "hello"},
                           {"zero", "007"},
                           {"out", "results/${run_date}"},
                           {"both", "${out}/${text}"}},
                          kNoon);
}

struct Row {
  const char* text;
  const char* becomes;
};
class Substituted : public testing::TestWithParam<Row> {};
TEST_P(Substituted, AsTheTableSays) {
  const auto value = some().substitute(GetParam().text, Variables::Unknown::Keep);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(*value, GetParam().becomes) << GetParam().text;
}
INSTANTIATE_TEST_SUITE_P(
    Variables, Substituted,
    testing::Values(
        // dates
        Row{"${run_date}", "20200228"}, Row{"${run_date_std}", "2020-02-28"},
        Row{"${run_today}", "20200229"}, Row{"${run_today_std}", "2020-02-29"},
        Row{"${run_date - 1}", "20200227"}, Row{"${run_date+2}", "20200301"},
        Row{"${run_year_begin_std-3}", "2017-01-01"}, Row{"${run_half_year_begin-1}", "20190701"},
        Row{"${run_last_mon_now}", "202001"}, Row{"${run_month_begin}", "20200201"},
        Row{"${run_month_end}", "20200229"}, Row{"${run_month_end - 1}", "20200131"},
        Row{"${run_month_now_begin}", "20200101"}, Row{"${run_month_now_end_std}", "2020-01-31"},
        Row{"${run_quarter_begin}", "20200101"}, Row{"${run_quarter_end + 1}", "20200630"},
        Row{"${run_half_year_end}", "20200630"}, Row{"${run_year_begin}", "20200101"},
        Row{"${run_year_end_std}", "2020-12-31"}, Row{"${run_mon}", "202002"},
        Row{"${run_mon_std - 2}", "2019-12"}, Row{"${run_current_mon_now}", "202002"},
        Row{"${run_mon_now + 11}", "202101"}, Row{"${run_mon_start}", "202001"},
        Row{"${run_mon_end_std}", "2020-12"}, Row{"${run_today_h}", "2020022912"},
        Row{"${run_today_hour_std - 13}", "2020-02-28 23"},
        // patterns
        Row{"&{yyyyMMdd}", "20200228"}, Row{"&{yyyyMMdd%-1d}", "20200227"},
        Row{"&{yyyy-MM-dd HH:mm:ss%-1y%+1H}", "2019-02-28 01:00:00"},
        Row{"&{yyyy-MM-dd%+1M}", "2020-03-28"}, Row{"&{yy/M/d}", "20/2/28"},
        Row{"&{no date}", "&{no date}"}, Row{"a && b &{ c", "a && b &{ c"},
        Row{"a &&{ s; }", "a &&{ s; }"},
        // numbers
        Row{"${num}", "301"}, Row{"${num-2}", "299"}, Row{"${num * 2}", "602"},
        Row{"${num / 4}", "75.25"}, Row{"${num / 3}", "100.3333333333"},
        Row{"${price + 0.25}", "12.75"}, Row{"${price}", "12.50"},
        // texts
        Row{"${text}", "hello"}, Row{"${text + 1}", "hello1"}, Row{"${zero + 1}", "0071"},
        Row{"${half + 1}", "0.51"}, Row{"${out}", "results/20200228"},
        Row{"${both}", "results/20200228/hello"},
        // what is not ours
        Row{"${HOME} ${x:-y} ${#a} $text ${", "${HOME} ${x:-y} ${#a} $text ${"},
        Row{"${unknown - 1}", "${unknown - 1}"}, Row{"a${text}b${text}", "ahellobhello"}));

struct Bad {
  const char* text;
  const char* says;
};
class Unsubstituted : public testing::TestWithParam<Bad> {};
TEST_P(Unsubstituted, WithAReason) {
  const auto value = some().substitute(GetParam().text, Variables::Unknown::Refuse);
  ASSERT_FALSE(value) << *value;
  EXPECT_NE((value.error().message + value.error().hint).find(GetParam().says), std::string::npos)
      << value.error().message << " / " << value.error().hint;
}
INSTANTIATE_TEST_SUITE_P(
    Variables, Unsubstituted,
    testing::Values(Bad{"${run_date * 2}", "takes + or -"}, Bad{"${run_date - x}", "takes + or -"},
                    Bad{"${run_date + 99999999999}", "years 1 to 9999"},
                    Bad{"${text - 1}", "takes + only"}, Bad{"${zero * 2}", "takes + only"},
                    Bad{"${num + x}", "takes a number"}, Bad{"${num / 0}", "division by zero"},
                    Bad{"${num * 999999999999999999}", "18 digits"},
                    Bad{"${nun}", "did you mean 'num'"},
                    Bad{"${steps.a.values.x}", "no variable"}));

TEST(Variables, RunDateIsYesterdayWhereNobodySays) {
  const auto variables = Variables::make({}, kNoon);
  ASSERT_TRUE(variables);
  EXPECT_EQ(variables->find("run_date_std"), "2024-10-03");
  EXPECT_EQ(variables->find("run_today_hour"), "2024100412");
}

TEST(Variables, ALookupGivesTheRestAndValuesAreNotLookedAtAgain) {
  const auto value = some().substitute(
      "${steps.my-step.values.n} ${steps.my-step.values.n + 1} ${item}", Variables::Unknown::Refuse,
      [](std::string_view name) -> std::optional<std::string> {
        if (name == "steps.my-step.values.n") return "41";
        return name == "item" ? std::optional<std::string>("${text}") : std::nullopt;
      });
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(*value, "41 42 ${text}");
}

TEST(Variables, BadOnesAreRefused) {
  EXPECT_EQ(Variables::make({{"run_date", "20200230"}}, kNoon).error().code, Errc::BadInput);
  EXPECT_EQ(Variables::make({{"1x", "a"}}, kNoon).error().code, Errc::BadInput);
  const auto circle = Variables::make({{"a", "${b}"}, {"b", "x${c}"}, {"c", "${a}"}}, kNoon);
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().message, "variables name each other: a -> b -> c -> a");
  std::map<std::string, std::string> bomb{{"x0", std::string(1000, 'x')}};
  for (int i = 1; i < 20; ++i)
    bomb["x" + std::to_string(i)] =
        "${x" + std::to_string(i - 1) + "}${x" + std::to_string(i - 1) + "}";
  EXPECT_EQ(Variables::make(bomb, kNoon).error().code, Errc::Limit);
}

TEST(Variables, NamesAreFoundOnceAndInOrder) {
  EXPECT_EQ(names_in("${b} ${a+1} ${b} ${x:-y} ${steps.s-1.values.k}"),
            (std::vector<std::string>{"b", "a", "steps.s-1.values.k"}));
}

TEST(Variables, WithoutDatesTheyStayForLater) {
  const auto own = Variables::only({{"x", "a-${run_date}"}});
  ASSERT_TRUE(own);
  EXPECT_EQ(own->substitute("${x} &{yyyy} ${run_date}", Variables::Unknown::Keep),
            "a-${run_date} &{yyyy} ${run_date}");
}

TEST(Decimal, IsExact) {
  EXPECT_EQ(Decimal::from("-3.50")->to_string(), "-3.5");
  EXPECT_EQ(calculate(*Decimal::from("0.1"), '+', *Decimal::from("0.2"))->to_string(), "0.3");
  EXPECT_EQ(calculate(*Decimal::from("-1"), '/', *Decimal::from("3"))->to_string(),
            "-0.3333333333");
  EXPECT_EQ(calculate(*Decimal::from("2"), '/', *Decimal::from("3"))->to_string(), "0.6666666667");
  for (const char* bad : {"", "-", ".5", "5.", "1e3", "1.2.3", "1234567890123456789", "x"})
    EXPECT_FALSE(Decimal::from(bad)) << bad;
}

}  // namespace
}  // namespace drover::dag
