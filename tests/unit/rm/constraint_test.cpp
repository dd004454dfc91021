// tests/unit/rm/constraint_test.cpp - expressions over labels: text, meaning, bitmaps and gangs.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>

#include "base/prng.hpp"
#include "rm/constraint_index.hpp"
#include "rm/node_inventory.hpp"

namespace drover::rm {
namespace {

TEST(Constraint, PrintsShortAndParsesToTheSame) {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""},
      {" gpu ", "gpu"},
      {"a=1,b==2", "a=1&b=2"},
      {"a!=1", "!a=1"},
      {"a&(b|c)", "a&(b|c)"},
      {"(a&b)|c", "a&b|c"},
      {"a|b&c|d", "a|b&c|d"},
      {"a&(b&c)", "a&(b&c)"},
      {"!(a|b)&!!c", "!(a|b)&!!c"},
      {"cpus >= 064", "cpus>=64"},
      {"mem>=2G", "mem>=2048"},
      {"gpu:nvidia-h100>=4", "gpu:nvidia-h100>=4"},
      {"[a|b&c]&d", "d&[a|b&c]"},
      {"(a|b)&[c|(d|e)]", "(a|b)&[c|(d|e)]"},
      {"a*2&(b|c)*3&d", "d&a*2&(b|c)*3"},
  };
  for (const auto& [text, printed] : rows) {
    const auto parsed = parse_constraint(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(to_text(*parsed), printed) << text;
    const auto again = parse_constraint(printed);
    ASSERT_TRUE(again) << printed;
    EXPECT_EQ(to_text(*again), printed);
  }
}

TEST(Constraint, ErrorsShowTheirPlace) {
  const std::pair<std::string, std::string> rows[] = {
      {"a&", "\"a&^\""},           {"a&|b", "\"a&^|b\""},
      {"(a", "\"(a^\""},           {"a)", "\"a^)\""},
      {"a=", "\"a=^\""},           {"cpus>=x", "\"cpus>=^x\""},
      {"a|[b|c]", "\"a|[b|c]^\""}, {"[a|b]&[c]", "^[c]\""},
      {"a*0", "\"a*^0\""},         {"!", "\"!^\""},
      {"[a", "\"[a^\""},           {"a b", "\"a ^b\""},
      {"(a*2)", "\"(a^*2)\""},     {"a]", "\"a^]\""},
  };
  for (const auto& [text, shown] : rows) {
    const auto parsed = parse_constraint(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find(shown), std::string::npos) << parsed.error().message;
    EXPECT_EQ(parsed.error().field, "constraints");
  }
  EXPECT_FALSE(parse_constraint(std::string(kExpressionMaxBytes + 1, 'a')));
  EXPECT_FALSE(parse_constraint(std::string(kExpressionMaxDepth + 1, '(') + "a"));
  std::string many = "a";
  for (std::size_t i = 0; i < kExpressionMaxSteps; ++i) many += "&a";
  EXPECT_FALSE(parse_constraint(many));
}

// A random expression as text, and what it means, built side by side.
struct Random {
  using Meaning = std::function<bool(const Labels&)>;
  Prng& prng;

  std::pair<std::string, Meaning> draw(int depth) {
    const std::uint64_t dice = prng.below(depth > 0 ? 10 : 4);
    const std::string key(1, char('a' + prng.below(4)));
    if (dice < 2) {
      const std::string value = std::to_string(prng.below(4));
      const bool equal = prng.chance(70);
      return {key + (equal ? "=" : "!=") + value, [key, value, equal](const Labels& labels) {
                const auto found = labels.find(key);
                return (found != labels.end() && found->second == value) == equal;
              }};
    }
    if (dice == 2) return {key, [key](const Labels& labels) { return labels.count(key) == 1; }};
    if (dice == 3) {
      const int least = int(prng.below(4));
      return {key + ">=" + std::to_string(least), [key, least](const Labels& labels) {
                return labels.count(key) == 1 && labels.at(key) != "x" &&
                       std::stoi(labels.at(key)) >= least;
              }};
    }
    auto left = draw(depth - 1);
    if (dice == 4)
      return {"!(" + left.first + ")",
              [left](const Labels& labels) { return !left.second(labels); }};
    auto right = draw(depth - 1);
    const bool both = dice < 8;
    return {"(" + left.first + ")" + (both ? "&" : "|") + "(" + right.first + ")",
            [left, right, both](const Labels& labels) {
              return both ? left.second(labels) && right.second(labels)
                          : left.second(labels) || right.second(labels);
            }};
  }
};

TEST(Constraint, BitmapsHoldWhatANaiveReadingHolds) {
  Prng prng(5);
  std::uint64_t hits = 0, misses = 0;
  for (int life = 0; life < 60; ++life) {
    ConstraintIndex index;
    std::map<std::uint32_t, Labels> nodes;
    std::vector<std::pair<std::uint32_t, Random::Meaning>> seen;
    for (int step = 0; step < 60; ++step) {
      if (prng.chance(60)) {
        const auto id = std::uint32_t(prng.below(150));
        Labels labels;
        for (char key = 'a'; key < 'e'; ++key)
          if (prng.chance(50))
            labels[std::string(1, key)] = prng.chance(10) ? "x" : std::to_string(prng.below(4));
        nodes[id] = labels;
        index.change(NodeId(id), labels, make_topology(1, 1, 1, 1, 100));
      } else {
        const auto [text, meaning] = Random{prng}.draw(4);
        if (text.size() > kExpressionMaxBytes) continue;
        Request request;
        const auto parsed = parse_constraint(text);
        ASSERT_TRUE(parsed) << text;
        request.constraint = to_text(*parsed);
        seen.emplace_back(index.intern(request), meaning);
      }
      for (const auto& [id, meaning] : seen) {
        std::uint32_t count = 0;
        for (const auto& [node, labels] : nodes) {
          const bool holds = index.at(id).nodes.contains(NodeId(node));
          ASSERT_EQ(holds, meaning(labels)) << to_text(index.at(id).what);
          count += holds ? 1 : 0;
          ++(holds ? hits : misses);
        }
        ASSERT_EQ(index.at(id).nodes.count(), count);
      }
    }
  }
  EXPECT_GT(hits, 10'000u);
  EXPECT_GT(misses, 10'000u);
}

struct Racks {
  ResourceManager manager;
  PathId path = manager.path_for({});
  Racks() {  // 3 nodes in each of 3 racks; one SSD in racks 1 and 2
    for (std::uint32_t id = 0; id < 9; ++id) {
      Labels labels{{"rack", std::to_string(id / 3)}};
      if (id == 3 || id == 6) labels["ssd"] = "";
      manager.put_node(NodeId(id),
                       {"n" + std::to_string(id), labels, make_topology(1, 1, 2, 1, 100)});
    }
  }
  std::vector<std::uint32_t> take(const std::string& constraint, std::int64_t nodes) {
    Request request;
    request.constraint = constraint;
    request.nodes = nodes;
    request.cpus = 2;
    Acquired got = manager.acquire(manager.intern(request), path);
    std::vector<std::uint32_t> ids;
    if (auto* lease = std::get_if<Lease>(&got))
      for_each_part(*lease, [&](const NodePart& part) { ids.push_back(raw(part.node)); });
    return ids;
  }
  using Ids = std::vector<std::uint32_t>;
};

TEST(Constraint, AGangStaysWithinOneAlternative) {
  Racks racks;
  EXPECT_EQ(racks.take("rack=0", 1), (Racks::Ids{0}));
  EXPECT_EQ(racks.take("[rack=0|rack=1|rack=2]", 3), (Racks::Ids{3, 4, 5}));
  EXPECT_EQ(racks.take("[rack=0|rack=1]", 3), (Racks::Ids{}));
  EXPECT_EQ(racks.take("rack=0|rack=1", 2), (Racks::Ids{1, 2}));
}

TEST(Constraint, CountsSayHowManyNodesOfAGang) {
  Racks racks;
  EXPECT_EQ(racks.take("ssd*1&rack=1*2", 4), (Racks::Ids{0, 3, 4, 5}));
  EXPECT_EQ(racks.take("ssd*2", 2), (Racks::Ids{}));
  EXPECT_EQ(racks.take("ssd*1&[rack=0|rack=2]", 2), (Racks::Ids{6, 7}));
  EXPECT_EQ(racks.take("ssd*1", 1), (Racks::Ids{}));
}

TEST(Constraint, SaysWhenItCanNeverBeMet) {
  Racks racks;
  const auto refusal = [&](const std::string& constraint, std::int64_t nodes) {
    Request request;
    request.constraint = constraint;
    request.nodes = nodes;
    const auto fits = racks.manager.can_ever_fit(request);
    return fits ? std::string("fits") : fits.error().message;
  };
  EXPECT_EQ(refusal("rack=1", 3), "fits");
  EXPECT_EQ(refusal("ssd&rack=0", 1), "no node matches the constraint ssd&rack=0");
  EXPECT_EQ(refusal("rack=1", 4), "only 3 nodes are large enough and may be used, 4 are asked for");
  EXPECT_EQ(refusal("[rack=0|rack=1]", 4),
            "only 3 nodes are large enough and may be used, 4 are asked for");
  EXPECT_EQ(refusal("rack=0|rack=1", 4), "fits");
  EXPECT_EQ(refusal("ssd*3", 3), "too few nodes are large enough for ssd*3");
  EXPECT_EQ(refusal("cpus>=2&mem<200", 9), "fits");
}

}  // namespace
}  // namespace drover::rm
