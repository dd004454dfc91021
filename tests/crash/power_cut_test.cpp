// tests/crash/power_cut_test.cpp - what a power cut could leave, opened by the real loader.
// SPDX-License-Identifier: Apache-2.0
//
// The write log gives every write and sync in order. A cut may come after any call: what was synced
// before is there; of the writes since, each one may be there, missing, or torn at 512 bytes, in
// any combination. Each image has to open, pass the check, and hold exactly the commits that were
// acknowledged - or one more, whole.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "tests/crash/write_log.hpp"
#include "tests/unit/store/model.hpp"

namespace drover::store {
namespace {

constexpr std::size_t kSector = 512;

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}
std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void apply_at(std::string& image, std::size_t at, std::string_view data) {
  if (image.size() < at + data.size()) image.resize(at + data.size(), '\0');
  image.replace(at, data.size(), data);
}

// A write that was under way: all of it, nothing, or some of its sectors.
void apply_some(std::string& image, const LoggedCall& call, Prng& prng) {
  switch (prng.below(3)) {
    case 0: return;
    case 1: return apply_at(image, call.a, call.data);
    default:
      for (std::size_t at = 0; at < call.data.size(); at += kSector)
        if (prng.chance(50))
          apply_at(image, call.a + at, std::string_view(call.data).substr(at, kSector));
  }
}

struct Run {          // a workload, what it wrote, and the state after each acknowledged commit
  std::string start;  // the file before the first commit
  std::vector<LoggedCall> calls;
  std::vector<Model> states;  // [0] = empty store
};

Run record(const StoreOptions& options, std::uint64_t seed, int commits, const std::string& log) {
  Run run;
  RandomValues values{Prng(seed)};
  Model model;
  auto store = Store::open(options);
  EXPECT_TRUE(store) << store.error().message;
  model.counters = {1, 1, 1, 1};
  run.states.push_back(model);
  run.start = read_file(options.dir + "/data.mdb");
  write_log_begin(log.c_str(), (options.dir + "/data.mdb").c_str());
  for (int i = 1; i <= commits; ++i) {
    const CommitBatch batch = model.draw(values, values.prng.below(6));
    const auto done = store->commit(batch);
    EXPECT_TRUE(done) << done.error().message;
    write_log_mark(std::uint64_t(i));  // the answer leaves here
    model.apply(batch);
    model.forget_with(*store->snapshot());
    run.states.push_back(model);
  }
  write_log_end();
  run.calls = read_write_log(log);
  return run;
}

// Builds images with a cut after `calls[0..end)` and judges them.
class Cutter {
 public:
  Cutter(const Run& run, StoreOptions options, std::uint64_t seed)
      : run_(run), options_(std::move(options)), prng_(seed), durable_(run.start) {}

  void run(int images_per_cut) {
    for (std::size_t end = 0; end <= run_.calls.size(); ++end) {
      for (int i = 0; i < images_per_cut; ++i) judge(end);
      if (::testing::Test::HasFailure()) return;
      if (end < run_.calls.size()) pass(run_.calls[end]);
    }
  }
  int images() const { return images_; }
  int with_unacknowledged() const { return more_; }

 private:
  void pass(const LoggedCall& call) {
    switch (call.kind) {
      case 'w': pending_.push_back(&call); break;
      case 'd': apply_at(durable_, call.a, call.data); break;
      case 's':
        for (const LoggedCall* write : pending_) apply_at(durable_, write->a, write->data);
        pending_.clear();
        break;
      case 't': durable_.resize(call.a); break;
      case 'm': acknowledged_ = call.a; break;
      default: break;
    }
  }

  // The call after the cut may have been under way as well.
  void judge(std::size_t end) {
    std::string image = durable_;
    for (const LoggedCall* write : pending_) apply_some(image, *write, prng_);
    if (end < run_.calls.size()) {
      const LoggedCall& next = run_.calls[end];
      if (next.kind == 'w' || next.kind == 'd') apply_some(image, next, prng_);
    }
    ++images_;
    write_file(options_.dir + "/data.mdb", image);
    SCOPED_TRACE("cut after call " + std::to_string(end) + ", image " + std::to_string(images_));
    const auto report = check_store(options_.dir);
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_EQ(report->problems, std::vector<std::string>{});
    auto store = Store::open(options_);
    ASSERT_TRUE(store) << store.error().message;
    const auto view = store->snapshot();
    ASSERT_TRUE(view);
    const std::string now = run_.states[acknowledged_].difference(*view);
    if (now.empty()) return;
    ASSERT_LT(acknowledged_ + 1, run_.states.size()) << now;
    EXPECT_EQ(run_.states[acknowledged_ + 1].difference(*view), "")
        << "neither commit " << acknowledged_ << " (" << now << ") nor the next one";
    ++more_;
  }

  const Run& run_;
  StoreOptions options_;
  Prng prng_;
  std::string durable_;
  std::vector<const LoggedCall*> pending_;
  std::uint64_t acknowledged_ = 0;
  int images_ = 0, more_ = 0;
};

struct Workload {
  const char* name;
  int commits, images_per_cut;
  std::uint64_t events_max, closed_jobs_max;
};

void prove(const Workload& workload) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("replay: SEED=" + std::to_string(seed));
  PrivateFolder folder, image;
  StoreOptions options = small_options(folder.path());
  options.events_max = workload.events_max;
  options.closed_jobs_max = workload.closed_jobs_max;
  const Run run = record(options, seed, workload.commits, folder.file("log"));
  StoreOptions reopened = small_options(image.path());
  ASSERT_TRUE(Store::open(reopened));  // an image stands in a folder that has been used
  Cutter cutter(run, reopened, seed);
  const char* times = std::getenv("DROVER_IMAGES");  // so many times the images, for the night
  cutter.run(workload.images_per_cut * (times != nullptr ? std::atoi(times) : 1));
  std::printf("%s: %d images over %zu calls, %d with a commit that was not acknowledged yet\n",
              workload.name, cutter.images(), run.calls.size(), cutter.with_unacknowledged());
  EXPECT_GT(cutter.with_unacknowledged(), 0) << "the cuts never met a commit half-way";
}

TEST(PowerCut, KeepsEveryAcknowledgedCommit) {
  prove({"create and grow", 50, 4, 5'000'000, 10'000'000});
}

TEST(PowerCut, KeepsThemWhileOldOnesArePurged) { prove({"delete-heavy", 50, 4, 10, 5}); }

// T04: the file's name, the folder's name, and its parents' are durable before the store is used.
TEST(PowerCut, SyncsTheFoldersOfANewStore) {
  PrivateFolder folder;
  const std::string dir = folder.file("state/store");
  write_log_begin(folder.file("log").c_str(), "/data.mdb");
  ASSERT_TRUE(Store::open(small_options(dir)));
  write_log_end();
  const auto calls = read_write_log(folder.file("log"));
  const auto last_write = std::find_if(calls.rbegin(), calls.rend(), [](const LoggedCall& call) {
    return call.kind == 'w' || call.kind == 'd';
  });
  ASSERT_NE(last_write, calls.rend());
  const auto synced_after = [&](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return std::any_of(last_write.base(), calls.end(), [&](const LoggedCall& call) {
      return call.kind == 'f' && call.a == info.st_ino;
    });
  };
  EXPECT_TRUE(synced_after(dir));
  EXPECT_TRUE(synced_after(folder.file("state")));
  EXPECT_TRUE(std::any_of(last_write.base(), calls.end(),
                          [](const LoggedCall& call) { return call.kind == 's'; }));
}

// The n-th write or sync fails, for every n: nothing is acknowledged any more, and a restart finds
// all that was.
TEST(FailingDisk, NeverAcknowledgesWhatItDidNotKeep) {
  const std::uint64_t seed = test_seed();
  for (const int error : {EIO, ENOSPC}) {
    int failures = 0;
    for (long n = 0; n < 400; ++n) {
      SCOPED_TRACE("replay: SEED=" + std::to_string(seed) + ", call " + std::to_string(n));
      PrivateFolder folder;
      RandomValues values{Prng(seed)};
      Model model;
      model.counters = {1, 1, 1, 1};
      Model next = model;
      bool failed = false;
      {
        auto store = Store::open(small_options(folder.path()));
        ASSERT_TRUE(store);
        write_log_begin(folder.file("log").c_str(), "/data.mdb");
        write_log_fail_after(n, error);
        for (int i = 0; i < 12 && !failed; ++i) {
          const CommitBatch batch = model.draw(values, values.prng.below(6));
          next = model;
          next.apply(batch);
          const auto done = store->commit(batch);
          failed = !done;
          if (done) model = next;
          if (failed) {
            EXPECT_NE(done.error().code, Errc::NotFound) << done.error().message;
            EXPECT_FALSE(store->commit(batch)) << "it went on after a failure";
          }
        }
        write_log_end();
      }
      if (!failed) break;
      ++failures;
      const auto report = check_store(folder.path());
      ASSERT_TRUE(report);
      ASSERT_EQ(report->problems, std::vector<std::string>{});
      auto store = Store::open(small_options(folder.path()));
      ASSERT_TRUE(store) << store.error().message;
      const auto view = store->snapshot();
      const std::string difference = model.difference(*view);
      // The failed commit is gone, or (its last sync failed) it is there as a whole.
      if (!difference.empty()) {
        EXPECT_EQ(next.difference(*view), "") << difference;
      }
    }
    EXPECT_GT(failures, 20);
  }
}

}  // namespace
}  // namespace drover::store
