// sim/packing.cpp - fills a cluster, or lets jobs come and go, and measures what is held.
// SPDX-License-Identifier: Apache-2.0
#include "sim/packing.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <queue>
#include <utility>

#include "base/prng.hpp"

namespace drover::sim {
namespace {

using Free = Placer::Free;

Free sum_of(const std::vector<Free>& nodes) {
  Free sum;
  for (const Free& node : nodes) {
    sum.cpus += node.cpus;
    sum.gpu_milli += node.gpu_milli;
    sum.mem_mib += node.mem_mib;
  }
  return sum;
}

std::int64_t gpu_milli(const rm::Request& request) {
  return request.gpus * rm::kWholeGpu + request.gpu_share;
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

// The jobs that fit on the empty cluster, by position.
std::vector<std::uint32_t> possible_jobs(const Workload& workload, const Cluster& cluster) {
  rm::ResourceManager manager;
  std::uint32_t id = 0;
  for (const rm::NodeSpec& node : cluster.nodes) manager.put_node(NodeId{++id}, node);
  std::vector<bool> fits;
  for (const auto& spec : workload.specs)
    fits.push_back(manager.can_ever_fit(spec->request).has_value());
  std::vector<std::uint32_t> jobs;
  for (std::uint32_t i = 0; i < workload.jobs.size(); ++i)
    if (fits[workload.jobs[i].spec]) jobs.push_back(i);
  return jobs;
}

class Packing {
 public:
  Packing(const Workload& workload, const Cluster& cluster, Placement placement)
      : work_(workload),
        placer_(make_placer(placement, cluster)),
        jobs_(possible_jobs(workload, cluster)),
        all_(sum_of(placer_->free())) {
    result_.placement = to_string(placement);
    result_.impossible = workload.jobs.size() - jobs_.size();
  }

  PackResult fill(const PackOptions& options) {
    if (options.seed != 0) shuffle(options.seed);
    const double target = options.offered * double(scarce(all_));
    double offered = 0, refused = 0;
    for (std::size_t i = 0; !jobs_.empty() && offered < target; ++i) {
      const rm::Request& asked = request(jobs_[i % jobs_.size()]);
      const auto amount = double(scarce_asked(asked));
      if (i >= jobs_.size() && offered == 0) break;  // nobody wants it
      offered += amount;
      if (placer_->place(asked) >= 0) {
        ++result_.placed;
        continue;
      }
      refused += amount;
      if (result_.turned_away++ == 0) result_.share_at_first_refusal = held_share();
    }
    result_.turned_away_share = share(refused, offered);
    take_shares(sum_of(placer_->free()));
    result_.stranded_share = stranded();
    return result_;
  }

  PackResult churn() {
    using End = std::pair<std::int64_t, std::int64_t>;
    std::priority_queue<End, std::vector<End>, std::greater<>> ends;
    std::int64_t last = jobs_.empty() ? 0 : work_.jobs[jobs_.front()].submit.us;
    const std::int64_t first = last;
    Free held;
    double cpu = 0, gpu = 0, mem = 0, offered = 0, refused = 0;
    std::vector<std::uint32_t> job_of;
    const auto pass_to = [&](std::int64_t t) {
      cpu += double(held.cpus) * double(t - last);
      gpu += double(held.gpu_milli) * double(t - last);
      mem += double(held.mem_mib) * double(t - last);
      last = t;
    };
    const auto hold = [&](std::uint32_t job, std::int64_t sign) {
      const rm::Request& asked = request(job);
      held.cpus += sign * asked.cpus * asked.nodes;
      held.gpu_milli += sign * gpu_milli(asked) * asked.nodes;
      held.mem_mib += sign * asked.mem_mib * asked.nodes;
    };
    for (const std::uint32_t job : jobs_) {
      const WorkJob& next = work_.jobs[job];
      for (; !ends.empty() && ends.top().first <= next.submit.us; ends.pop()) {
        pass_to(ends.top().first);
        placer_->give_back(ends.top().second);
        hold(job_of[std::size_t(ends.top().second)], -1);
      }
      pass_to(next.submit.us);
      const double work = double(scarce_asked(request(job))) * double(next.run.us);
      offered += work;
      const std::int64_t handle = placer_->place(request(job));
      if (handle < 0) {
        ++result_.turned_away;
        refused += work;
        continue;
      }
      ++result_.placed;
      job_of.push_back(job);  // handles are dense
      hold(job, 1);
      ends.emplace(next.submit.us + next.run.us, handle);
    }
    const auto span = double(last - first);
    result_.cpu_share = share(cpu, span * double(all_.cpus));
    result_.gpu_share = share(gpu, span * double(all_.gpu_milli));
    result_.mem_share = share(mem, span * double(all_.mem_mib));
    result_.turned_away_share = share(refused, offered);
    return result_;
  }

 private:
  const rm::Request& request(std::uint32_t job) const {
    return work_.specs[work_.jobs[job].spec]->request;
  }
  std::int64_t scarce(const Free& amount) const {
    return all_.gpu_milli > 0 ? amount.gpu_milli : amount.cpus;
  }
  std::int64_t scarce_asked(const rm::Request& asked) const {
    return (all_.gpu_milli > 0 ? gpu_milli(asked) : asked.cpus) * asked.nodes;
  }
  double held_share() const {
    return 1 - share(double(scarce(sum_of(placer_->free()))), double(scarce(all_)));
  }
  void take_shares(const Free& left) {
    result_.cpu_share = 1 - share(double(left.cpus), double(all_.cpus));
    result_.gpu_share =
        all_.gpu_milli > 0 ? 1 - share(double(left.gpu_milli), double(all_.gpu_milli)) : 0;
    result_.mem_share =
        all_.mem_mib > 0 ? 1 - share(double(left.mem_mib), double(all_.mem_mib)) : 0;
  }

  void shuffle(std::uint64_t seed) {
    Prng prng(seed);
    for (std::size_t i = jobs_.size(); i > 1; --i)
      std::swap(jobs_[i - 1], jobs_[std::size_t(prng.below(i))]);
  }

  double stranded() const {
    std::vector<std::uint64_t> popularity(work_.specs.size());
    for (const std::uint32_t job : jobs_) ++popularity[work_.jobs[job].spec];
    const std::vector<Free> nodes = placer_->free();
    double stuck = 0, weight = 0;
    for (std::size_t s = 0; s < popularity.size(); ++s) {
      const rm::Request& asked = work_.specs[s]->request;
      if (popularity[s] == 0 || scarce_asked(asked) == 0) continue;
      std::int64_t unusable = 0;
      for (const Free& node : nodes)
        if (asked.cpus > node.cpus || !node.has_gpus_for(asked) || asked.mem_mib > node.mem_mib)
          unusable += scarce(node);
      stuck += double(popularity[s]) * double(unusable);
      weight += double(popularity[s]);
    }
    return share(stuck, weight * double(scarce(sum_of(nodes))));
  }

  const Workload& work_;
  std::unique_ptr<Placer> placer_;
  std::vector<std::uint32_t> jobs_;
  Free all_;
  PackResult result_;
};

}  // namespace

PackResult pack(const Workload& workload, const Cluster& cluster, Placement placement,
                const PackOptions& options) {
  Packing packing(workload, cluster, placement);
  return options.fill ? packing.fill(options) : packing.churn();
}

}  // namespace drover::sim
