// store/page_check.cpp - a walk over the B-trees of an LMDB 0.9 file (64-bit, little-endian).
// SPDX-License-Identifier: Apache-2.0
//
//   page   0 u64 page number | 8 u16 pad | 10 u16 flags | 12 u16 lower | 14 u16 upper
//          | 16 u16 offsets of nodes ...; an overflow page has a u32 count of pages at 12
//   node   0 u32 size (leaf) or low bits of the child | 4 u16 flags or high bits | 6 u16 key size
//          | 8 key | data, or u64 number of the overflow page
//   meta   16 u32 magic | 20 u32 version | 24 u64 address | 32 u64 map size | 40 free list tree
//          | 88 tree of tables | 136 u64 last page | 144 u64 transaction; pages 0 and 1
//   tree   0 u32 page size or pad | 4 u16 flags | 6 u16 depth | 8 u64 branch pages | 16 leaf pages
//          | 24 overflow pages | 32 entries | 40 root (all ones: empty)
#include "store/page_check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "store/file_handle.hpp"

namespace drover::store {
namespace {

constexpr std::uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMeta = 0x08;
constexpr std::uint16_t kBigData = 0x01, kSubTree = 0x02;
constexpr std::size_t kPageHeader = 16, kNodeHeader = 8, kTreeBytes = 48;
constexpr std::uint64_t kNoPage = ~std::uint64_t(0);
constexpr std::uint16_t kDepthMax = 32;

template <class Number>
Number load(std::string_view bytes, std::size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Tree {
  std::uint16_t flags = 0, depth = 0;
  std::uint64_t branch_pages = 0, leaf_pages = 0, overflow_pages = 0, entries = 0, root = kNoPage;
};

Tree read_tree(std::string_view bytes, std::size_t at) {
  return {load<std::uint16_t>(bytes, at + 4),  load<std::uint16_t>(bytes, at + 6),
          load<std::uint64_t>(bytes, at + 8),  load<std::uint64_t>(bytes, at + 16),
          load<std::uint64_t>(bytes, at + 24), load<std::uint64_t>(bytes, at + 32),
          load<std::uint64_t>(bytes, at + 40)};
}

struct Node {
  std::string_view key, data;  // data of a leaf; of an overflow value only its size is set
  std::uint64_t child = 0;     // branch: page below; leaf with big data: first overflow page
  std::uint64_t data_size = 0;
  std::uint16_t flags = 0;
};

class Walk {
 public:
  Walk(std::string_view file, std::size_t problems_max, const RecordVisitor& visit_record)
      : file_(file), max_(problems_max), visit_record_(visit_record) {}

  std::vector<std::string> run();

 private:
  struct Counts {
    std::uint64_t branch = 0, leaf = 0, overflow = 0, entries = 0;
  };
  struct Place {  // where in which tree we are, and between which keys
    const std::string* tree;
    std::uint16_t depth;
    std::uint16_t levels;
    std::string_view low, high;
    bool has_high;
  };
  enum class Kind { FreeList, Tables, Records };

  bool full() const { return problems_.size() >= max_; }
  void complain(std::string text) {
    if (!full()) problems_.push_back(std::move(text));
  }
  std::string_view page(std::uint64_t number) const {
    return file_.substr(number * page_size_, page_size_);
  }
  bool read_metas();
  bool claim(const std::string& tree, std::uint64_t number, std::uint64_t count);
  bool read_node(std::string_view page, std::size_t index, bool branch, Node& node) const;
  bool is_sound(std::string_view page, std::uint64_t number, std::uint16_t want) const;
  void walk_tree(const std::string& name, const Tree& tree, Kind kind);
  void walk_page(std::uint64_t number, const Place& place, Kind kind, Counts& counts);
  void walk_leaf(std::string_view page, std::uint64_t number, const Place& place, Kind kind,
                 Counts& counts);
  void visit(const Place& place, std::uint64_t number, const Node& node, Kind kind, Counts& counts);
  void read_free_list(std::uint64_t number, std::string_view data);
  bool in_order(Kind kind, std::string_view before, std::string_view after) const;

  std::string_view file_;
  std::size_t max_;
  const RecordVisitor& visit_record_;
  std::size_t page_size_ = 0;
  std::uint64_t last_page_ = 0;
  Tree free_list_, tables_;
  std::vector<bool> seen_;
  std::vector<std::uint64_t> free_;
  std::vector<std::string> problems_;
};

// Both headers have to be readable: LMDB wants that too. The newer transaction counts.
bool Walk::read_metas() {
  if (file_.size() < 8192) {
    complain(fmt::format("the data file has {} bytes: too short", file_.size()));
    return false;
  }
  page_size_ = load<std::uint32_t>(file_, 40);
  const bool usable = page_size_ >= 512 && page_size_ <= 65536 &&
                      (page_size_ & (page_size_ - 1)) == 0 && file_.size() >= 2 * page_size_;
  if (!usable) {
    complain("the header pages of the data file are damaged");
    return false;
  }
  std::uint64_t newest = 0;
  for (std::uint64_t number = 0; number < 2; ++number) {
    const std::string_view meta = page(number);
    const bool good = (load<std::uint16_t>(meta, 10) & kMeta) != 0 &&
                      load<std::uint32_t>(meta, 16) == 0xBEEFC0DEu &&
                      load<std::uint32_t>(meta, 20) == 1 &&
                      load<std::uint32_t>(meta, 40) == page_size_;
    if (!good) {
      complain(fmt::format("header page {} of the data file is damaged", number));
      return false;
    }
    const auto txn = load<std::uint64_t>(meta, 144);
    if (number == 1 && txn <= newest) continue;
    newest = txn;
    free_list_ = read_tree(meta, 40);
    tables_ = read_tree(meta, 88);
    last_page_ = load<std::uint64_t>(meta, 136);
  }
  // Pages that were taken and given back in one transaction are never written: the file may end
  // before last_page_, but not by an amount that no transaction can explain.
  const std::uint64_t pages_max = (file_.size() + (std::uint64_t(1) << 30)) / page_size_;
  if (last_page_ < 1 || last_page_ > pages_max) {
    complain("the header pages of the data file are damaged");
    return false;
  }
  return true;
}

// Each page belongs to one place. False when it lies outside of the file or was met before.
bool Walk::claim(const std::string& tree, std::uint64_t number, std::uint64_t count) {
  if (number < 2 || number > last_page_ || count > last_page_ - number + 1 ||
      number + count > seen_.size()) {
    complain(fmt::format("table {}: page {} lies outside of the file", tree, number));
    return false;
  }
  for (std::uint64_t i = number; i < number + count; ++i) {
    if (seen_[i]) {
      complain(fmt::format("table {}: page {} is used twice", tree, i));
      return false;
    }
    seen_[i] = true;
  }
  return true;
}

bool Walk::is_sound(std::string_view bytes, std::uint64_t number, std::uint16_t want) const {
  const auto lower = load<std::uint16_t>(bytes, 12);
  const auto upper = load<std::uint16_t>(bytes, 14);
  return load<std::uint64_t>(bytes, 0) == number && load<std::uint16_t>(bytes, 10) == want &&
         lower > kPageHeader && lower % 2 == 0 && lower <= upper && upper <= page_size_;
}

bool Walk::read_node(std::string_view bytes, std::size_t index, bool branch, Node& node) const {
  const std::size_t at = load<std::uint16_t>(bytes, kPageHeader + 2 * index);
  if (at < load<std::uint16_t>(bytes, 14) || at % 2 != 0 || at + kNodeHeader > page_size_)
    return false;
  const std::size_t key_size = load<std::uint16_t>(bytes, at + 6);
  const std::size_t data_at = at + kNodeHeader + key_size;
  if (data_at > page_size_) return false;
  node.key = bytes.substr(at + kNodeHeader, key_size);
  node.flags = load<std::uint16_t>(bytes, at + 4);
  node.data_size = load<std::uint32_t>(bytes, at);
  if (branch) {
    node.child = node.data_size | std::uint64_t(node.flags) << 32;
    return true;
  }
  if ((node.flags & kBigData) != 0) {
    if (data_at + 8 > page_size_) return false;
    node.child = load<std::uint64_t>(bytes, data_at);
    return true;
  }
  if (data_at + node.data_size > page_size_) return false;
  node.data = bytes.substr(data_at, node.data_size);
  return true;
}

bool Walk::in_order(Kind kind, std::string_view before, std::string_view after) const {
  if (kind != Kind::FreeList) return before < after;
  return load<std::uint64_t>(before, 0) <
         load<std::uint64_t>(after, 0);  // sizes checked by visit()
}

void Walk::read_free_list(std::uint64_t number, std::string_view data) {
  const std::uint64_t count = data.size() < 8 ? kNoPage : load<std::uint64_t>(data, 0);
  if (count > data.size() / 8 - 1 || data.size() < 8) {
    complain(fmt::format("free list: page {} is damaged", number));
    return;
  }
  std::uint64_t before = kNoPage;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto free = load<std::uint64_t>(data, 8 * i);
    if (free < 2 || free > last_page_ || free >= before) {
      complain(fmt::format("free list: page {} names a wrong page", number));
      return;
    }
    before = free;
    free_.push_back(free);
  }
}

void Walk::visit(const Place& place, std::uint64_t number, const Node& node, Kind kind,
                 Counts& counts) {
  ++counts.entries;
  std::string_view data = node.data;
  if ((node.flags & ~(kBigData | kSubTree)) != 0 || node.key.empty() || node.key.size() > 511 ||
      (kind == Kind::FreeList && node.key.size() != 8)) {
    complain(fmt::format("table {}: a record in page {} is damaged", *place.tree, number));
    return;
  }
  if ((node.flags & kBigData) != 0) {
    const std::uint64_t count = (kPageHeader - 1 + node.data_size) / page_size_ + 1;
    if (!claim(*place.tree, node.child, count)) return;
    counts.overflow += count;
    const std::string_view first = page(node.child);
    if (load<std::uint64_t>(first, 0) != node.child ||
        load<std::uint16_t>(first, 10) != kOverflow || load<std::uint32_t>(first, 12) != count) {
      complain(fmt::format("table {}: overflow page {} is damaged", *place.tree, node.child));
      return;
    }
    data = file_.substr(node.child * page_size_ + kPageHeader, node.data_size);
  }
  if (kind == Kind::FreeList) return read_free_list(number, data);
  const bool is_table = (node.flags & kSubTree) != 0;
  if (is_table != (kind == Kind::Tables) || (is_table && data.size() != kTreeBytes)) {
    complain(fmt::format("table {}: a record in page {} has a wrong kind", *place.tree, number));
    return;
  }
  if (is_table) return walk_tree(std::string(node.key), read_tree(data, 0), Kind::Records);
  if (!visit_record_) return;
  if (std::string problem = visit_record_(*place.tree, node.key, data); !problem.empty())
    complain(std::move(problem));
}

void Walk::walk_leaf(std::string_view bytes, std::uint64_t number, const Place& place, Kind kind,
                     Counts& counts) {
  const std::size_t nodes = (load<std::uint16_t>(bytes, 12) - kPageHeader) / 2;
  std::string_view before;
  for (std::size_t i = 0; i < nodes && !full(); ++i) {
    Node node;
    if (!read_node(bytes, i, false, node)) {
      complain(fmt::format("table {}: record {} of page {} is damaged", *place.tree, i, number));
      return;
    }
    const std::size_t problems = problems_.size();
    visit(place, number, node, kind, counts);
    if (problems != problems_.size()) return;
    const bool ordered = (before.empty() || in_order(kind, before, node.key)) &&
                         (place.low.empty() || !in_order(kind, node.key, place.low)) &&
                         (!place.has_high || in_order(kind, node.key, place.high));
    if (!ordered) {
      complain(fmt::format("table {}: the keys of page {} are out of order", *place.tree, number));
      return;
    }
    before = node.key;
  }
}

void Walk::walk_page(std::uint64_t number, const Place& place, Kind kind, Counts& counts) {
  if (full() || !claim(*place.tree, number, 1)) return;
  const std::string_view bytes = page(number);
  const bool leaf = place.depth == place.levels;
  if (!is_sound(bytes, number, leaf ? kLeaf : kBranch)) {
    complain(fmt::format("table {}: page {} is damaged", *place.tree, number));
    return;
  }
  ++(leaf ? counts.leaf : counts.branch);
  if (leaf) return walk_leaf(bytes, number, place, kind, counts);
  const std::size_t nodes = (load<std::uint16_t>(bytes, 12) - kPageHeader) / 2;
  if (nodes < 2) {
    complain(fmt::format("table {}: page {} is damaged", *place.tree, number));
    return;
  }
  Node node, next;
  for (std::size_t i = 0; i < nodes && !full(); ++i) {
    const bool has_next = i + 1 < nodes;
    const bool good = (i > 0 || read_node(bytes, 0, true, node)) &&
                      (!has_next || read_node(bytes, i + 1, true, next)) &&
                      (kind != Kind::FreeList || !has_next || next.key.size() == 8);
    if (!good) {
      complain(fmt::format("table {}: page {} is damaged", *place.tree, number));
      return;
    }
    Place below = place;
    ++below.depth;
    if (i > 0) below.low = node.key;
    if (has_next) {
      below.high = next.key;
      below.has_high = true;
    }
    walk_page(node.child, below, kind, counts);
    node = next;
  }
}

void Walk::walk_tree(const std::string& name, const Tree& tree, Kind kind) {
  Counts counts;
  const std::uint16_t flags = kind == Kind::FreeList ? 0x08 : 0;  // MDB_INTEGERKEY
  if (tree.depth > kDepthMax || tree.flags != flags ||
      (tree.root == kNoPage) != (tree.depth == 0)) {
    complain(fmt::format("table {}: its root is damaged", name));
    return;
  }
  const std::size_t problems = problems_.size();
  if (tree.root != kNoPage)
    walk_page(tree.root, Place{&name, 1, tree.depth, {}, {}, false}, kind, counts);
  if (problems != problems_.size()) return;
  if (counts.branch != tree.branch_pages || counts.leaf != tree.leaf_pages ||
      counts.overflow != tree.overflow_pages || counts.entries != tree.entries)
    complain(fmt::format("table {}: {} records where {} should be, or pages are missing", name,
                         counts.entries, tree.entries));
}

std::vector<std::string> Walk::run() {
  if (!read_metas()) return std::move(problems_);
  seen_.assign(std::min<std::uint64_t>(last_page_ + 1, file_.size() / page_size_), false);
  walk_tree("free list", free_list_, Kind::FreeList);
  walk_tree("tables", tables_, Kind::Tables);
  for (const std::uint64_t number : free_) {
    if (number < seen_.size() && seen_[number]) {
      complain(fmt::format("free list: page {} is in use", number));
      break;
    }
    if (number < seen_.size()) seen_[number] = true;
  }
  return std::move(problems_);
}

}  // namespace

PageReport check_pages(const std::string& path, std::size_t problems_max,
                       const RecordVisitor& visit_record) {
  PageReport report;
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!file.is_open() || ::fstat(file.fd(), &info) != 0 || info.st_size <= 0) {
    report.problems.push_back("the data file cannot be read or is empty");
    return report;
  }
  const auto size = std::size_t(info.st_size);
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (map == MAP_FAILED) {
    report.problems.push_back("the data file cannot be mapped");
    return report;
  }
  report.problems = Walk({static_cast<const char*>(map), size}, problems_max, visit_record).run();
  report.pages = size / 4096;
  ::munmap(map, size);
  return report;
}

}  // namespace drover::store
