// tests/fuzz/linkis_names_fuzz.cpp - texts of Linkis clients: ids, labels, paths, cookies, bodies;
// and cells for them.
// LINK: drover::linkis drover::pool
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "linkis/cell.hpp"
#include "linkis/cookie.hpp"
#include "linkis/engine_name.hpp"
#include "linkis/exec_id.hpp"
#include "linkis/labels.hpp"
#include "linkis/log_text.hpp"
#include "linkis/proxy_tokens.hpp"
#include "linkis/result_path.hpp"
#include "linkis/state_name.hpp"
#include "linkis/submission.hpp"
#include "pool/code_variables.hpp"

using namespace drover::linkis;  // NOLINT: a fuzz target of one folder

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto path = parse_path(text))
    if (const auto again = parse_path(to_text(*path)); !again || !(*again == *path)) std::abort();
  if (const auto task = parse_task(text); task && task->task == 0) std::abort();
  if (const auto who = parse_user_creator(text); who && who->user + "-" + who->creator != text)
    std::abort();
  if (const auto engine = parse_engine_type(text); engine && engine->type.empty()) std::abort();
  if (engine_instance(parse_instance(text)) != text) std::abort();
  (void)parse_states(text);
  (void)cookie_value(text, kTicketCookie);
  (void)parse_tokens(text);
  (void)drover::pool::fill_variables(text, size % 2 == 0 ? "sql" : "shell",
                                     {{{"a", "1"}}, {}, "u"});
  for (const char* type :
       {"timestamp", "double"}) {  // what clients read stays when it is read again
    const Column columns[] = {{"c", type}};
    Row row{{Cell::Kind::Text, std::string(text)}};
    use_client_words(columns, row);
    const std::string once = row[0].text;
    use_client_words(columns, row);
    if (row[0].text != once) std::abort();
  }
  const auto lines = lines_of(text);
  (void)split_log(lines, size % 2 == 0);
  if (const auto body = parse_object(text)) {
    if (const auto given = parse_submit(*body))
      if (!parse_object(to_origin(*given, "h"))) std::abort();
    (void)parse_execute(*body);
  }
  return 0;
}
