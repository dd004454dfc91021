// server/sheet_file.cpp - libxlsxwriter, on files without names.
// SPDX-License-Identifier: Apache-2.0
#include "server/sheet_file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

#include "linkis/xml_text.hpp"

namespace drover::server {

Result<std::unique_ptr<SheetFile>> SheetFile::create(const std::string& directory) {
  std::string path = directory + "/export-XXXXXX";
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0)
    return fail(Errc::Io, "creating a file in " + directory + ": " + std::strerror(errno));
  ::unlink(path.c_str());
  std::unique_ptr<SheetFile> file(new SheetFile(fd));
  std::string folder = directory;  // the library's types lack a const
  lxw_workbook_options options{};
  options.constant_memory = LXW_TRUE;
  options.tmpdir = folder.data();
  // The library opens a path: that of the descriptor, which needs no name in a directory.
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  file->book_ = workbook_new_opt(self.c_str(), &options);
  if (file->book_ == nullptr) return fail(Errc::Io, "a workbook could not be begun");
  return file;
}

// What is given up: the library closes the sheets' files only when it finishes the workbook.
SheetFile::~SheetFile() {
  if (book_ != nullptr) {
    lxw_worksheet* sheet = nullptr;
    LXW_FOREACH_WORKSHEET(sheet, book_)
    if (sheet->optimize_tmpfile != nullptr) std::fclose(sheet->optimize_tmpfile);
    lxw_workbook_free(book_);
  }
  ::close(fd_);
}

Result<void> SheetFile::begin_sheet(const std::string& name,
                                    const std::vector<linkis::Column>& columns) {
  if (columns.size() > kColumnsMax)
    return fail(Errc::Limit, "a sheet has at most 16,384 columns", "export it as csv");
  if (++sheets_ > kSheetsMax)
    return fail(Errc::Limit, "a workbook has at most 255 sheets", "export the results one by one");
  sheet_ = workbook_add_worksheet(book_, name.c_str());
  if (sheet_ == nullptr)
    return fail(Errc::BadInput, "the sheet cannot have this name", "give another", "sheetName");
  row_ = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) put_text(std::uint16_t(i), columns[i].name);
  if (!columns.empty()) ++row_;
  return {};
}

// The library writes rows of this mode as they are, but for what must be escaped.
void SheetFile::put_text(std::uint16_t column, std::string_view text) {
  bytes_ += kCellBytes + text.size();
  linkis::xml_text(text, text_);
  if (text_.size() > kTextMax) {
    std::size_t end = kTextMax;
    while (end > 0 && (static_cast<unsigned char>(text_[end]) & 0xc0) == 0x80) --end;
    text_.resize(end);
  }
  worksheet_write_string(sheet_, row_, column, text_.c_str(), nullptr);
}

Result<void> SheetFile::add(const linkis::Row& row) {
  if (row_ > kRowsMax)
    return fail(Errc::Limit, "a sheet has at most 1,048,576 rows", "give a limit, or export csv");
  if (bytes_ > kBytesMax)
    return fail(Errc::Limit, "a workbook of more than 1 GiB is not made", "export it as csv");
  if (row.size() > kColumnsMax)
    return fail(Errc::Limit, "a sheet has at most 16,384 columns", "export it as csv");
  for (std::size_t i = 0; i < row.size(); ++i) {
    const linkis::Cell& cell = row[i];
    double number = 0;
    const char* const end = cell.text.data() + cell.text.size();
    if (linkis::is_exact_number(cell) &&
        std::from_chars(cell.text.data(), end, number).ec == std::errc{}) {
      bytes_ += kCellBytes + cell.text.size();
      worksheet_write_number(sheet_, row_, std::uint16_t(i), number, nullptr);
    } else {
      put_text(std::uint16_t(i), cell.text);
    }
  }
  ++row_;
  return {};
}

Result<void> SheetFile::close() {
  const lxw_error error = workbook_close(std::exchange(book_, nullptr));
  if (error != LXW_NO_ERROR)
    return fail(Errc::Io, std::string("writing a workbook: ") + lxw_strerror(error));
  return {};
}

}  // namespace drover::server
