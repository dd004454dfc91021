// cli/bulk.cpp - the bulk call and its source of lines.
// SPDX-License-Identifier: Apache-2.0
#include "cli/bulk.hpp"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>

#include "cli/script.hpp"
#include "cli/selector.hpp"
#include "cli/spec_builder.hpp"
#include "cli/submission.hpp"
#include "cli/submit_options.hpp"

namespace drover::cli {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kMaxShownErrors = 20;

// Collects the answer lines of one call.
class Answers {
 public:
  explicit Answers(Context& context) : context_(context) {}

  bool add(std::string_view bytes) {
    buffer_ += bytes;
    std::size_t start = 0;
    for (std::size_t end; (end = buffer_.find('\n', start)) != std::string::npos; start = end + 1)
      add_line(std::string_view(buffer_).substr(start, end - start));
    buffer_.erase(0, start);
    return buffer_.size() < (1u << 20);
  }

  bool is_done() const { return done_; }
  std::uint64_t accepted() const { return accepted_; }

  Result<int> finish() {
    const Arguments& arguments = context_.arguments();
    if (context_.globals().json()) {
      context_.out(
          to_text(Json{
              {"v", 1}, {"jobs", to_text(ids_)}, {"accepted", accepted_}, {"refused", refused_}}) +
          '\n');
    } else if (!arguments.has("parsable") && !arguments.has("quiet")) {
      if (accepted_ == 1) context_.out("submitted job " + to_text(ids_) + '\n');
      if (accepted_ > 1)
        context_.out("submitted " + std::to_string(accepted_) + " jobs: " + to_text(ids_) + '\n');
    }
    if (refused_ == 0) return kOk;
    if (refused_ > kMaxShownErrors)
      context_.warn("and " + std::to_string(refused_ - kMaxShownErrors) +
                    " more lines were refused");
    return accepted_ > 0 ? int(kSomeFailed) : first_error_;
  }

 private:
  void add_line(std::string_view line) {
    const Result<Json> answer = parse_json(line, "an answer line");
    if (!answer || !answer->is_object()) return;
    if (member(*answer, "done").is_boolean()) {
      done_ = true;
      return;
    }
    const Json& error = member(*answer, "error");
    const std::int64_t number = number_of(*answer, "line");
    if (!error.is_null()) {
      Error refused = error_from_json(error, 400);
      if (refused_++ == 0) first_error_ = exit_code_of(refused.code);
      refused.message = "line " + std::to_string(number) + ": " + refused.message;
      if (refused_ <= kMaxShownErrors)
        std::fputs(
            format_error(refused, {}, context_.globals().json(), context_.color_err()).c_str(),
            stderr);
      return;
    }
    const auto id = std::uint64_t(number_of(*answer, "id"));
    ++accepted_;
    if (context_.arguments().has("parsable") && !context_.globals().json())
      context_.out(std::to_string(id) + '\n');
    if (!ids_.empty() && ids_.back().last + 1 == id) {
      ids_.back().last = id;
    } else if (ids_.size() < 10'000) {
      ids_.push_back({id, id});
    }
  }

  Context& context_;
  std::string buffer_;
  std::vector<JobRange> ids_;
  std::uint64_t accepted_ = 0, refused_ = 0;
  int first_error_ = kError;
  bool done_ = false;
};

std::string next_piece(const LineSource& lines) {
  std::string piece;
  while (piece.size() < kPieceBytes) {
    const std::optional<std::string> line = lines();
    if (!line) break;
    piece += *line;
  }
  return piece;
}

// Adds cwd where a spec has none. A line that is no JSON travels as it is: the server's answer
// names it.
std::string complete_line(std::string line, const std::string& cwd) {
  Result<Json> spec = parse_json(line, "line");
  if (!spec || !spec->is_object() || spec->contains("cwd")) return line + '\n';
  (*spec)["cwd"] = cwd;
  return to_text(*spec) + '\n';
}

LineSource lines_of(std::shared_ptr<std::istream> stream, std::string cwd) {
  return [stream = std::move(stream), cwd = std::move(cwd)]() -> std::optional<std::string> {
    std::string line;
    while (std::getline(*stream, line)) {
      if (line.find_first_not_of(" \t\r") != std::string::npos) return complete_line(line, cwd);
      return "\n";  // keeps the line numbers of the answers
    }
    return std::nullopt;
  };
}

Result<std::shared_ptr<std::istream>> open_lines(const std::string& path) {
  if (path == "-") return std::shared_ptr<std::istream>(&std::cin, [](std::istream*) {});
  auto file = std::make_shared<std::ifstream>(path);
  if (!*file || file->peek() == std::ifstream::traits_type::eof()) {
    const bool exists = std::ifstream(path).good();
    return fail(Errc::BadInput, (exists ? path + " is empty" : "cannot open " + path),
                "name a readable file with one entry per line", "file");
  }
  return std::shared_ptr<std::istream>(std::move(file));
}

}  // namespace

Result<int> submit_lines(Context& context, LineSource lines, std::function<LineSource()> reopen) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const std::string key = random_key();
  for (int attempt = 1;; ++attempt) {
    Answers answers(context);
    net::HttpClient::Call call;
    call.method = "POST";
    call.target = "/api/v1/jobs/bulk";
    call.content_type = "application/x-ndjson";
    call.headers.emplace_back("Idempotency-Key", key);
    call.body_source = [&lines] { return next_piece(lines); };
    call.on_data = [&answers](std::string_view bytes) { return answers.add(bytes); };
    const Result<net::ClientResponse> response = (*api)->call(call);
    if (response && answers.is_done()) return answers.finish();
    const bool cut = response || response.error().code == Errc::Io;
    if (cut && reopen && attempt == 1 && !context.arguments().has("parsable")) {
      lines = reopen();
      continue;
    }
    if (!response && answers.accepted() == 0) return fail(response.error());
    const std::string why = response ? "the answer ended early" : response.error().message;
    return fail(Errc::Io,
                "the connection broke after " + std::to_string(answers.accepted()) +
                    " accepted jobs: " + why,
                "see which ones: drover ls -a; submit the rest again");
  }
}

Result<int> submit_file_lines(Context& context, const std::string& path) {
  const Result<SpecSource> source = local_source();
  if (!source) return fail(source.error());
  const Result<std::shared_ptr<std::istream>> stream = open_lines(path);
  if (!stream) return fail(stream.error());
  if (!job_options_given(context).empty()) {
    return fail(Errc::BadInput, "job options cannot be given beside many specs",
                "put them into the lines of " + path, "file");
  }
  const std::string cwd = source->cwd;
  std::function<LineSource()> reopen;
  if (path != "-")
    reopen = [path, cwd] { return lines_of(std::make_shared<std::ifstream>(path), cwd); };
  return submit_lines(context, lines_of(*stream, cwd), reopen);
}

}  // namespace drover::cli
