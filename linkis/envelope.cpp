// linkis/envelope.cpp - the one form of every answer.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/envelope.hpp"

namespace drover::linkis {

int http_code(Status status) {
  switch (status) {
    case Status::Ok: return 200;
    case Status::Error: return 400;
    case Status::NotLoggedIn: return 401;
    case Status::Validation: return 412;
    case Status::NoPermission: return 403;
    case Status::Warning: return 206;
  }
  return 400;
}

std::string method_of(std::string_view path) {
  if (!path.starts_with(kBase)) return std::string(path);
  return "/api/" + std::string(path.substr(kBase.size()));
}

Status status_of(Errc code) { return code == Errc::Denied ? Status::NoPermission : Status::Error; }

int error_code(const Error& error) {
  if (error.field == "script" && error.code == Errc::BadInput) return 20007;
  if (error.field == "engine" || error.field == "language") return 20009;
  if (error.field == "labels") return 20008;
  if (error.field == "variables") return 20050;
  if (error.code == Errc::Limit) return 12001;
  return 13000;
}

std::string envelope(std::string_view method, Status status, std::string_view message,
                     const Json& data) {
  Json document;
  document["method"] = method;
  document["status"] = int(status);
  document["message"] = message;
  document["data"] = data.is_null() ? Json::object() : data;
  return dump(document);
}

std::string error_envelope(std::string_view method, const Error& error, int code) {
  const int number = code != 0 ? code : error_code(error);
  const std::string text = error.message + (error.hint.empty() ? "" : "; " + error.hint);
  Json data;
  data["errorMsg"]["errCode"] = number;
  data["errorMsg"]["desc"] = text;
  data["errorMsg"]["ip"] = "";
  data["errorMsg"]["port"] = 0;
  data["errorMsg"]["serviceKind"] = "drover";
  return envelope(method, status_of(error.code),
                  "error code: " + std::to_string(number) + ", error message: " + text, data);
}

}  // namespace drover::linkis
