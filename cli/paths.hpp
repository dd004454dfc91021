// cli/paths.hpp - where state, sockets and the sibling programs are.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace drover::cli {

struct Paths {
  std::string data;  // DATA: --data, $DROVER_DATA, $XDG_STATE_HOME/drover, ~/.local/state/drover
  std::string
      run;  // RUN: --run, $DROVER_RUN, $XDG_RUNTIME_DIR/drover for the default DATA, DATA/run
  std::string api_socket() const { return run + "/drover.sock"; }
  std::string supd_socket() const { return run + "/supd.sock"; }
  std::string token() const { return data + "/token"; }
  std::string log(const std::string& name) const { return data + "/log/" + name + ".log"; }
};

// Empty arguments = not given. Relative paths become absolute. BadInput when there is no home to
// default to.
Result<Paths> find_paths(const std::string& data, const std::string& run);

// "unix:/path", "/path" or "http://127.0.0.1:8080".
struct ServerAddress {
  std::string unix_path;
  std::string host;
  std::uint16_t port = 0;
  std::string shown;  // for messages
};
// `server` beats $DROVER_SERVER, which beats RUN/drover.sock.
Result<ServerAddress> find_server(const std::string& server, const Paths& paths);

// The bearer token for TCP: $DROVER_TOKEN or DATA/token; empty when there is none.
std::string read_token(const Paths& paths);

// The program beside this one (/proc/self/exe), or NotFound.
Result<std::string> find_sibling(const std::string& name);

// mkdir -p with 0700 for what is new.
Result<bool> make_private_dir(const std::string& path);

}  // namespace drover::cli
