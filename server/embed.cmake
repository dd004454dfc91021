# server/embed.cmake - makes a C++ source of a text file: cmake -DIN=... -DOUT=... -P embed.cmake
file(READ ${IN} text)
string(FIND "${text}" ")openapi\"" clash)
if(NOT clash EQUAL -1)
  message(FATAL_ERROR "${IN} holds the delimiter of the raw string")
endif()
file(WRITE ${OUT} "#include \"server/openapi.hpp\"\nnamespace drover::server {\nstd::string_view openapi_json() {\n  static constexpr std::string_view kText = R\"openapi(${text})openapi\";\n  return kText;\n}\n}  // namespace drover::server\n")
