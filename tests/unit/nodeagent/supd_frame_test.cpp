// tests/unit/nodeagent/supd_frame_test.cpp - what is encoded comes back; what is broken is refused.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/supd_frame.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "base/prng.hpp"

namespace drover::nodeagent {
namespace {

AttemptId some_id(std::uint64_t job = 12) {
  return {{JobId{job}, TaskIndex{3}}, AttemptNo{2}, Epoch{77}};
}

LaunchFrame some_launch() {
  LaunchFrame frame;
  frame.id = some_id();
  frame.uid = 1000;
  frame.gid = 100;
  frame.mem_limit_bytes = 1 << 30;
  frame.time_limit_us = 60'000'000;
  frame.warn_signal = 10;
  frame.warn_before_s = 5;
  frame.kill_grace_s = 7;
  frame.append_output = true;
  frame.make_directory = true;
  frame.file = "/spool/job12";
  frame.cwd = "/home/ann";
  frame.out = "/home/ann/out";
  frame.in = "";
  frame.groups = {100, 200};
  frame.pus = {4, 5, 6};
  frame.argv = {"job12", "an argument", ""};
  frame.env = {"A=1", "B="};
  return frame;
}

Message only_message(std::string_view payload) {
  auto next = next_message(payload);
  EXPECT_TRUE(next.has_value() && next->has_value());
  EXPECT_TRUE(payload.empty());
  return **next;
}

EndReport some_end() {
  EndReport end;
  end.id = some_id();
  end.cause = EndCause::OutOfMemory;
  end.exit_code = 1;
  end.term_signal = 9;
  end.started_us = 5;
  end.ended_us = 6;
  end.user_us = 7;
  end.system_us = 8;
  end.max_rss_kib = 9;
  end.message = "too large";
  return end;
}

TEST(SupdFrame, ALaunchComesBack) {
  std::string payload;
  append_launch(payload, some_launch());
  const Message message = only_message(payload);
  EXPECT_EQ(message.kind, MessageKind::Launch);
  LaunchFrame back;
  ASSERT_TRUE(decode_launch(message.body, back).has_value());
  const LaunchFrame sent = some_launch();
  EXPECT_EQ(back.id, sent.id);
  EXPECT_EQ(back.uid, 1000u);
  EXPECT_EQ(back.kill_grace_s, 7);
  EXPECT_TRUE(back.append_output);
  EXPECT_TRUE(back.make_directory);
  EXPECT_EQ(back.groups, sent.groups);
  EXPECT_EQ(back.pus, sent.pus);
  EXPECT_STREQ(back.out, "/home/ann/out");
  EXPECT_STREQ(back.err, "");
  ASSERT_EQ(back.argv.size(), 3u);
  EXPECT_STREQ(back.argv[1], "an argument");
  EXPECT_STREQ(back.argv[2], "");
  ASSERT_EQ(back.env.size(), 2u);
  EXPECT_STREQ(back.env[1], "B=");
}

TEST(SupdFrame, ManyMessagesInOnePayload) {
  std::string payload;
  append_hello(payload);
  append_kill(payload, {some_id(), 15});
  append_ack(payload, some_id(13));
  append_list(payload);
  append_held(payload, {some_id(), true});
  append_started(payload, 9, {some_id(), 123, 456});
  append_ended(payload, 10, some_end());
  append_welcome(payload, {1, 99, "a=b\n"});
  append_list_end(payload);
  std::string_view rest = payload;
  std::vector<Message> all;
  while (true) {
    auto next = next_message(rest);
    ASSERT_TRUE(next.has_value());
    if (!*next) break;
    all.push_back(**next);
  }
  ASSERT_EQ(all.size(), 9u);
  EXPECT_EQ(decode_hello(all[0].body).value(), kSupdProtocol);
  EXPECT_EQ(decode_kill(all[1].body)->signal, 15);
  EXPECT_EQ(decode_ack(all[2].body).value(), some_id(13));
  EXPECT_EQ(decode_held(all[4].body).value(), (HeldReport{some_id(), true}));
  EXPECT_EQ(decode_started(all[5].body)->report, (StartReport{some_id(), 123, 456}));
  EXPECT_EQ(decode_ended(all[6].body)->report, some_end());
  EXPECT_EQ(decode_ended(all[6].body)->seq, 10u);
  EXPECT_EQ(decode_welcome(all[7].body)->facts, "a=b\n");
}

TEST(SupdFrame, EveryTruncationIsRefused) {
  std::string payload;
  append_launch(payload, some_launch());
  const Message message = only_message(payload);
  LaunchFrame out;
  for (std::size_t size = 0; size < message.body.size(); ++size)
    EXPECT_FALSE(decode_launch(message.body.substr(0, size), out).has_value()) << size;
  for (std::size_t size = 1; size < payload.size(); ++size) {
    std::string_view cut(payload.data(), size);
    EXPECT_FALSE(next_message(cut).has_value()) << size;
  }
  EXPECT_FALSE(decode_launch(std::string(message.body) + "x", out).has_value());
}

TEST(SupdFrame, FlippedBytesNeverReadOutside) {
  std::string payload;
  append_launch(payload, some_launch());
  append_ended(payload, 3, some_end());
  Prng random(42);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = payload;
    for (int flips = 0; flips < 3; ++flips) bytes[random.below(bytes.size())] = char(random.next());
    std::string_view rest = bytes;
    LaunchFrame out;
    while (true) {
      auto next = next_message(rest);
      if (!next || !*next) break;
      (void)decode_launch((*next)->body, out).has_value();
      (void)decode_ended((*next)->body).has_value();
    }
  }
}

TEST(SupdFrame, ACountCannotMakeUsReserve) {
  std::string payload;
  LaunchFrame launch = some_launch();
  append_launch(payload, launch);
  std::string body(only_message(payload).body);
  const std::size_t counts = 24 + 8 + 16 + 16;  // id, uid and gid, limits, signal to flags
  const std::uint32_t many = 60'000;
  for (std::size_t at = counts; at < counts + 16; at += 4) {
    std::string changed = body;
    std::memcpy(changed.data() + at, &many, sizeof(many));
    LaunchFrame out;
    EXPECT_FALSE(decode_launch(changed, out).has_value());
    EXPECT_LT(out.argv.capacity() + out.env.capacity(), 1000u);
  }
}

}  // namespace
}  // namespace drover::nodeagent
