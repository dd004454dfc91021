# tests/e2e/skips.py - what could not be tried is said, and is the exit status: ctest shows it as skipped, never as passed.
# SPDX-License-Identifier: Apache-2.0
"""A test that can do a part of its work without something that may be missing is two entries of ctest: one part each."""
SKIPPED = 77
_skipped = []


def skip(why):
    print(f"SKIPPED: {why}", flush=True)
    _skipped.append(why)
    return SKIPPED


def status():
    """Of a test in which nothing failed."""
    return SKIPPED if _skipped else 0
