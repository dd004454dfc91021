// store/lmdb_error.cpp - the one table from LMDB and errno codes to Errc.
// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb_error.hpp"

#include <fmt/format.h>
#include <lmdb.h>

#include <cerrno>
#include <system_error>

namespace drover::store {
namespace {

Errc kind_of(int rc) {
  switch (rc) {
    case MDB_NOTFOUND: return Errc::NotFound;
    case MDB_KEYEXIST: return Errc::Conflict;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_BAD_VALSIZE: return Errc::Limit;
    case MDB_READERS_FULL:
    case ENOMEM:
    case EMFILE:
    case ENFILE: return Errc::Unavailable;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_PAGE_FULL:
    case MDB_CURSOR_FULL: return Errc::Corrupt;
    case EACCES:
    case EPERM: return Errc::Denied;
    default: return Errc::Io;
  }
}

const char* hint_of(int rc) {
  switch (rc) {
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
      return "stop droverd, run `droverd --check DIR` for the extent, and restore a backup";
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return "free disk space for the store, then start droverd again";
    case EIO: return "look for disk errors in the kernel log before starting droverd again";
    default: return "";
  }
}

}  // namespace

Result<void> check_lmdb(int rc, std::string_view doing) {
  if (rc == MDB_SUCCESS) return {};
  return fail(kind_of(rc), fmt::format("{}: {}", doing, mdb_strerror(rc)), hint_of(rc));
}

Error system_error(int error_number, std::string_view doing) {
  const std::string what = std::generic_category().message(error_number);
  return Error{
      kind_of(error_number), fmt::format("{}: {}", doing, what), hint_of(error_number), {}};
}

}  // namespace drover::store
