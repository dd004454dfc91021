// tests/unit/linkis/multipart_test.cpp - the file of an upload, and bodies that are none.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/multipart.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/prng.hpp"

namespace drover::linkis {
namespace {

const std::string kType = "multipart/form-data; boundary=b1";
std::string part(const std::string& disposition, const std::string& bytes) {
  return "--b1\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + bytes + "\r\n";
}

TEST(Multipart, TheFileIsFound) {
  const std::string field = part("name=\"system\"", "x"), end = "--b1--\r\n";
  const struct {
    std::string type, body;
    const char* file;  // null: none
  } rows[] = {
      {kType, field + part("name=\"file\"; filename=\"a\"", "bytes\r\n--b\r\n") + end,
       "bytes\r\n--b\r\n"},
      {kType, part("filename=a; name=other", "first") + part("name=file", "named") + end, "named"},
      {kType, part("name=\"other\"; filename=\"a\"", "by its name") + end, "by its name"},
      {"Multipart/Form-Data; charset=UTF-8; Boundary=\"b1\"", part("NAME=\"file\"", "") + end, ""},
      {kType, "preamble\r\n" + part("name=file", "behind a preamble") + end, "behind a preamble"},
      {kType, field + end, nullptr},
      {kType, end, nullptr},
      {kType, "", nullptr},
      {kType, "--b1\r\nContent-Disposition: form-data; name=file\r\n\r\nno end", nullptr},
      {kType, "--b1", nullptr},
      {kType, "--b1\r\n\r\n", nullptr},
      {"multipart/form-data", part("name=file", "x") + end, nullptr},
      {"multipart/form-data; boundary=", part("name=file", "x") + end, nullptr},
      {"multipart/form-data; boundary=" + std::string(71, 'b'), "", nullptr},
      {"application/json; boundary=b1", part("name=file", "x") + end, nullptr},
      {"", part("name=file", "x") + end, nullptr},
  };
  for (const auto& row : rows) {
    const auto file = uploaded_file(row.type, row.body);
    ASSERT_EQ(bool(file), row.file != nullptr) << row.type << row.body;
    if (file) {
      EXPECT_EQ(*file, row.file) << row.body;
    } else {
      EXPECT_EQ(file.error().code, Errc::BadInput);
    }
  }
}

TEST(Multipart, WhateverComesIsReadOrRefused) {
  const std::string good =
      part("name=\"file\"; filename=\"a\"", "0123456789") + part("name=x", "y") + "--b1--\r\n";
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Prng random(seed);
    std::string body = good, type = kType;
    for (std::uint64_t cuts = 1 + random.below(4); cuts > 0 && !body.empty(); --cuts) {
      const std::size_t at = random.below(body.size());
      if (random.chance(50))
        body.erase(at, random.below(20));
      else
        body.insert(at, std::string(random.below(9), "\r\n-b1\"; \0"[random.below(9)]));
    }
    if (random.chance(20)) type.erase(random.below(type.size()), 3);
    const auto file = uploaded_file(type, body);
    if (file) {
      EXPECT_LE(file->size(), body.size());
    }
  }
}

}  // namespace
}  // namespace drover::linkis
