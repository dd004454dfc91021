// tests/e2e/newer_store.cpp - makes a store look as if a newer Drover had written it.
// SPDX-License-Identifier: Apache-2.0
//   newer_store STOREDIR VERSION      gives the schema record that version, properly sealed
#include <cstdio>
#include <cstdlib>

#include "proto/store.pb.h"
#include "store/environment.hpp"
#include "store/snapshot_state.hpp"

int main(int argc, char** argv) {
  using namespace drover::store;
  if (argc != 3) return 2;
  auto environment = Environment::open(argv[1], 64 << 20, 1 << 30, Environment::Use::Write);
  if (!environment) return std::fprintf(stderr, "%s\n", environment.error().message.c_str()), 1;
  auto txn = (*environment)->begin_write();
  if (!txn) return std::fprintf(stderr, "%s\n", txn.error().message.c_str()), 1;
  drover::proto::Schema schema;
  schema.set_version(std::uint32_t(std::atoi(argv[2])));
  if (!txn->put(Table::Meta, text_key(kSchemaKey), schema)) return 1;
  return txn->commit() ? 0 : 1;
}
