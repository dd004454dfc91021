// server/sheet_file.hpp - a workbook (xlsx) that is written row by row, in constant memory.
//
// Its file has no name: it goes with its descriptor, whatever happens to this process. Blocks; for
// one thread at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "linkis/cell.hpp"

struct lxw_workbook;
struct lxw_worksheet;

namespace drover::server {

inline constexpr const char* kWorkbook =  // its content type
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

class SheetFile {
 public:
  static constexpr std::int64_t kRowsMax = 1'048'575;  // of a sheet, without its head
  static constexpr std::size_t kColumnsMax = 16'384;
  static constexpr std::size_t kTextMax = 32'767;         // of a cell; longer texts are cut
  static constexpr std::uint64_t kBytesMax = 1ULL << 30;  // of all cells, as XML
  static constexpr std::uint64_t kCellBytes = 48;         // of a cell's XML, beside its text
  static constexpr std::size_t kSheetsMax = 255;          // each is a file while rows come

  // `directory` is the daemon's own.
  static Result<std::unique_ptr<SheetFile>> create(const std::string& directory);
  ~SheetFile();
  SheetFile(const SheetFile&) = delete;
  SheetFile& operator=(const SheetFile&) = delete;

  // Rows go to the sheet that was begun last. Limit: too many rows, columns or bytes.
  Result<void> begin_sheet(const std::string& name, const std::vector<linkis::Column>& columns);
  Result<void> add(const linkis::Row& row);
  Result<void> close();  // then the file can be read
  int fd() const { return fd_; }

 private:
  explicit SheetFile(int fd) : fd_(fd) {}
  void put_text(std::uint16_t column, std::string_view text);

  int fd_;
  lxw_workbook* book_ = nullptr;
  lxw_worksheet* sheet_ = nullptr;
  std::uint32_t row_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t sheets_ = 0;
  std::string text_;
};

}  // namespace drover::server
