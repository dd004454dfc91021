# tests/unit/skips.py - runs a GoogleTest program; what it skips is skipped for ctest too, and not passed.
# SPDX-License-Identifier: Apache-2.0
"""python3 tests/unit/skips.py PROGRAM [ARGUMENT...]"""
import subprocess
import sys

done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(done.stdout, end="")
sys.exit(77 if done.returncode == 0 and "[  SKIPPED ]" in done.stdout else done.returncode)
