"""Runs README's first command as a reader would, in a copy of the checkout.

It has to bring the sample up, and Ctrl-C has to end it in order. Exit status 1 if not.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEADLINE = 300.0  # seconds for all of it: pip may have to fetch
UP = re.compile(rb"web\.1 +\| open at http://\S+")
NEVER = re.compile(rb"(?!)")
NOT_OF_A_CHECKOUT = (".git", ".tox", ".venv", "__pycache__", "build", "*.egg-info")
STOPPED = re.compile(rb"gaffer +\| web\.1 stopped")


def first_command() -> str:
    """The first block of shell in README.md."""
    found = re.search(r"```sh\n(.+?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("README.md has no first command")
    return found[1]


def read_until(popen: subprocess.Popen[bytes], pattern: re.Pattern[bytes], end: float) -> bytes:
    """What the command writes, up to `pattern` or to its end."""
    assert popen.stdout is not None
    fd = popen.stdout.fileno()
    text = b""
    while not pattern.search(text):
        ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
        data = os.read(fd, 65536) if ready else b""
        if not data:
            break
        text += data
    return text


def main() -> int:
    command = first_command()
    end = time.monotonic() + DEADLINE
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "copy")
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_OF_A_CHECKOUT))
        popen = subprocess.Popen(
            ["bash", "-c", command],
            cwd=copy,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        text = read_until(popen, UP, end)
        is_up = UP.search(text) is not None
        # As the terminal does it: to all in the foreground.
        os.killpg(popen.pid, signal.SIGINT if is_up else signal.SIGKILL)
        text += read_until(popen, NEVER, end)  # to the end
        status = popen.wait(max(1.0, end - time.monotonic()))
    ended_well = STOPPED.search(text) is not None and status in (-signal.SIGINT, 130)
    if is_up and ended_well:
        print("README's first command: up, and down by Ctrl-C")
        return 0
    sys.stdout.buffer.write(text)
    print(f"README's first command doesn't do it (status {status}): {command}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
