// cli/script.cpp - script checks and the directive scanner; the rules are Slurm's.
// SPDX-License-Identifier: Apache-2.0
#include "cli/script.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cli/arguments.hpp"
#include "cli/submit_options.hpp"

namespace drover::cli {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > 2) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> too_large(const std::string& shown) {
  return fail(Errc::BadInput, shown + " is larger than 4 MiB, the limit for scripts",
              "keep data in files and let the script read them");
}

tl::unexpected<Error> cannot_open(const std::string& path, int error) {
  const std::string why = std::strerror(error);
  if (error == ENOENT) {
    return fail(Errc::BadInput, "cannot open script " + path + ": " + why,
                "check the name; for a command instead of a script: drover submit -- COMMAND");
  }
  return fail(Errc::BadInput, "cannot open script " + path + ": " + why,
              error == EACCES ? "make it readable: chmod +r " + path : "");
}

Result<std::string> read_all(int fd, const std::string& shown) {
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      return fail(Errc::BadInput, "cannot read " + shown + ": " + std::strerror(error),
                  error == EISDIR ? "name a script file, not a directory" : "");
    }
    if (n == 0) return text;
    text.append(buffer, std::size_t(n));
    if (text.size() > kMaxScriptBytes) return too_large(shown);
  }
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
}

std::size_t line_of(std::string_view text, std::size_t offset) {
  return std::size_t(std::count(text.begin(), text.begin() + std::ptrdiff_t(offset), '\n')) + 1;
}

// The options part of a directive line, or nothing when the line is none that `which` wants.
std::optional<std::string_view> directive_part(std::string_view line, Directives which) {
  constexpr std::string_view kPrefixes[] = {"#SBATCH", "#DROVER"};
  for (const std::string_view prefix : kPrefixes) {
    if (!line.starts_with(prefix)) continue;
    const std::string_view rest = line.substr(prefix.size());
    if (rest.empty() || (rest[0] != ' ' && rest[0] != '\t')) return std::nullopt;
    const bool is_slurm = prefix == kPrefixes[0];
    if (is_slurm && which == Directives::Drover) return std::nullopt;
    if (!is_slurm && which == Directives::Sbatch) return std::nullopt;
    return rest;
  }
  return std::nullopt;
}

Result<bool> add_line(std::string_view part, const std::string& where, std::size_t& component,
                      std::vector<Given>& out) {
  Result<std::vector<std::string>> words = split_words(part);
  if (!words) return fail(words.error(), where);
  if (!words->empty() && (words->front() == "hetjob" || words->front() == "packjob")) {
    if (words->size() > 1)
      return fail(Errc::BadInput, where + ": " + words->front() + " stands alone",
                  "options of the component stand in the lines below it");
    ++component;
    return true;
  }
  Result<Arguments> parsed = parse_arguments(*words, {job_options(), submit_options()},
                                             {false, Origin::Directive, where, false, component});
  if (!parsed) {
    Error error = parsed.error();
    if (error.hint.empty()) error.hint = "options: drover submit --help";
    return fail(std::move(error), where);
  }
  if (!parsed->words.empty() || parsed->has_rest) {
    const std::string word = parsed->words.empty() ? "--" : parsed->words.front();
    return fail(Errc::BadInput, where + ": \"" + word + "\" is no option",
                "options begin with - or --; quote values that hold blanks");
  }
  for (Given& given : parsed->options) {
    if (given.option->name == "wrap" || given.option->name == "file" ||
        given.option->name == "each-line" || given.option->name == "each-json" ||
        given.option->name == "directives") {
      return fail(Errc::BadInput,
                  where + ": --" + std::string(given.option->name) + " cannot stand in a script",
                  "give it on the command line");
    }
    out.push_back(std::move(given));
  }
  return true;
}

}  // namespace

Result<Directives> parse_directives_choice(std::string_view text) {
  if (text == "auto") return Directives::Auto;
  if (text == "drover") return Directives::Drover;
  if (text == "sbatch") return Directives::Sbatch;
  if (text == "off") return Directives::Off;
  return fail(Errc::BadInput, "--directives: \"" + std::string(text) + "\" is none of the choices",
              "use auto, drover, sbatch or off", "directives");
}

Result<std::string> read_script(const std::string& path) {
  if (path == "-" || path == "/dev/stdin") return read_all(0, "the script on stdin");
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return cannot_open(path, errno);
  struct stat info {};
  if (::fstat(file.fd(), &info) == 0 && S_ISREG(info.st_mode) &&
      info.st_size > off_t(kMaxScriptBytes))
    return too_large(path);
  return read_all(file.fd(), path);
}

Result<bool> check_script(std::string_view text, const std::string& shown) {
  if (text.empty()) {
    return fail(Errc::BadInput, shown + " is empty",
                "a script starts with a line such as #!/bin/bash");
  }
  if (text.size() > kMaxScriptBytes) return too_large(shown);
  if (text.find('\0') != std::string_view::npos) {
    return fail(Errc::BadInput, shown + " is a binary file: it has NUL bytes",
                "to run a program: drover submit -- " + shown);
  }
  if (is_blank(text)) {
    return fail(Errc::BadInput, shown + " holds nothing but blanks",
                "a script starts with a line such as #!/bin/bash");
  }
  if (const std::size_t at = text.find("\r\n"); at != std::string_view::npos) {
    return fail(Errc::BadInput,
                shown + " has DOS line ends (CR LF) in line " + std::to_string(line_of(text, at)),
                "convert it: sed -i 's/\\r$//' " + shown);
  }
  if (!text.starts_with("#!")) {
    return fail(Errc::BadInput, shown + " does not start with #! and an interpreter",
                "make the first line #!/bin/bash, or submit a command: drover submit -- COMMAND");
  }
  const std::string_view first = text.substr(2, text.find('\n') - 2);
  if (is_blank(text.substr(2, std::min(first.size(), text.size() - 2)))) {
    return fail(Errc::BadInput, shown + " names no interpreter after #!",
                "make the first line #!/bin/bash");
  }
  if (const auto bad = find_bad_utf8(text)) {
    return fail(Errc::BadInput,
                shown + " is not UTF-8 text: see line " + std::to_string(line_of(text, *bad)),
                "convert it: iconv -f latin1 -t utf-8 " + shown);
  }
  return true;
}

Result<std::vector<Given>> read_directives(std::string_view text, const std::string& shown,
                                           Directives which) {
  std::vector<Given> options;
  if (which == Directives::Off) return options;
  std::size_t number = 0, component = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (is_blank(line)) continue;
    if (line[0] != '#') break;  // the first command: later lines are comments of the script
    const auto part = directive_part(line, which);
    if (!part) continue;
    const Result<bool> added =
        add_line(*part, shown + " line " + std::to_string(number), component, options);
    if (!added) return fail(added.error());
  }
  return options;
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else if (c == '\\' && quote == '"' && i + 1 < text.size() &&
                 (text[i + 1] == '"' || text[i + 1] == '\\')) {
        word += text[++i];
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < text.size()) {
      word += text[++i];
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else if (c == '#' && !in_word) {
      break;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) {
    return fail(Errc::BadInput, std::string("a quote (") + quote + ") is never closed",
                "close it on the same line");
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

std::optional<std::size_t> find_bad_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = byte(i);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    if (lead == 0xE0 && byte(i + 1) < 0xA0) return i;  // overlong
    if (lead == 0xED && byte(i + 1) > 0x9F) return i;  // surrogates
    if (lead == 0xF0 && byte(i + 1) < 0x90) return i;
    if (lead == 0xF4 && byte(i + 1) > 0x8F) return i;
    i += length;
  }
  return std::nullopt;
}

}  // namespace drover::cli
