"""Writes noise of one kind, again and again: `python3 noise.py KIND`."""

import itertools
import os
import sys
import time


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def ticker() -> None:
    """A plain line, and then another."""
    for number in itertools.count(1):
        write(f"tick {number}\n")
        time.sleep(1)


def colours() -> None:
    """Red that nobody switches off: it ends with this process's lines all the same."""
    while True:
        write("\x1b[31mred, and no end of it\nstill red\n")
        time.sleep(2)


def progress() -> None:
    """A bar that overwrites itself: one line at the end, not two hundred."""
    while True:
        for done in range(101):
            write(f"\rfetching {done:3}% {'#' * (done // 5):20}")
            time.sleep(0.02)
        write("\n")


def prompt() -> None:
    """A line that doesn't end, as a debugger's; what follows goes on with it, or below with a mark."""
    while True:
        write("(Pdb) ")
        time.sleep(3)
        write("continue\n")


def stderr() -> None:
    """A line on the other stream: `--mark-stderr` tells them apart."""
    while True:
        write("all is well\n")
        sys.stderr.write("no, it isn't\n")
        time.sleep(4)


def raw_bytes() -> None:
    """Bytes that aren't UTF-8, and a line of half a megabyte."""
    while True:
        os.write(1, b"caf\xe9 cr\xe8me\n")
        os.write(1, b"x" * 500_000 + b"\n")
        time.sleep(60)


def painter() -> None:
    """Goes up two rows and paints them anew, as docker compose does; clears the screen at first."""
    write("\x1b[2J\x1b[H")
    write("one: waiting\ntwo: waiting\n")
    for number in itertools.count(1):
        write(f"\x1b[2A\x1b[2Kone: {number}\n\x1b[2Ktwo: {number // 10}\n")
        time.sleep(0.1)


def secret() -> None:
    """Says what it should keep to itself."""
    while True:
        write(f"using token {os.environ['API_TOKEN']}\n")
        time.sleep(5)


KINDS = {
    "ticker": ticker,
    "colours": colours,
    "progress": progress,
    "prompt": prompt,
    "stderr": stderr,
    "bytes": raw_bytes,
    "painter": painter,
    "secret": secret,
}

if __name__ == "__main__":
    try:
        KINDS[sys.argv[1]]()
    except KeyboardInterrupt:
        pass
