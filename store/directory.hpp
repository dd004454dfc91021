// store/directory.hpp - the folder of a store: who may use it, and that only one process does.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.hpp"
#include "store/file_handle.hpp"

namespace drover::store {

// True for file systems on which LMDB's shared map and our lock do not hold between machines (NFS,
// SMB, ...).
bool is_network_filesystem(long type);

// An exclusive hold on a store's folder; released when destroyed or when the process ends, however
// it ends.
class Directory {
 public:
  enum class Missing { Create, Refuse };
  // Creates it (0700, durably, with missing parents) or checks owner, mode and file system, then
  // locks it. Errors: NotFound, Denied (owner, mode), Unsupported (network file system), Conflict
  // (held), Io.
  static Result<Directory> open(const std::string& path, Missing missing);

  const std::string& path() const { return path_; }
  bool contains(const char* name) const;
  // Owner and mode of a file in it; a missing file is fine.
  Result<void> check_file(const char* name) const;
  // Makes names in the folder, and the folder's own name, survive a power cut. LMDB does neither.
  Result<void> sync() const;
  // Leaves a note with our pid, for the message to the second opener. Not relied upon.
  void sign() const;

 private:
  Directory(std::string path, FileHandle handle)
      : path_(std::move(path)), handle_(std::move(handle)) {}
  std::string path_;
  FileHandle handle_;
};

}  // namespace drover::store
