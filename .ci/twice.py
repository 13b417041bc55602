"""Runs pytest with the arguments given, and what failed once more, by itself.

The tests start some thousand processes and wait for them by deadlines. On a machine with two cores,
busy with other things, one may miss its deadline; a test that is wrong fails again.
"""

from __future__ import annotations

import subprocess
import sys

TESTS_FAILED = 1  # pytest's exit status


def main() -> int:
    pytest = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    status = subprocess.run(pytest, check=False).returncode
    if status == TESTS_FAILED:
        print("What failed is run once more, by itself.", flush=True)
        status = subprocess.run([*pytest, "--last-failed", "-n", "0"], check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
