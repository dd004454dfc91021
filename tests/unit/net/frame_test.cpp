// tests/unit/net/frame_test.cpp - frames survive any cut of the stream, hostile lengths and lost
// peers.
// SPDX-License-Identifier: Apache-2.0
#include "net/frame.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "temp_dir.hpp"

namespace drover::net {
namespace {

std::vector<std::string> decode(const std::string& bytes, std::size_t piece) {
  FrameDecoder decoder;
  std::vector<std::string> frames;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    EXPECT_TRUE(decoder.feed(std::string_view(bytes).substr(at, piece),
                             [&](std::string_view f) { frames.emplace_back(f); }));
  }
  return frames;
}

TEST(FrameDecoder, FramesAreTheSameHoweverTheStreamIsCut) {
  const std::vector<std::string> messages{"", "a", std::string(3, '\0'), std::string(300, 'x'), ""};
  std::string bytes;
  for (const auto& message : messages) append_frame(bytes, message);
  for (const std::size_t piece : {1u, 2u, 3u, 4u, 5u, 7u, 64u, 1000u}) {
    EXPECT_EQ(decode(bytes, piece), messages) << "pieces of " << piece;
  }
}

TEST(FrameDecoder, ALengthOverTheLimitIsRefusedForGood) {
  FrameDecoder decoder(10);
  std::string bytes;
  append_frame(bytes, "0123456789");
  int frames = 0;
  const auto count = [&](std::string_view) { ++frames; };
  EXPECT_TRUE(decoder.feed(bytes, count));
  const auto refused = decoder.feed(std::string("\x0b\0\0\0", 4), count);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::BadInput);
  EXPECT_FALSE(decoder.feed(bytes, count)) << "a broken stream stays broken";
  EXPECT_EQ(frames, 1);
}

struct Echo {
  explicit Echo(Loop& loop, const std::string& path) {
    auto made = FrameListener::listen(loop, path, 0600, [this](auto connection) {
      connections.push_back(std::move(connection));
      FrameConnection* const self = connections.back().get();
      self->set_hooks({[self](std::string_view frame) { self->send(frame); },
                       [this](const Error&) { ++closed; }});
    });
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    if (made) listener = std::move(*made);
  }
  std::unique_ptr<FrameListener> listener;
  std::vector<std::unique_ptr<FrameConnection>> connections;
  int closed = 0;
};

TEST(Frame, AnEchoKeepsOrderAndContentAndKnowsThePeer) {
  const TempDir dir;
  Loop loop;
  Echo echo(loop, dir.file("s"));
  std::unique_ptr<FrameConnection> client;
  constexpr int kFrames = 200;
  int got = 0;
  const auto message = [](int k) {
    return std::string(static_cast<std::size_t>(k) * 997, 'a') + std::to_string(k);
  };
  frame_connect(loop, dir.file("s"), [&](auto made) {
    ASSERT_TRUE(made);
    client = std::move(*made);
    client->set_hooks({[&](std::string_view frame) {
                         EXPECT_EQ(frame, message(got));
                         if (++got == kFrames) loop.stop();
                       },
                       [](const Error& e) { FAIL() << e.message; }});
    for (int k = 0; k < kFrames; ++k) EXPECT_TRUE(client->send(message(k)));
  });
  loop.run();
  ASSERT_EQ(echo.connections.size(), 1u);
  const Peer& peer = echo.connections[0]->peer();
  ASSERT_TRUE(peer.credentials);
  EXPECT_EQ(peer.credentials->uid, ::getuid());
  EXPECT_EQ(peer.credentials->pid, ::getpid());
  EXPECT_EQ(peer.address, "unix");
}

TEST(Frame, ALostPeerIsReportedOnceAndSendingThenFails) {
  const TempDir dir;
  Loop loop;
  Echo echo(loop, dir.file("s"));
  std::unique_ptr<FrameConnection> client;
  int closes = 0;
  frame_connect(loop, dir.file("s"), [&](auto made) {
    ASSERT_TRUE(made);
    client = std::move(*made);
    client->set_hooks({[&](std::string_view) { echo.connections.clear(); },
                       [&](const Error& e) {
                         ++closes;
                         EXPECT_EQ(e.code, Errc::Unavailable);
                         loop.stop();
                       }});
    client->send("hello");
  });
  loop.run();
  EXPECT_EQ(closes, 1);
  EXPECT_FALSE(client->send("late"));
}

TEST(Frame, AHostileLengthClosesTheConnectionOnly) {
  const TempDir dir;
  Loop loop;
  Echo echo(loop, dir.file("s"));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, dir.file("s").c_str());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::send(fd, "\xff\xff\xff\xff rest", 9, 0), 9);
  loop.after_io([&] {
    if (echo.closed == 1) loop.stop();
  });
  loop.run();
  ::close(fd);
  EXPECT_EQ(echo.closed, 1);
}

TEST(Frame, NobodyListeningIsUnavailableWithAHint) {
  const TempDir dir;
  Loop loop;
  frame_connect(loop, dir.file("none"), [&](auto made) {
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::Unavailable);
    EXPECT_FALSE(made.error().hint.empty());
    loop.stop();
  });
  loop.run();
}

TEST(Frame, AStaleSocketIsReplacedALiveOneAndAFileAreNot) {
  const TempDir dir;
  Loop loop;
  const std::string path = dir.file("s");
  const auto nothing = [](auto) {};
  {  // a bound socket whose owner is gone leaves its file behind
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
  }
  auto first = FrameListener::listen(loop, path, 0600, nothing);
  ASSERT_TRUE(first);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  const auto second = FrameListener::listen(loop, path, 0600, nothing);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::Conflict);
  first->reset();
  EXPECT_NE(::stat(path.c_str(), &info), 0) << "a clean stop removes the file";
  std::ofstream(path) << "precious";
  EXPECT_EQ(FrameListener::listen(loop, path, 0600, nothing).error().code, Errc::Conflict);
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  const std::string deep = dir.file(std::string(200, 'x'));
  EXPECT_EQ(FrameListener::listen(loop, deep, 0600, nothing).error().code, Errc::BadInput);
}

}  // namespace
}  // namespace drover::net
