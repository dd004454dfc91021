// rm/resource_names.hpp - the words for amounts: fixed kinds, and the slot of each name.
//
// A configuration names GPU models ("gpu:h100"), licences ("licence:matlab") and custom resources
// ("scratch"). A name keeps its slot for as long as the store remembers it, whatever order the
// configuration lists it in later, so that stored leases mean what they meant.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "rm/amounts.hpp"

namespace drover::rm {

class ResourceNames {
 public:
  // `kept`: slots as they were stored, "" = free. Names of `wanted` keep or get a slot; those that
  // nobody wants any more keep theirs while there is room without it. BadInput: an illegal
  // character, a fixed kind's word, a name twice. Limit: more names than slots.
  static Result<ResourceNames> make(std::span<const std::string> wanted,
                                    std::span<const std::string> kept = {});

  // The same with more names, each in a slot that was free; slots that have a name keep it, so this
  // may be done while leases count in them. Names that are known are left out.
  Result<ResourceNames> with(std::span<const std::string> more) const;

  // "cpus", "mem_mib", "gpus", "nodes", "engines", "running_jobs", "queued_jobs", or a name.
  std::optional<Kind> find(std::string_view word) const;
  std::string_view word(Kind kind) const;  // the reverse
  // The slot of a custom resource of nodes, which has no colon in its name.
  std::optional<Kind> custom(std::string_view name) const;
  // The slot of a name that nodes have something of: a custom resource, or "gpu:MODEL".
  std::optional<Kind> on_nodes(std::string_view name) const;
  // The slot of "gpu:MODEL"; nothing when the model is not counted apart.
  std::optional<Kind> gpu(std::string_view model) const;
  bool has_gpus() const { return has_gpus_; }

  // CPUs and GPUs are counted in thousandths; people write whole ones.
  std::int64_t unit(Kind kind) const;
  const std::vector<std::string>& slots() const { return slots_; }  // for the store
  std::vector<std::string_view> words() const;                      // every word that find() knows

 private:
  std::vector<std::string> slots_;
  bool has_gpus_ = false;
};

}  // namespace drover::rm
