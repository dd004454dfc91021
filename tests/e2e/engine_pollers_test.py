# tests/e2e/engine_pollers_test.py - how many pollers there are, and whose turn it is: without a clock, without a thread.
# SPDX-License-Identifier: Apache-2.0
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "engines/host"))

from drover_pollers import CALM_TURNS, Limits, Load, Poll, Queue, balance, share  # noqa: E402

LIMITS = Limits(1, 16)


def load(threads=4, items=100, targets=1, lag_s=0.0, work=2.0, load_per_cpu=0.5):
    return Load(threads, items, targets, lag_s, work, load_per_cpu)


# what is so, calm turns before; pollers and calm turns after
BALANCED = [
    ("as many as are busy seven tenths of their time", load(threads=1, work=2.0), 0, (3, 0)),
    ("enough: nothing changes", load(threads=3, work=2.0), 0, (3, 0)),
    ("late polls bring half as many again", load(threads=6, lag_s=2.0), 0, (9, 0)),
    ("late polls bring at least one", load(threads=1, work=0.1, lag_s=2.0), 0, (2, 0)),
    ("never more than allowed", load(threads=16, lag_s=9.0, work=16), 0, (16, 0)),
    ("never more than there is to poll", load(threads=1, items=2, lag_s=9.0, work=5), 0, (2, 0)),
    ("each target may have one", load(threads=1, targets=3, work=0), 0, (3, 0)),
    ("a loaded machine gets no more", load(threads=4, lag_s=5.0, work=4, load_per_cpu=5.0), 0, (4, 0)),
    ("but one for each target", load(threads=1, targets=3, lag_s=5.0, work=1, load_per_cpu=5.0), 0, (3, 0)),
    ("but the least", load(threads=0, lag_s=5.0, work=4, load_per_cpu=5.0), 0, (1, 0)),
    ("fewer would do: not at once", load(threads=8), 0, (8, 1)),
    ("fewer would do for some turns: one goes", load(threads=8), CALM_TURNS - 1, (7, 0)),
    ("while polls come late none goes", load(threads=8, lag_s=0.3), CALM_TURNS - 1, (8, CALM_TURNS)),
    ("on a loaded machine one goes at once", load(threads=8, load_per_cpu=5.0), 0, (7, CALM_TURNS - 1)),
    ("the least stays", load(threads=1, work=0, items=0), CALM_TURNS, (1, 0)),
]
SHARES = [((1, 1), 1), ((2, 1), 1), ((8, 1), 7), ((8, 2), 4), ((8, 3), 2), ((4, 3), 1), ((2, 5), 1)]


def check_balance():
    for what, seen, calm, wanted in BALANCED:
        assert balance(seen, LIMITS, calm) == wanted, (what, balance(seen, LIMITS, calm), wanted)
    for (threads, targets), wanted in SHARES:
        assert share(threads, targets) == wanted, (threads, targets)
        if targets > 1 and threads >= targets:  # what the others hold leaves each its share
            assert threads - (targets - 1) * share(threads, targets) >= share(threads, targets)


def check_no_swing():
    """A burst that comes and goes each other turn does not make the number follow it."""
    threads, calm, seen = 4, 0, []
    for turn in range(60):
        work = 5.0 if turn % 2 else 0.5
        threads, calm = balance(load(threads=threads, work=work), LIMITS, calm)
        seen.append(threads)
    assert seen[1:] == [8] * 59, seen
    for _ in range(7 * CALM_TURNS):
        threads, calm = balance(load(threads=threads, work=0.1), LIMITS, calm)
    assert threads == 1, threads


def check_turns():
    queue = Queue()
    polls = {name: Poll(target, name) for name, target in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"))}
    for at, poll in enumerate(polls.values()):
        queue.add(poll, float(at))
    assert queue.take(-1.0, 2) == [] and queue.next_due(2) == 0.0
    assert queue.take(10.0, 2) == [polls["a1"]], "the longest due"
    assert queue.take(10.0, 2) == [polls["b1"]], "a has its share"
    assert queue.take(10.0, 2) == [] and queue.next_due(2) is None
    assert queue.lag_s(10.0) == 9.0
    queue.done([polls["b1"]], [None], 11.0, 1.0)
    assert queue.take(11.0, 2) == [], "alone a target leaves one thread"
    assert queue.take(11.0, 3) == [polls["a2"]]
    queue.hasten(polls["a1"], 11.0)  # while it is polled
    queue.done([polls["a1"]], [60.0], 12.0, 2.0)
    assert queue.take(12.0, 3) == [polls["a1"]], "once more, before a3"
    polls["a1"].failed = True
    queue.done([polls["a1"]], [60.0], 12.5, 0.5)
    assert queue.take(12.5, 3) == [polls["a3"]]
    queue.done([polls["a2"], polls["a3"]][:1], [None], 13.0, 0.5)
    queue.done([polls["a3"]], [None], 13.0, 0.5)
    queue.hasten(polls["a1"], 13.0)
    assert queue.take(13.0, 3) == [polls["a1"]], "long before its time"
    queue.done([polls["a1"]], [None], 14.0, 0.5)
    assert (queue.items, queue.targets, queue.polls, queue.errors) == (0, {}, 6, 1), (queue.polls, queue.errors)


def check_batches():
    queue = Queue()
    for number in range(250):
        queue.add(Poll("slurm", number, batch="squeue" if number != 120 else None), 0.0)
    sizes = []
    while taken := queue.take(1.0, 8):
        sizes.append(len(taken))
        queue.done(taken, [None] * len(taken), 1.0, 0.1)
    assert sizes == [100, 20, 1, 100, 29], sizes


def check_convoys():
    """What was begun at any time comes to be asked for together: a question is for all whose pause is half over."""
    chance = random.Random(7)
    for count in (2, 12, 50):
        queue, now = Queue(), 0.0
        for number in range(count):
            queue.add(Poll("slurm", number, batch="squeue"), chance.uniform(0, 20))
        questions = []
        while now < 400:
            now = queue.next_due(2)
            taken = queue.take(now, 2)
            questions.append(now)
            queue.done(taken, [20.0] * len(taken), now, 0.0)
        late = [at for at in questions if at > 60]
        assert len(late) <= 2 * 340 / 20, (count, len(late))  # of count * 17


def simulate(seed, slow_s):
    """Virtual time: two healthy clusters and one whose answers take `slow_s`; how late the healthy ones are polled at most."""
    chance, queue = random.Random(seed), Queue()
    for number in range(30):
        queue.add(Poll(("good", "better", "ill")[number % 3], number), chance.random())
    threads, calm, now, latest, busy = 3, 0, 0.0, 0.0, []
    next_turn = 1.0
    while now < 120:
        while len(busy) < threads and (taken := queue.take(now, threads)):
            poll = taken[0]
            if poll.target != "ill" and now > 10:
                latest = max(latest, now - poll.due)
            took = slow_s if poll.target == "ill" else 0.01
            busy.append((now + took, poll, took))
        busy.sort(key=lambda each: each[0])
        events = [next_turn] + ([busy[0][0]] if busy else []) + ([due] if len(busy) < threads and (due := queue.next_due(threads)) else [])
        now = max(now, min(events))
        while busy and busy[0][0] <= now:
            _, poll, took = busy.pop(0)
            queue.done([poll], [1.0], now, took)
        if now >= next_turn:
            lag, work = queue.measure(now)
            threads, calm = balance(Load(threads, queue.items, len(queue.targets), lag, max(work, float(len(busy))), 0.5), LIMITS, calm)
            next_turn += 1.0
    return latest, threads


def check_fairness():
    for seed in range(20):
        latest, threads = simulate(seed, slow_s=30.0)
        assert latest < 0.5, (seed, latest)
        assert threads <= LIMITS.most
    assert simulate(1, slow_s=0.01)[1] == 3, "healthy clusters need no more than one each"


def main():
    check_balance()
    check_no_swing()
    check_turns()
    check_batches()
    check_convoys()
    check_fairness()
    print("pollers are as many as needed, and fair")


if __name__ == "__main__":
    main()
