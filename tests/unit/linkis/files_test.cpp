// tests/unit/linkis/files_test.cpp - result sets as bytes, rows and names.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

#include "linkis/base64.hpp"
#include "linkis/charset.hpp"
#include "linkis/csv.hpp"
#include "linkis/dolphin.hpp"
#include "linkis/export_name.hpp"
#include "linkis/memory_text.hpp"
#include "linkis/xml_text.hpp"

namespace drover::linkis {
namespace {

Cell text(std::string t) { return {Cell::Kind::Text, std::move(t)}; }
Cell number(std::string t) { return {Cell::Kind::Number, std::move(t)}; }
std::string client_cell(const std::vector<Column>& columns, std::string given) {
  Row row{text(std::move(given))};
  use_client_words(columns, row);
  return row[0].text;
}

TEST(Dolphin, has_the_bytes_of_the_contract) {
  std::string out;
  append_dolphin_head(ResultType::Text, {}, out);
  append_dolphin_record("hello", out);
  EXPECT_EQ(out, "dolphin00000000010000000004NULL0000000005hello");
  out.clear();
  const std::vector<Column> columns{{"id", "bigint"}};
  append_dolphin_head(ResultType::Table, columns, out);
  EXPECT_EQ(out, "dolphin0000000002000000002400000000062,6,0,idbigint");
  out.clear();
  append_dolphin_row({number("7")}, out);
  EXPECT_EQ(out, "000000001300000000021,7");
  out.clear();
  append_dolphin_row({Cell{}, text("\xc3\xa4")}, out);
  EXPECT_EQ(out, "0000000028000000000511,2,LINKIS_NULL\xc3\xa4") << "lengths are bytes";
}

TEST(Dolphin, knows_the_kinds_of_engines) {
  EXPECT_EQ(result_type("table"), ResultType::Table);
  EXPECT_EQ(result_type("html"), ResultType::Html);
  EXPECT_EQ(result_type("image"), ResultType::Picture);
  EXPECT_EQ(result_type("text"), ResultType::Text);
  EXPECT_EQ(result_type("anything"), ResultType::Text);
  for (const auto& [ours, theirs] :
       std::vector<std::pair<const char*, const char*>>{{"int", "bigint"},
                                                        {"float", "double"},
                                                        {"bool", "boolean"},
                                                        {"any", "string"},
                                                        {"timestamp", "timestamp"},
                                                        {"decimal", "decimal"},
                                                        {"", "string"}})
    EXPECT_EQ(data_type(ours), theirs) << ours;
}

TEST(Cells, timestamps_are_told_as_java_reads_them) {
  const std::vector<Column> columns{{"at", "timestamp"}};
  struct Case {
    const char *given, *want, *why;
  };
  for (const auto& [given, want, why] : {
           Case{"2024-02-03T04:05:06.000000", "2024-02-03 04:05:06", "no fraction where it is 0"},
           Case{"2024-02-03T04:05:06", "2024-02-03 04:05:06", "none was given"},
           Case{"2024-02-03 04:05:06.5", "2024-02-03 04:05:06.500", "three digits or none"},
           Case{"2024-02-03T04:05:06.123456", "2024-02-03 04:05:06.123", "cut after the third"},
           Case{"2024-02-03T23:59:59.999999", "2024-02-03 23:59:59.999", "not rounded"},
           Case{"2024-02-03T04:05:06.000999", "2024-02-03 04:05:06", "cut to nothing"},
           Case{"2024-02-03T04:05:06.123456789012", "2024-02-03 04:05:06.123", "as Trino has them"},
           Case{"2024-02-03T04:05:06.000000+00:00", "2024-02-03 04:05:06", "UTC"},
           Case{"2024-02-03T04:05:06.25Z", "2024-02-03 04:05:06.250", "UTC"},
           Case{"2024-02-29T23:30:00-01:00", "2024-03-01 00:30:00", "over the end of a month"},
           Case{"2024-01-01T00:15:00+05:30", "2023-12-31 18:45:00", "over that of a year"},
           Case{"1890-01-01T00:00:00+00:53:28", "1889-12-31 23:06:32", "local mean time"},
           Case{"2024-02-03T04:05:06+0100", "2024-02-03 03:05:06", "without a colon"},
           Case{"2024-02-03T04:05:06+01", "2024-02-03 03:05:06", "hours alone"},
       })
    EXPECT_EQ(client_cell(columns, given), want) << given << ": " << why;
}

TEST(Cells, what_is_no_timestamp_stays_as_it_is) {
  const std::vector<Column> columns{{"at", "timestamp"}};
  for (const char* odd : {"infinity",
                          "-infinity",
                          "0044-03-15 12:00:00 BC",
                          "12024-02-03T04:05:06",
                          "2024-02-03",
                          "2024-02-03T04:05",
                          "2024-02-03T04:05:06.",
                          "2024-02-03T04:05:06+",
                          "",
                          "2024-02-03T04:05:06 Europe/Berlin",
                          "2024-13-03T04:05:06Z",
                          "2024-02-30T04:05:06Z",
                          "2024-02-03T24:05:06",
                          "2024-02-03T04:60:06",
                          "2024-02-03T04:05:61",
                          "NaT",
                          "2024-02-03T04:05:06+24:00",
                          "0000-01-01T00:00:00",
                          "9999-12-31T23:59:59-01:00",
                          "0001-01-01T00:00:00+01:00",
                          "2024-02-03T04:05:06+01:00:00:00",
                          "2024/02/03T04:05:06",
                          "-024-02-03T04:05:06"})
    EXPECT_EQ(client_cell(columns, odd), odd);
}

TEST(Cells, what_is_no_number_is_told_as_java_reads_it) {
  const std::vector<Column> doubles{{"x", "double"}};
  EXPECT_EQ(client_cell(doubles, "nan"), "NaN");
  EXPECT_EQ(client_cell(doubles, "inf"), "Infinity");
  EXPECT_EQ(client_cell(doubles, "-inf"), "-Infinity");
  EXPECT_EQ(client_cell(doubles, "infinite"), "infinite");
}

TEST(Cells, of_other_columns_stay_as_they_are) {
  const std::vector<Column> columns{
      {"a", "string"}, {"b", "date"}, {"c", "timestamp"}, {"d", "double"}, {"e", "timestamp"}};
  Row row{text("2024-02-03T04:05:06"), text("2024-02-03"),         Cell{}, number("2.5"),
          text("2024-02-03T04:05:06"), text("2024-02-03T04:05:06")};
  use_client_words(columns, row);
  EXPECT_EQ(row[0].text, "2024-02-03T04:05:06");
  EXPECT_EQ(row[1].text, "2024-02-03");
  EXPECT_EQ(row[2].kind, Cell::Kind::Null);
  EXPECT_EQ(row[3].text, "2.5");
  EXPECT_EQ(row[4].text, "2024-02-03 04:05:06");
  EXPECT_EQ(row[5].text, "2024-02-03T04:05:06") << "more cells than columns";
  Row words{text("nan"), text("inf")};
  use_client_words(columns, words);
  EXPECT_EQ(words[0].text, "nan");
  EXPECT_EQ(words[1].text, "inf");
  Row none;
  use_client_words(columns, none);
  EXPECT_TRUE(none.empty());
}

TEST(Csv, quotes_what_a_reader_would_misread) {
  const Row row{text("a"), text("b,c"),   text("d\"e"), text("f\ng"),
                Cell{},    number("1.5"), text("")};
  struct Case {
    CsvStyle style;
    const char* want;
  };
  CsvStyle usual, tabs, all, blanks;
  tabs.separator = "\t";
  all.quote_all = true;
  all.null = "";
  blanks.keep_newlines = false;
  for (const auto& [style, want] :
       {Case{usual, "a,\"b,c\",\"d\"\"e\",\"f\ng\",NULL,1.5,\n"},
        Case{tabs, "a\tb,c\t\"d\"\"e\"\t\"f\ng\"\tNULL\t1.5\t\n"},
        Case{all, "\"a\",\"b,c\",\"d\"\"e\",\"f\ng\",\"\",\"1.5\",\"\"\n"},
        Case{blanks, "a,\"b,c\",\"d\"\"e\",f g,NULL,1.5,\n"}}) {
    std::string out;
    append_csv_row(style, row, out);
    EXPECT_EQ(out, want);
  }
}

TEST(Csv, separators_are_short_and_no_quotes) {
  EXPECT_EQ(*parse_separator("\\t"), "\t");
  EXPECT_EQ(*parse_separator(";"), ";");
  EXPECT_EQ(*parse_separator("||"), "||");
  for (const char* wrong : {"", "\"", "\n", "a\rb", "123456789"})
    EXPECT_FALSE(parse_separator(wrong)) << wrong;
}

TEST(Numbers, of_a_spreadsheet_keep_their_digits) {
  for (const char* good : {"0", "-7", "123456789012345", "-123456789012345", "1.5", "1e300"})
    EXPECT_TRUE(is_exact_number(number(good))) << good;
  for (const char* wrong : {"1234567890123456", "9007199254740993", "-1234567890123456"})
    EXPECT_FALSE(is_exact_number(number(wrong))) << wrong;
  EXPECT_FALSE(is_exact_number(text("7"))) << "a text stays one";
}

TEST(Names, cannot_leave_their_header) {
  EXPECT_EQ(attachment("r", "csv"), "attachment; filename=\"r.csv\"");
  EXPECT_EQ(attachment("", "csv"), "attachment; filename=\"result.csv\"");
  EXPECT_EQ(attachment("../../etc/passwd", "csv"), "attachment; filename=\"_.._etc_passwd.csv\"");
  EXPECT_EQ(attachment("\xc3\xa4 b", "xlsx"),
            "attachment; filename=\"__ b.xlsx\"; filename*=UTF-8''%C3%A4%20b.xlsx");
  std::mt19937 draw(7);
  for (int i = 0; i < 2'000; ++i) {
    std::string name;
    for (std::size_t n = draw() % 40; n > 0; --n) name += char(draw() % 256);
    const std::string header = attachment(name, "csv");
    EXPECT_EQ(header.find_first_of(std::string("\r\n\0", 3)), std::string::npos);
    EXPECT_EQ(std::count(header.begin(), header.end(), '"'), 2) << header;
    EXPECT_EQ(header.find('/'), std::string::npos) << header;
  }
}

TEST(Names, of_sheets_are_those_that_spreadsheets_take) {
  EXPECT_EQ(sheet_name("", "result"), "result");
  EXPECT_EQ(sheet_name("a[b]:c*d?e/f\\g", ""), "a_b__c_d_e_f_g");
  EXPECT_EQ(sheet_name("'x'", ""), "_x_");
  EXPECT_EQ(sheet_name(std::string(50, 'x'), "").size(), 31u);
  std::string wide;
  for (int i = 0; i < 40; ++i) wide += "\xc3\xa4";
  EXPECT_EQ(sheet_name(wide, "").size(), 62u) << "31 characters of two bytes";
}

TEST(Memory, is_never_rounded_up) {
  for (const auto& [mib, want] :
       std::vector<std::pair<std::int64_t, const char*>>{{0, "0.0 MB"},
                                                         {-5, "0.0 MB"},
                                                         {512, "512.0 MB"},
                                                         {1'023, "1023.0 MB"},
                                                         {1'024, "1.0 GB"},
                                                         {1'587, "1.5 GB"},
                                                         {2'047, "1.9 GB"},
                                                         {1'048'576, "1.0 TB"}})
    EXPECT_EQ(memory_text(mib), want) << mib;
}

TEST(Base64, is_that_of_the_rfc) {
  for (const auto& [bytes, want] :
       std::vector<std::pair<const char*, const char*>>{{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"}})
    EXPECT_EQ(base64(bytes), want);
  EXPECT_EQ(base64(std::string("\xff\xfe\x00", 3)), "//4A");
}

TEST(Encoder, writes_what_the_charset_has_and_marks_the_rest) {
  const auto written = [](const char* charset, std::string text) {
    const auto encoder = Encoder::open(charset);
    if (!encoder) return encoder.error().message;
    encoder->encode(text);
    return encoder->name() + ":" + text;
  };
  EXPECT_EQ(written("", "\u4e2d\xff"), "utf-8:\u4e2d\xff");
  EXPECT_EQ(written("GBK", "a\u4e2d\u6587,b"), "GBK:a\xd6\xd0\xce\xc4,b");
  EXPECT_EQ(written("gbk", "x\U0001F600y\u0e01"), "GBK:x?y?") << "no such characters";
  EXPECT_EQ(written("gb18030", "\U0001F600"), "GB18030:\x94\x39\xfc\x36");
  EXPECT_EQ(written("gbk", "\xff\u4e2d\xe4\xb8"), "GBK:?\xd6\xd0?") << "no UTF-8";
  EXPECT_EQ(written("latin-1", ""), "the charset LATIN-1 is not offered");
  EXPECT_NE(Encoder::open("x//TRANSLIT").error().hint.find("gb18030"), std::string::npos);
  std::string many, want;  // more than goes at once
  for (int i = 0; i < 20'000; ++i) many += "\u4e2d\u0e01", want += "\xd6\xd0?";
  EXPECT_EQ(written("gbk", many), "GBK:" + want);
}

TEST(XmlText, has_only_characters_of_xml) {
  const auto written = [](std::string_view text) {
    std::string out = "before";
    xml_text(text, out);
    return out;
  };
  const std::string mark = "\xef\xbf\xbd";
  for (const char* text :
       {"", "a\t\n\r<&>\"", "\u00e4\u4e2d\U0001F600\ud7ff\ue000\ufffd\U0010ffff"})
    EXPECT_EQ(written(text), text);
  for (const char* bad :
       {"\x01", "\x1f", "\xff", "\xef\xbf\xbe", "\xef\xbf\xbf", "\x80\x80", "\xc0\x80", "\xc1\xbf",
        "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xe4\xb8", "\xe4"}) {
    EXPECT_EQ(written(std::string("x") + bad + "y"), "x" + mark + "y")
        << testing::PrintToString(bad);
    EXPECT_EQ(written(bad), mark) << testing::PrintToString(bad);
  }
  EXPECT_EQ(written(std::string("\0\xff\u4e2d", 5)), mark + mark + "\u4e2d");
}

TEST(Picture, is_an_element_whatever_its_type_says) {
  EXPECT_EQ(picture_element("image/svg+xml", "foo"),
            "<img src=\"data:image/svg+xml;base64,Zm9v\">");
  for (const char* mime :
       {"", "image/", "text/html", "image/png\" onerror=\"x", "image/PNG", "image/x;y"})
    EXPECT_EQ(picture_element(mime, "foo"), "<img src=\"data:image/png;base64,Zm9v\">") << mime;
  EXPECT_EQ(picture_element("image/png", ""), "");
}

}  // namespace
}  // namespace drover::linkis
