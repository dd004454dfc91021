// tests/fuzz/replay_corpus.cpp - feeds every corpus file, and cuts and flips of it, to a fuzz
// target without libFuzzer.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/prng.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void feed(const std::vector<std::uint8_t>& bytes) {
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

void feed_damaged(std::vector<std::uint8_t> bytes, drover::Prng& prng) {
  for (int round = 0; round < 64 && !bytes.empty(); ++round) {
    std::vector<std::uint8_t> copy = bytes;
    copy[prng.below(copy.size())] = std::uint8_t(prng.next());
    if (prng.chance(50)) copy.resize(prng.below(copy.size() + 1));
    feed(copy);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  drover::Prng prng(1);
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
    feed(bytes);
    feed_damaged(bytes, prng);
    ++files;
  }
  std::printf("%d corpus files replayed\n", files);
  return files > 0 ? 0 : 1;  // an empty corpus proves nothing
}
