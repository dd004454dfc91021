// sim/file_bytes.cpp - reading, unpacking and writing whole files.
// SPDX-License-Identifier: Apache-2.0
#include "sim/file_bytes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/write_all.hpp"

namespace drover::sim {
namespace {

constexpr std::size_t kSizeMax = std::size_t(4) << 30;

// Grows without filling the new part with zeros first.
class Bytes {
 public:
  explicit Bytes(std::size_t capacity) { reserve(capacity); }
  char* end() { return data_.get() + size; }
  std::size_t room() const { return capacity_ - size; }
  void reserve(std::size_t capacity) {
    auto next = std::unique_ptr<char[]>(new char[capacity + 1]);
    if (size > 0) std::memcpy(next.get(), data_.get(), size);
    data_ = std::move(next);
    capacity_ = capacity;
  }
  FileBytes take() {
    data_[size] = '\0';
    return {std::move(data_), size};
  }
  const char* begin() const { return data_.get(); }
  std::size_t size = 0;

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
};

Error io_error(const std::string& what, const std::string& path) {
  Error error;
  error.code = errno == ENOENT ? Errc::NotFound : Errc::Io;
  error.message = what + " " + path + ": " + std::strerror(errno);
  return error;
}

tl::unexpected<Error> too_large(const std::string& path) {
  return fail(Errc::Limit, path + " is larger than 4 GiB", "split it, or use --limit on a part");
}

// What is no regular file (a device, a pipe, a link to nothing) and what a process has open.
bool is_written_in_place(const std::string& path) {
  for (const char* opened : {"/dev/std", "/dev/fd/", "/proc/"})
    if (path.starts_with(opened)) return true;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return !S_ISREG(info.st_mode);
  return ::lstat(path.c_str(), &info) == 0;
}

// A file under a temporary name beside its own, so that at an error nothing is left of it and what
// was there stays.
class Draft {
 public:
  static Result<Draft> write(const std::string& path, std::string_view text) {
    Draft draft(path);
    const int fd = draft.open();
    if (fd < 0) return fail(io_error("cannot write", path));
    const bool good = write_all(fd, text);
    const int failed = errno;
    const bool closed = ::close(fd) == 0;
    if (!good) errno = failed;
    if (!good || !closed) return fail(io_error("cannot write", path));
    return draft;
  }
  Draft(Draft&& other) noexcept
      : path_(std::move(other.path_)),
        final_(std::move(other.final_)),
        temporary_(std::exchange(other.temporary_, {})) {}
  Draft& operator=(Draft&&) = delete;
  ~Draft() {
    const int failed = errno;  // is still to be told
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    errno = failed;
  }

  Result<void> publish() {
    if (temporary_.empty()) return {};
    if (::rename(temporary_.c_str(), final_.c_str()) != 0)
      return fail(io_error("cannot write", path_));
    temporary_.clear();
    return {};
  }

 private:
  explicit Draft(const std::string& path) : path_(path), final_(path) {}

  int open() {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC;
    if (is_written_in_place(path_)) return ::open(path_.c_str(), kFlags | O_TRUNC, 0666);
    struct stat old {};
    const bool replaces = ::stat(path_.c_str(), &old) == 0;
    if (replaces) {
      if (::access(path_.c_str(), W_OK) != 0) return -1;
      std::error_code failed;
      final_ = std::filesystem::canonical(path_, failed);  // a link stays one
      if (failed) return -1;
    }
    const std::string folder = final_.substr(0, final_.rfind('/') + 1);
    int fd = -1;
    for (int n = 0; fd < 0 && n < 100; ++n) {  // another's leftovers may have the name
      temporary_ = fmt::format("{}.drover-sim.{}.{}", folder, ::getpid(), n);
      fd = ::open(temporary_.c_str(), kFlags | O_EXCL, 0666);
      if (fd < 0 && errno != EEXIST) break;
    }
    if (fd < 0) temporary_.clear();
    if (fd >= 0 && replaces) ::fchmod(fd, old.st_mode & 07777);
    return fd;
  }

  std::string path_, final_, temporary_;  // the last is empty when there is nothing to rename
};

Result<Bytes> read_plain(int fd, const std::string& path) {
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0 && info.st_size > 0;
  Bytes bytes(known ? std::min(std::size_t(info.st_size), kSizeMax) + 1 : 1 << 16);
  for (;;) {
    if (bytes.room() == 0) {
      if (bytes.size >= kSizeMax) return too_large(path);
      bytes.reserve(bytes.size * 2);
    }
    const ssize_t n = ::read(fd, bytes.end(), bytes.room());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(io_error("cannot read", path));
    if (n == 0) return bytes;
    bytes.size += std::size_t(n);
  }
}

// The last four bytes of a gzip member are its unpacked size; only a hint, since files may be
// joined.
std::size_t size_hint(const Bytes& packed) {
  unsigned char last[4];
  std::memcpy(last, packed.begin() + packed.size - 4, 4);
  const std::size_t hint =
      last[0] | std::size_t(last[1]) << 8 | std::size_t(last[2]) << 16 | std::size_t(last[3]) << 24;
  return std::clamp(hint, packed.size, std::min(kSizeMax, packed.size * 1100));
}

// The whole file is there, so that libdeflate can do it, more than twice as fast as zlib.
Result<Bytes> unpack(const Bytes& packed, const std::string& path) {
  Bytes plain(size_hint(packed) + 64);
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> tool(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (tool == nullptr) return fail(Errc::Io, "cannot start to unpack " + path);
  for (std::size_t used = 0; used < packed.size;) {  // members follow one another
    std::size_t in = 0, out = 0;
    const libdeflate_result done =
        libdeflate_gzip_decompress_ex(tool.get(), packed.begin() + used, packed.size - used,
                                      plain.end(), plain.room(), &in, &out);
    if (done == LIBDEFLATE_INSUFFICIENT_SPACE) {
      if (plain.room() + plain.size >= kSizeMax) return too_large(path);
      plain.reserve((plain.room() + plain.size) * 2);
      continue;
    }
    if (done != LIBDEFLATE_SUCCESS)
      return fail(Errc::Corrupt, path + " is damaged or cut off: it cannot be unpacked");
    used += in;
    plain.size += out;
  }
  return plain;
}

}  // namespace

Result<FileBytes> read_file(const std::string& path) {
  const int fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(io_error("cannot open", path));
  Result<Bytes> bytes = read_plain(fd, path);
  if (fd != STDIN_FILENO) ::close(fd);
  if (!bytes) return fail(bytes.error());
  const bool packed = bytes->size >= 18 && bytes->begin()[0] == '\x1f' &&
                      static_cast<unsigned char>(bytes->begin()[1]) == 0x8b;
  if (!packed) return bytes->take();
  Result<Bytes> plain = unpack(*bytes, path);
  if (!plain) return fail(plain.error());
  return plain->take();
}

Result<void> print(std::string_view text) {
  if (std::fflush(stdout) == 0 && write_all(STDOUT_FILENO, text)) return {};
  if (errno == EPIPE) return {};  // who reads has seen enough
  return fail(io_error("cannot write", "the standard output"));
}

Result<void> write_files(const std::vector<NewFile>& files) {
  std::vector<Draft> drafts;
  drafts.reserve(files.size());
  for (const NewFile& file : files) {
    auto draft = Draft::write(file.path, file.text);
    if (!draft) return fail(draft.error());
    drafts.push_back(*std::move(draft));
  }
  for (Draft& draft : drafts)
    if (auto ok = draft.publish(); !ok) return fail(ok.error());
  return {};
}

Result<void> write_file(const std::string& path, std::string_view text) {
  return path == "-" ? print(text) : write_files({{path, text}});
}

}  // namespace drover::sim
