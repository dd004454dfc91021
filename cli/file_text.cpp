// cli/file_text.cpp - zlib reads plain files and packed ones alike.
// SPDX-License-Identifier: Apache-2.0
#include "cli/file_text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

namespace drover::cli {

Result<std::string> file_text(const std::string& path, std::size_t most) {
  const int fd = path == "-" ? ::dup(0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail(errno == ENOENT ? Errc::NotFound : Errc::Io,
                "cannot open " + path + ": " + std::strerror(errno),
                errno == ENOENT ? "check the name" : "");
  struct stat facts {};
  if (::fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode)) {
    ::close(fd);
    return fail(Errc::Io, path + " is a directory", "name a file");
  }
  gzFile file = ::gzdopen(fd, "rb");
  if (file == nullptr) {
    ::close(fd);
    return fail(Errc::Io, "cannot read " + path + ": out of memory");
  }
  std::string text;
  char buffer[65536];
  int got = 0;
  while ((got = ::gzread(file, buffer, sizeof buffer)) > 0 && text.size() <= most)
    text.append(buffer, std::size_t(got));
  int error = Z_OK;
  const std::string why = got < 0 ? ::gzerror(file, &error) : "";
  ::gzclose(file);
  if (got < 0) return fail(Errc::Io, "cannot read " + path + ": " + why);
  if (text.size() > most)
    return fail(Errc::Limit, path + " has more than " + std::to_string(most) + " bytes",
                "use smaller files");
  return text;
}

}  // namespace drover::cli
