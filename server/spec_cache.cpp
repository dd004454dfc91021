// server/spec_cache.cpp - a small LRU over the store's specs.
// SPDX-License-Identifier: Apache-2.0
#include "server/spec_cache.hpp"

namespace drover::server {
namespace {

std::size_t size_of(const sched::JobSpec& spec) {
  std::size_t bytes = sizeof spec + spec.script.size() + spec.items.bytes() +
                      spec.items.size() * sizeof(std::uint32_t);
  for (const std::string& text : spec.env) bytes += text.size() + sizeof(std::string);
  for (const std::string& text : spec.argv) bytes += text.size() + sizeof(std::string);
  return bytes;
}

}  // namespace

void SpecCache::replace(JobId id, std::shared_ptr<const sched::JobSpec> spec) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = by_id_.find(raw(id)); known != by_id_.end()) {
      bytes_ -= known->second->bytes;
      order_.erase(known->second);
      by_id_.erase(known);
    }
  }
  put(id, std::move(spec));
}

void SpecCache::put(JobId id, std::shared_ptr<const sched::JobSpec> spec) {
  const std::size_t bytes = size_of(*spec);
  if (bytes > bytes_max_ / 4) return;  // one giant shall not push out everybody
  const std::lock_guard lock(mutex_);
  if (by_id_.contains(raw(id))) return;
  order_.push_front({id, bytes, std::move(spec)});
  by_id_[raw(id)] = order_.begin();
  bytes_ += bytes;
  while (order_.size() > jobs_max_ || bytes_ > bytes_max_) {
    bytes_ -= order_.back().bytes;
    by_id_.erase(raw(order_.back().id));
    order_.pop_back();
  }
}

Result<std::shared_ptr<const sched::JobSpec>> SpecCache::find(JobId id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_id_.find(raw(id)); found != by_id_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return found->second->spec;
    }
  }
  auto snapshot = store_.snapshot();
  if (!snapshot) return fail(snapshot.error());
  auto spec = snapshot->spec(id, true);
  if (!spec) return fail(spec.error());
  auto shared = std::make_shared<const sched::JobSpec>(std::move(*spec));
  put(id, shared);
  return std::shared_ptr<const sched::JobSpec>(std::move(shared));
}

}  // namespace drover::server
