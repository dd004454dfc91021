// tests/unit/nodeagent/engine_parts_test.cpp - tokens, lines, and the table of statements.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "base/prng.hpp"
#include "nodeagent/engine_lines.hpp"
#include "nodeagent/engine_table.hpp"
#include "nodeagent/engine_token.hpp"
#include "proto/agent.pb.h"

namespace drover::nodeagent {
namespace {

AttemptId attempt(std::uint64_t job, std::uint32_t number = 1) {
  return {{JobId{job}, TaskIndex{0}}, AttemptNo{number}, Epoch{job * 100 + number}};
}

// ---- tokens

TEST(EngineToken, ProvesTheClaimsThatWereSigned) {
  const EngineKey key(std::string(32, 'k'));
  const EngineClaims claims{attempt(7), 1000, "engine-7", "pyth\"on", "pool/\xc3\xa9"};
  const std::string token = key.sign(claims);
  const auto read = key.verify(token);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, claims);
  EXPECT_FALSE(EngineKey(std::string(32, 'x')).verify(token)) << "another node's";
}

TEST(EngineToken, NoBitOfItCanBeChanged) {
  const EngineKey key(std::string(32, 'k'));
  const std::string token = key.sign({attempt(7), 1000, "engine-7", "python", "p"});
  for (std::size_t at = 0; at < token.size(); ++at) {
    std::string forged = token;
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    if (at + 1 == token.size()) continue;  // its last digit has bits that are not used
    EXPECT_FALSE(key.verify(forged)) << at;
  }
  for (const char* text : {"", ".", "a.b", "a", "...", "\xff.\xff"}) EXPECT_FALSE(key.verify(text));
  EXPECT_FALSE(key.verify(std::string(1 << 20, 'A')));
}

TEST(EngineToken, TheKeyIsMadeOnceAndIsPrivate) {
  const std::string path = testing::TempDir() + "drover-engine-key-" + std::to_string(::getpid());
  std::filesystem::remove(path);
  const auto first = EngineKey::open(path);
  ASSERT_TRUE(first) << first.error().message;
  const std::string token = first->sign({attempt(1), 0, "e", "t", "p"});
  EXPECT_TRUE(EngineKey::open(path)->verify(token));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  std::ofstream(path, std::ios::trunc) << "half";  // damaged: a new one, which refuses old tokens
  EXPECT_FALSE(EngineKey::open(path)->verify(token));
  std::filesystem::remove(path);
}

// ---- lines

TEST(EngineLines, AreCutWhereverTheBytesAre) {
  for (std::size_t piece = 1; piece < 12; ++piece) {
    LineSplitter splitter(10);
    std::vector<std::string> lines;
    const std::string_view text = "one\n\ntwo two\n1234567890\nrest";
    for (std::size_t at = 0; at < text.size(); at += piece)
      ASSERT_TRUE(splitter.feed(text.substr(at, piece),
                                [&](std::string_view line) { lines.emplace_back(line); }));
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two two", "1234567890"})) << piece;
    EXPECT_FALSE(splitter.feed("1234567", [](std::string_view) {})) << "11 bytes";
  }
}

TEST(EngineLines, IdsAreFourNumbers) {
  AttemptId id;
  ASSERT_TRUE(read_statement_id(statement_id(attempt(12)), id));
  EXPECT_EQ(id, attempt(12));
  for (const char* text : {"", "1", "1.2.3", "1.2.3.", "1.2.3.4.5", "1.2.3.x", ".2.3.4", "-1.2.3.4",
                           "1.2.3.99999999999999999999", "1.4294967296.1.1", "1.2.3.4 "})
    EXPECT_FALSE(read_statement_id(text, id)) << text;
}

struct EndRow {
  const char* outcome;
  int exit_code;
  EndCause cause;
  int code, signal;
  bool never_started;
};

TEST(EngineLines, AnOutcomeIsACause) {
  EngineLineReader reader;
  for (const EndRow& row :
       std::initializer_list<EndRow>{{"ok", 0, EndCause::Exited, 0, 0, false},
                                     {"ok", 7, EndCause::Exited, 0, 0, false},
                                     {"error", 3, EndCause::Exited, 3, 0, false},
                                     {"error", 0, EndCause::Exited, 1, 0, false},
                                     {"cancelled", 130, EndCause::Killed, 130, 0, false},
                                     {"timeout", 124, EndCause::TimeLimit, 124, 0, false},
                                     {"died", 137, EndCause::Signalled, 0, 9, false},
                                     {"died", 3, EndCause::Exited, 3, 0, false},
                                     {"never_started", 1, EndCause::LaunchFailed, 1, 0, true},
                                     {"returned", 1, EndCause::LaunchFailed, 1, 0, true},
                                     {"klingon", 0, EndCause::Exited, 1, 0, false}}) {
    const auto line =
        reader.read(R"({"type":"ended","id":"1.0.1.101","outcome":")" + std::string(row.outcome) +
                    R"(","exit_code":)" + std::to_string(row.exit_code) +
                    R"(,"error":{"name":"E","message":"m","line":3},"results":[{"index":0}]})");
    ASSERT_TRUE(line) << line.error().message;
    const EngineEnd& end = std::get<EngineEnd>(*line);
    EXPECT_EQ(end.report.cause, row.cause) << row.outcome;
    EXPECT_EQ(end.report.exit_code, row.code) << row.outcome;
    EXPECT_EQ(end.report.term_signal, row.signal) << row.outcome;
    EXPECT_EQ(end.report.never_started, row.never_started) << row.outcome;
    EXPECT_EQ(end.returned, row.outcome == std::string_view("returned"));
    EXPECT_EQ(end.report.message, "E: m");
    const auto json = nlohmann::json::parse(end.results);
    EXPECT_EQ(json["outcome"], row.outcome);
    EXPECT_EQ(json["error"]["line"], 3);
    EXPECT_EQ(json["results"][0]["index"], 0);
  }
}

TEST(EngineLines, ThePipeOfItsOutput) {
  EngineLineReader reader;
  auto line = reader.read(R"({"type":"hello","output":{"fd":7,"pipe":4242}})");
  ASSERT_TRUE(line);
  EXPECT_EQ(std::get<EngineHello>(*line).output.fd, 7);
  EXPECT_EQ(std::get<EngineHello>(*line).output.inode, 4242u);
  line = reader.read(R"({"type":"hello","output":[7]})");
  ASSERT_TRUE(line);
  EXPECT_EQ(std::get<EngineHello>(*line).output.inode, 0u) << "none";
  line = reader.read(R"({"type":"output","fd":9,"pipe":77})");
  ASSERT_TRUE(line);
  EXPECT_EQ(std::get<EngineOutput>(*line).fd, 9);
  EXPECT_EQ(std::get<EngineOutput>(*line).inode, 77u);
}

TEST(EngineLines, AnErrorMayBePermanent) {
  EngineLineReader reader;
  for (const auto& [member, permanent] :
       std::initializer_list<std::pair<const char*, bool>>{{"", false},
                                                           {R"(,"permanent":false)", false},
                                                           {R"(,"permanent":true)", true},
                                                           {R"(,"permanent":1)", false}}) {
    const auto line =
        reader.read(R"({"type":"ended","id":"1.0.1.101","outcome":"error","exit_code":1,)"
                    R"("error":{"name":"E","message":"m")" +
                    std::string(member) + "}}");
    ASSERT_TRUE(line) << line.error().message;
    EXPECT_EQ(std::get<EngineEnd>(*line).permanent, permanent) << member;
  }
}

TEST(EngineLines, OneThatRanOutOfMemorySaysSoByTheNameOfItsError) {
  EngineLineReader reader;
  for (const auto& [outcome, name, cause] :
       std::initializer_list<std::tuple<const char*, const char*, EndCause>>{
           {"died", "OutOfMemory", EndCause::OutOfMemory},
           {"died", "Died", EndCause::Signalled},
           {"error", "OutOfMemory", EndCause::Exited}}) {
    const auto line = reader.read(
        R"({"type":"ended","id":"1.0.1.101","exit_code":137,"outcome":")" + std::string(outcome) +
        R"(","error":{"name":")" + name + R"(","message":"m"}})");
    ASSERT_TRUE(line) << line.error().message;
    const EndReport& report = std::get<EngineEnd>(*line).report;
    EXPECT_EQ(report.cause, cause) << outcome << name;
    EXPECT_EQ(report.term_signal, cause == EndCause::Exited ? 0 : 9) << outcome << name;
  }
}

// Engines in other languages say them: a string of Java or JavaScript may have half a pair.
TEST(EngineLines, HalfAPairOfSurrogatesIsReplaced) {
  EngineLineReader reader;
  for (const auto& [said, meant] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"(\ud800)", "\uFFFD"},
           {R"(\uDFFF)", "\uFFFD"},
           {R"(a\ud83db)", "a\uFFFDb"},
           {R"(\ud83d\ud83d\ude00)", "\uFFFD\U0001F600"},
           {R"(\ude00\ud83d)", "\uFFFD\uFFFD"},
           {R"(\ud83d\n)", "\uFFFD\n"},
           {R"(\ud83d\u0041)", "\uFFFDA"},
           {R"(\uD83D\uDE00)", "\U0001F600"},
           {R"(\\ud800)", "\\ud800"},
           {R"(\\\ud800)", "\\\uFFFD"}}) {
    const auto line = reader.read(
        R"({"type":"ended","id":"1.0.1.101","outcome":"error","exit_code":1,"error":{"name":"E","message":")" +
        std::string(said) + R"("},"results":[{"index":0,"name":")" + said + R"("}]})");
    ASSERT_TRUE(line) << said << line.error().message;
    const EngineEnd& end = std::get<EngineEnd>(*line);
    EXPECT_EQ(end.report.message, std::string("E: ") + meant) << said;
    const auto json = nlohmann::json::parse(end.results);
    EXPECT_EQ(json["error"]["message"], meant) << said;
    EXPECT_EQ(json["results"][0]["name"], meant) << said;
    const auto progress =
        reader.read(R"({"type":"progress","id":"1.0.1.101","text":")" + std::string(said) + "\"}");
    ASSERT_TRUE(progress) << said;
    EXPECT_EQ(std::get<EngineProgress>(*progress).text, meant) << said;
  }
  for (const char* broken : {R"(\ud8)", R"(\uzzzz)", R"(\ud800\u)", R"(\)"})
    EXPECT_FALSE(reader.read(R"({"type":")" + std::string(broken) + "\"}")) << broken;
}

TEST(EngineLines, WhatIsWrongIsRefusedOrClamped) {
  EngineLineReader reader;
  for (const char* text :
       {"", "x", "[]", "1", "{", "{\"type\":\"hello\"", "\"\xff\"", "{\"type\":\"\xff\"}"})
    EXPECT_FALSE(reader.read(text)) << text;
  EXPECT_FALSE(reader.read(std::string(100'000, '[')));
  for (const char* text : {"{}", R"({"type":7})", R"({"type":"started"})",
                           R"({"type":"ended","id":"x"})", R"({"type":"new","id":"1.0.1.1"})"})
    EXPECT_TRUE(std::holds_alternative<UnknownLine>(*reader.read(text))) << text;
  const auto progress = reader.read(
      R"({"type":"progress","id":"1.0.1.101","fraction":7.5,"done":-3,"total":1e300,"text":")" +
      std::string(1000, 'x') + "\"}");
  EXPECT_EQ(std::get<EngineProgress>(*progress).thousandths, 1000);
  EXPECT_EQ(std::get<EngineProgress>(*progress).done, 0);
  EXPECT_EQ(std::get<EngineProgress>(*progress).text.size(), 200u);
}

TEST(EngineLines, WhatAnAdapterSaysOfItsPollers) {
  EngineLineReader reader;
  const auto line = reader.read(
      R"({"type":"health","rss_kib":9,"running":3,"pollers":[
          {"kind":"status","threads":4,"busy":-1,"items":70,"lag_ms":1e30,"polls":12,"errors":2,
           "slowest":"trino:8080","slowest_ms":35},
          {"kind":"status","threads":5},{"kind":"klingon"},7,{"kind":"metrics","polls":"many"}]})");
  ASSERT_TRUE(line);
  const auto& health = std::get<EngineHealth>(*line);
  ASSERT_EQ(health.pollers.size(), 2u) << "each kind once, and no others";
  const EnginePollers& status = health.pollers[0];
  EXPECT_EQ(status.kind, "status");
  EXPECT_EQ(status.threads, 4);
  EXPECT_EQ(status.busy, 0);
  EXPECT_EQ(status.items, 70);
  EXPECT_EQ(status.polls, 12);
  EXPECT_EQ(status.errors, 2);
  EXPECT_EQ(status.slowest, "trino:8080");
  EXPECT_EQ(health.pollers[1].polls, 0);
  EXPECT_EQ(std::get<EngineHello>(*reader.read(R"({"type":"hello","uses":7})")).uses, 7u);
  EXPECT_EQ(std::get<EngineHello>(*reader.read(R"({"type":"hello","uses":-7})")).uses, 0u);
  for (const auto& [text, wanted] : std::initializer_list<std::pair<const char*, std::uint32_t>>{
           {R"({"type":"hello"})", 1},
           {R"({"type":"hello","concurrency":100})", 100},
           {R"({"type":"hello","concurrency":-4})", 1},
           {R"({"type":"hello","concurrency":1e9})", 1000}})
    EXPECT_EQ(std::get<EngineHello>(*reader.read(text)).concurrency, wanted) << text;
}

TEST(EngineLines, AnOrderHasWhatTheProtocolSays) {
  proto::LaunchOrder order;
  order.mutable_id()->set_job(5);
  order.mutable_id()->set_attempt(1);
  order.mutable_id()->set_epoch(9);
  order.set_script("print('\xff\n\"')");
  order.set_cwd("/tmp");
  order.set_out("/tmp/log");
  order.add_env("A=b=c");
  order.add_env("=no");
  order.set_time_limit_us(1'500'000);
  order.mutable_statement()->set_language("python");
  order.mutable_statement()->set_result_bytes(-4);
  order.mutable_statement()->set_return_after_ms(50);
  const std::string line = execute_line(order);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["id"], "5.0.1.9");
  EXPECT_EQ(json["code"], "print('\xef\xbf\xbd\n\"')");
  EXPECT_EQ(json["env"], (nlohmann::json{{"A", "b=c"}}));
  EXPECT_EQ(json["time_limit_s"], 2);
  EXPECT_EQ(json["result_bytes"], 0);
  EXPECT_EQ(json["return_after_ms"], 50);
  EXPECT_EQ(json["reset"], "none");
  EXPECT_FALSE(json.contains("log_append"));
  order.mutable_id()->set_attempt(2);
  EXPECT_EQ(nlohmann::json::parse(execute_line(order))["log_append"], true) << "its log goes on";
}

// ---- the table

class EngineTableTest : public testing::Test {
 protected:
  EngineTableTest() {
    table_.on_engine({}, 1);
    table_.on_welcome(kSession);
  }
  void launch(const AttemptId& id) {
    table_.on_launch(kSession, id, "execute " + statement_id(id) + "\n", 3, 1);
  }
  std::string log() const { return table_.log_of_running().path; }
  std::string lines() { return std::exchange(table_.out().to_engine, {}); }
  std::size_t ends() { return std::exchange(table_.out().ended, {}).size(); }
  static EngineEnd end_of(const AttemptId& id) {
    EngineEnd end;
    end.report.id = id;
    end.report.cause = EndCause::Exited;
    return end;
  }
  static constexpr SessionId kSession{5};
  EngineTable table_;
};

TEST_F(EngineTableTest, KnowsTheLogOfWhatRuns) {
  EXPECT_EQ(log(), "");
  for (const std::uint64_t job : {9u, 4u, 7u})
    table_.on_launch(kSession, attempt(job), "x", 0, 1, {"/log/" + std::to_string(job), 100});
  EXPECT_EQ(log(), "/log/9") << "as they came";
  EXPECT_EQ(table_.log_of_running().limit, 100);
  table_.on_started({attempt(9), 1, 0});
  table_.on_ended(end_of(attempt(9)));
  EXPECT_EQ(log(), "/log/4");
  table_.on_ended(end_of(attempt(7)));  // taken back
  EXPECT_EQ(log(), "/log/4");
  table_.on_engine_lost();
  EXPECT_EQ(log(), "/log/4");
  table_.on_ended(end_of(attempt(4)));
  EXPECT_EQ(log(), "");
}

TEST_F(EngineTableTest, AStatementGoesDownOnceAndItsEndUpUntilItIsAcked) {
  launch(attempt(1));
  launch(attempt(1));
  EXPECT_EQ(lines(), "execute 1.0.1.101\n");
  table_.on_started({attempt(1), 7, 0});
  table_.on_started({attempt(1), 7, 0});
  EXPECT_EQ(table_.out().started.size(), 1u);
  table_.on_ended(end_of(attempt(1)));
  table_.on_ended(end_of(attempt(1)));
  EXPECT_EQ(ends(), 1u);
  table_.repeat_ends();
  EXPECT_EQ(ends(), 1u);
  table_.on_ack(kSession, attempt(1));
  EXPECT_EQ(lines(), ack_line(attempt(1)));
  EXPECT_TRUE(table_.running().empty());
}

TEST_F(EngineTableTest, OrdersOfAnotherSessionAreIgnored) {
  table_.on_launch(SessionId{4}, attempt(1), "x", 0, 1);
  table_.on_kill(SessionId{4}, attempt(1), 0, 1);
  EXPECT_EQ(lines(), "");
  EXPECT_EQ(ends(), 0u);
}

TEST_F(EngineTableTest, NotesAreForWhatRuns) {
  launch(attempt(1));
  (void)lines();
  table_.on_note(kSession, attempt(1), "it \"waits\"");
  table_.on_note(kSession, attempt(2), "unknown");
  table_.on_note(SessionId{4}, attempt(1), "of another session");
  EXPECT_EQ(lines(), "{\"type\":\"note\",\"id\":\"1.0.1.101\",\"text\":\"it \\\"waits\\\"\"}\n");
  table_.on_ended(end_of(attempt(1)));
  table_.on_note(kSession, attempt(1), "late");
  EXPECT_EQ(lines(), "");
}

TEST_F(EngineTableTest, WhatIsOrderedWhileTheEngineIsAwayWaits) {
  table_.on_engine_lost();
  launch(attempt(1));
  launch(attempt(2));
  table_.on_kill(kSession, attempt(2), 0, 1);
  EXPECT_EQ(lines(), "");
  table_.on_engine({}, 2);
  EXPECT_EQ(lines(), "execute 1.0.1.101\nexecute 2.0.1.201\n" + cancel_line(attempt(2), 3));
}

TEST_F(EngineTableTest, AnAgentThatWasRestartedLearnsFromTheEngine) {
  EngineTable fresh;
  fresh.on_engine({attempt(1), attempt(2)}, 1);
  fresh.on_started({attempt(1), 7, 0});
  ASSERT_EQ(fresh.running().size(), 2u);
  EXPECT_EQ(fresh.running()[0], (HeldReport{attempt(1), true}));
  EXPECT_EQ(fresh.running()[1], (HeldReport{attempt(2), false}));
  fresh.on_ended(end_of(attempt(2)));
  fresh.on_welcome(kSession);
  ASSERT_EQ(fresh.out().ended.size(), 1u);
  EXPECT_EQ(fresh.out().started.size(), 1u) << "it may have come after Hello";
}

TEST_F(EngineTableTest, WhatTheEngineHasForgottenHasEnded) {
  launch(attempt(1));
  table_.on_started({attempt(1), 7, 0});
  table_.on_engine_lost();
  table_.on_engine({}, 9);
  ASSERT_EQ(table_.out().ended.size(), 1u);
  EXPECT_EQ(table_.out().ended[0].report.cause, EndCause::Unknown);
}

TEST_F(EngineTableTest, AnEndThatWasAckedMeanwhileIsAckedToTheEngine) {
  launch(attempt(1));
  table_.on_ended(end_of(attempt(1)));
  table_.on_engine_lost();
  table_.on_ack(kSession, attempt(1));
  table_.on_engine({attempt(1)}, 2);
  table_.on_ended(end_of(attempt(1)));
  ends();
  table_.on_ack(kSession, attempt(1));
  EXPECT_EQ(lines(), ack_line(attempt(1)));
}

TEST_F(EngineTableTest, KillsReachWhatRunsAndAnswerForWhatDoesNot) {
  launch(attempt(1));
  lines();
  table_.on_kill(kSession, attempt(1), 10, 1);
  EXPECT_EQ(lines(), "") << "no signal for a statement";
  table_.on_kill(kSession, attempt(1), 15, 1);
  EXPECT_EQ(lines(), cancel_line(attempt(1), 3));
  table_.on_kill(kSession, attempt(1), 9, 1);
  EXPECT_EQ(lines(), cancel_line(attempt(1), 0));
  table_.on_kill(kSession, attempt(8), 0, 1);
  ASSERT_EQ(table_.out().ended.size(), 1u);
  EXPECT_TRUE(table_.out().ended[0].report.never_started);
}

TEST_F(EngineTableTest, ItsSizeIsLimited) {
  EngineTable small(2);
  small.on_engine({}, 1);
  small.on_welcome(kSession);
  for (std::uint64_t job = 1; job <= 5; ++job) small.on_launch(kSession, attempt(job), "x", 0, 1);
  EXPECT_EQ(small.running_count(), 2u);
  EXPECT_EQ(small.out().ended.size(), 3u);
}

TEST_F(EngineTableTest, OfProgressTheNewestGoes) {
  launch(attempt(1));
  table_.on_started({attempt(1), 7, 0});
  for (int k = 1; k <= 100; ++k) table_.on_progress({attempt(1), k, 0, 0, ""});
  ASSERT_EQ(table_.out().progress.size(), 1u);
  EXPECT_EQ(table_.out().progress[0].thousandths, 100);
}

// Losses of everything in any order: each statement runs once, and its end arrives.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed), table_(std::make_unique<EngineTable>()) {}

  void step(bool is_calm) {
    const std::uint64_t what = random_.below(is_calm ? 4 : 7);
    if (what == 0 && !is_calm) submit();
    if (what == 1 && engine_up_) work();
    if (what == 2 && !engine_up_) connect();
    if (what == 3 && !session_up_) register_node();
    if (what == 4) lose_engine();
    if (what == 5) lose_controller();
    if (what == 6) restart_agent();
    deliver();
    if (random_.below(3) == 0) table_->repeat_ends();
  }

  std::map<AttemptId, int> runs;
  std::set<AttemptId> wanted, told;

 private:
  void submit() {
    if (!session_up_ || wanted.size() >= 20) return;
    const AttemptId id = attempt(wanted.size() + 1);
    wanted.insert(id);
    launch(id);
  }
  void launch(const AttemptId& id) {
    table_->on_launch(SessionId{session_}, id,
                      R"({"type":"execute","id":")" + statement_id(id) + "\"}\n", 0, 1);
  }
  void work() {
    for (auto& [id, state] : engine_) {
      if (state == 2) continue;
      if (++state == 1)
        table_->on_started({id, 5, 0});
      else
        tell_end(id);
      return;
    }
  }
  void tell_end(const AttemptId& id) {
    EngineEnd end;
    end.report.id = id;
    end.report.cause = EndCause::Exited;
    table_->on_ended(end);
  }
  void connect() {
    std::vector<AttemptId> known;
    for (const auto& [id, state] : engine_) known.push_back(id);
    table_->on_engine(known, 1);
    engine_up_ = true;
    for (const auto& [id, state] : engine_) {
      if (state == 1) table_->on_started({id, 5, 0});
      if (state == 2) tell_end(id);
    }
  }
  void register_node() {
    session_up_ = true;
    table_->on_welcome(SessionId{++session_});
    std::set<AttemptId> held;  // the controller sends again what Hello did not name
    for (const HeldReport& report : table_->running()) held.insert(report.id);
    for (const AttemptId& id : wanted)
      if (held.count(id) == 0 && told.count(id) == 0 && engine_.count(id) == 0) launch(id);
  }
  void lose_engine() {
    engine_up_ = false;
    table_->on_engine_lost();
  }
  void lose_controller() {
    session_up_ = false;
    table_->on_controller_lost();
    table_->out().ended.clear();
  }
  void restart_agent() {  // it has no session before its engine has told
    table_ = std::make_unique<EngineTable>();
    session_up_ = false;
    connect();
  }
  void deliver() {
    std::string lines = engine_up_ ? std::exchange(table_->out().to_engine, {}) : std::string{};
    while (!lines.empty()) {
      const auto json = nlohmann::json::parse(lines.substr(0, lines.find('\n')));
      lines.erase(0, lines.find('\n') + 1);
      AttemptId id;
      ASSERT_TRUE(read_statement_id(json["id"].get<std::string>(), id));
      if (json["type"] == "execute" && engine_.emplace(id, 0).second) ++runs[id];
      if (json["type"] == "ack" && engine_.count(id) != 0 && engine_[id] == 2) engine_.erase(id);
    }
    if (!session_up_) return;
    for (const EngineEnd& end : std::exchange(table_->out().ended, {})) {
      told.insert(end.report.id);
      if (random_.below(4) != 0) table_->on_ack(SessionId{session_}, end.report.id);
    }
  }

  Prng random_;
  std::unique_ptr<EngineTable> table_;
  std::map<AttemptId, int> engine_;  // 0 waits, 1 runs, 2 has ended without ack
  bool engine_up_ = false, session_up_ = false;
  std::uint64_t session_ = 0;
};

TEST(EngineTableProperty, EveryStatementRunsOnceAndEnds) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    for (int k = 0; k < 300; ++k) world.step(false);
    for (int k = 0; k < 600; ++k) world.step(true);
    for (const AttemptId& id : world.wanted) {
      EXPECT_EQ(world.told.count(id), 1u) << statement_id(id);
      EXPECT_LE(world.runs[id], 1) << statement_id(id);
    }
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace drover::nodeagent
