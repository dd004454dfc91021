// base/index_set.cpp - reading, normalising and asking array indexes, run by run and never element
// by element.
// SPDX-License-Identifier: Apache-2.0
//
// Normal form, so that equal sets compare equal: runs do not interleave, and each run is the
// longest one that starts at the smallest member not yet covered, if it has three members or step
// 1; else it is one member.
#include "base/index_set.hpp"

#include <algorithm>
#include <charconv>

#include "base/check.hpp"

namespace drover {
namespace {

using Run = IndexSet::Run;
using Runs = std::vector<Run>;

constexpr std::size_t kMaxRuns = 10'000;
// Ranges with steps that cross each other are opened up member by member; this bounds the work.
constexpr std::uint64_t kMaxCrossingMembers = 1'000'000;

std::uint64_t count_of(const Run& run) {
  return (std::uint64_t(run.last) - run.first) / run.step + 1;
}

// Reads the members of sorted, non-interleaving runs from the front, whole runs at a time where it
// can.
class Reader {
 public:
  explicit Reader(const Runs& runs) : runs_(runs) {
    if (!runs_.empty()) rest_ = runs_[0];
  }
  bool done() const { return at_ == runs_.size(); }
  const Run& rest() const {
    return rest_;
  }  // what is left of the front run; call only when not done
  void drop_first() {
    if (rest_.first == rest_.last) return drop_run();
    rest_.first += rest_.step;
  }
  void drop_run() {
    if (++at_ < runs_.size()) rest_ = runs_[at_];
  }

 private:
  const Runs& runs_;
  std::size_t at_ = 0;
  Run rest_;
};

// The distance from the first member to the second, if a normal run starts at the front.
std::uint32_t step_at_front(Reader reader) {
  const std::uint32_t a = reader.rest().first;
  reader.drop_first();
  if (reader.done()) return 0;
  const std::uint32_t step = reader.rest().first - a;
  if (step == 1) return step;
  const std::uint32_t b = reader.rest().first;
  reader.drop_first();
  return !reader.done() && reader.rest().first - b == step ? step : 0;
}

Runs normalised(const Runs& runs) {
  Runs out;
  Reader reader(runs);
  while (!reader.done()) {
    Run run{reader.rest().first, reader.rest().first, 1};
    const std::uint32_t step = step_at_front(reader);
    reader.drop_first();
    if (step != 0) run.step = step;
    while (step != 0 && !reader.done() && reader.rest().first - run.last == step) {
      const bool whole = reader.rest().first == reader.rest().last || reader.rest().step == step;
      run.last = whole ? reader.rest().last : reader.rest().first;
      if (whole) {
        reader.drop_run();
      } else {
        reader.drop_first();
      }
    }
    out.push_back(run);
  }
  return out;
}

void sort_by_first(Runs& runs) {
  std::ranges::sort(runs, [](const Run& a, const Run& b) {
    return a.first != b.first ? a.first < b.first : a.last < b.last;
  });
}

bool are_apart(const Runs& sorted) {
  for (std::size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i].first <= sorted[i - 1].last) return false;
  return true;
}

// Unites sorted runs of step 1 into intervals that do not touch.
Runs united(const Runs& sorted) {
  Runs out;
  for (const Run& run : sorted) {
    if (!out.empty() && run.first <= std::uint64_t(out.back().last) + 1) {
      out.back().last = std::max(out.back().last, run.last);
    } else {
      out.push_back(run);
    }
  }
  return out;
}

const Run* run_around(const Runs& runs, std::uint32_t index) {
  auto it = std::ranges::upper_bound(runs, index, {}, &Run::first);
  if (it == runs.begin()) return nullptr;
  --it;
  return index <= it->last ? &*it : nullptr;
}

// Makes runs that may cross each other lie apart. Only stepped runs inside a crossing are opened
// up.
Result<Runs> untangled(Runs runs) {
  sort_by_first(runs);
  if (are_apart(runs)) return runs;
  Runs whole, stepped;
  for (const Run& run : runs) (run.step == 1 ? whole : stepped).push_back(run);
  whole = united(whole);
  std::erase_if(stepped, [&](const Run& run) {
    const Run* around = run_around(whole, run.first);
    return around != nullptr && run.last <= around->last;
  });
  stepped.erase(std::unique(stepped.begin(), stepped.end()), stepped.end());

  runs = whole;
  runs.insert(runs.end(), stepped.begin(), stepped.end());
  sort_by_first(runs);
  Runs out;
  std::vector<std::uint32_t> members;
  for (std::size_t begin = 0, end = 0; begin < runs.size(); begin = end) {
    std::uint32_t reach = runs[begin].last;
    for (end = begin + 1; end < runs.size() && runs[end].first <= reach; ++end)
      reach = std::max(reach, runs[end].last);
    for (std::size_t i = begin; i < end; ++i) {
      if (runs[i].step == 1 || end - begin == 1) {
        out.push_back(runs[i]);
        continue;
      }
      if (members.size() + count_of(runs[i]) > kMaxCrossingMembers)
        return fail(Errc::Limit, "the array's stepped ranges cross each other in too many places",
                    "write the ranges so that they do not overlap", "array");
      for (std::uint64_t m = runs[i].first; m <= runs[i].last; m += runs[i].step)
        members.push_back(std::uint32_t(m));
    }
  }
  std::ranges::sort(members);
  members.erase(std::unique(members.begin(), members.end()), members.end());
  for (const std::uint32_t member : members)
    if (run_around(whole, member) == nullptr) out.push_back({member, member, 1});
  sort_by_first(out);
  return out;
}

tl::unexpected<Error> bad_piece(std::string_view piece, std::string_view why) {
  constexpr std::size_t kShown = 40;
  std::string shown(piece.substr(0, kShown));
  if (piece.size() > kShown) shown += "...";
  return fail(Errc::BadInput, "array: \"" + shown + "\": " + std::string(why),
              "write indexes like 1,3,5-9,20-40:5", "array");
}

// Takes a number off the front of `text`; false when there is none or it is over 32 bits.
bool take_number(std::string_view& text, std::uint32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(std::size_t(end - text.data()));
  return true;
}

bool take_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

Result<Run> parse_piece(std::string_view piece) {
  if (piece.empty()) return bad_piece(piece, "an index is missing");
  std::string_view rest = piece;
  Run run;
  constexpr std::string_view kNumber = "an index is a whole number from 0 to 4294967295";
  if (!take_number(rest, run.first)) return bad_piece(piece, kNumber);
  run.last = run.first;
  if (rest.empty()) return run;
  if (!take_char(rest, '-')) return bad_piece(piece, "is not an index or a range");
  if (!take_number(rest, run.last)) return bad_piece(piece, kNumber);
  if (take_char(rest, ':')) {
    if (!take_number(rest, run.step)) return bad_piece(piece, "the step is not a whole number");
    if (run.step == 0) return bad_piece(piece, "the step must be at least 1");
  }
  if (!rest.empty()) return bad_piece(piece, "is not an index or a range");
  if (run.last < run.first) return bad_piece(piece, "the range ends before it starts");
  run.last -= (run.last - run.first) % run.step;
  if (run.first == run.last) run.step = 1;
  return run;
}

}  // namespace

Result<IndexSet> IndexSet::parse(std::string_view text, std::uint64_t max_count) {
  Runs runs;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    auto run = parse_piece(text.substr(begin, end - begin));
    if (!run) return fail(std::move(run.error()));
    if (runs.size() == kMaxRuns)
      return fail(Errc::Limit, "the array has more than 10000 pieces between commas",
                  "use ranges, or submit several arrays", "array");
    runs.push_back(*run);
    begin = end + 1;
  }
  auto apart = untangled(std::move(runs));
  if (!apart) return fail(std::move(apart.error()));
  IndexSet set;
  set.runs_ = normalised(*apart);
  if (set.runs_.size() > kMaxRuns)
    return fail(Errc::Limit, "the array's indexes make more than 10000 ranges",
                "use regular ranges, or submit several arrays", "array");
  if (set.count() > max_count)
    return fail(Errc::Limit,
                "the array has " + std::to_string(set.count()) + " elements; the limit is " +
                    std::to_string(max_count),
                "submit several smaller arrays", "array");
  return set;
}

IndexSet IndexSet::from_runs(std::vector<Run> sorted_disjoint) {
  for (Run& run : sorted_disjoint) {
    DROVER_CHECK(run.step > 0 && run.first <= run.last, "a run of an IndexSet is empty");
    run.last -= (run.last - run.first) % run.step;
  }
  DROVER_CHECK(are_apart(sorted_disjoint), "the runs of an IndexSet overlap");
  IndexSet set;
  set.runs_ = normalised(sorted_disjoint);
  return set;
}

std::uint64_t IndexSet::count() const {
  std::uint64_t sum = 0;
  for (const Run& run : runs_) sum += count_of(run);
  return sum;
}

bool IndexSet::contains(std::uint32_t index) const {
  const Run* run = run_around(runs_, index);
  return run != nullptr && (index - run->first) % run->step == 0;
}

std::optional<std::uint32_t> IndexSet::first() const {
  if (runs_.empty()) return std::nullopt;
  return runs_.front().first;
}

std::optional<std::uint32_t> IndexSet::next_after(std::uint32_t index) const {
  const auto it = std::ranges::upper_bound(runs_, index, {}, &Run::last);
  if (it == runs_.end()) return std::nullopt;
  if (index < it->first) return it->first;
  return it->first + ((index - it->first) / it->step + 1) * it->step;
}

std::uint32_t IndexSet::max() const {
  DROVER_CHECK(!runs_.empty(), "the largest index of an empty set was asked for");
  return runs_.back().last;
}

std::string IndexSet::to_string() const {
  std::string text;
  for (const Run& run : runs_) {
    if (!text.empty()) text += ',';
    text += std::to_string(run.first);
    if (run.last == run.first) continue;
    text += '-' + std::to_string(run.last);
    if (run.step != 1) text += ':' + std::to_string(run.step);
  }
  return text;
}

}  // namespace drover
