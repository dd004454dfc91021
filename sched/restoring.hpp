// sched/restoring.hpp - the controller's verbs that give promised places back after a restart.
// SPDX-License-Identifier: Apache-2.0
//
// A promise is worth as much as the places around it: a time alone can be kept only where everybody
// else keeps to his nodes. So the place itself is stored with the job, and laid again before
// anything starts. See docs/adr/0016-promises-are-stored-as-places.md.
#pragma once
#include "sched/controller_state.hpp"

namespace drover::sched {

struct Controller::State::Restoring {
  State& s;

  // What the record of a waiting job says.
  static void write(const State& s, const Job& job, JobRecord& record);
  // Laid once there is a clock.
  void note(const Job& job, const JobRecord& record);
  void lay_places(Now now);  // with the first turn, before anything is placed
  void forget(Job& job);     // it does not wait any more, or as another one

  // Before a plan is followed: who is back in the queue, and whose nodes are, is planned for as
  // everybody. If his time has passed meanwhile, all places of the partition move by as much; then
  // forward, those that begin first before others.
  void settle(Partition& partition);

 private:
  bool is_still_right(const Job& job, const StoredPlace& place) const;
  bool is_back(const Job& job, const rm::Slot& slot) const;
  void postpone(Partition& partition, Duration late);
  void lay(Partition& partition, const Job& job, const rm::Slot& slot);
};

}  // namespace drover::sched
