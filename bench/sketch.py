"""The least that Python can do to prefix lines: no event loop, no checks, no colours, nothing kept.

What gaffer takes beyond this is gaffer's; what this takes beyond plain pipes is the price of reading
in Python, putting 20 bytes before each line of 80, and writing that again. Run it with the shell
commands as arguments.
"""

from __future__ import annotations

import os
import select
import sys

CHUNK = 65536  # bytes, what a pipe holds


def start(command: str) -> int:
    """Start a shell command; the end of the pipe with its output."""
    reader, writer = os.pipe()
    os.posix_spawn(
        "/bin/sh",
        ["sh", "-c", command],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
    )
    os.close(writer)
    return reader


def main(commands: list[str]) -> None:
    poll = select.poll()
    rests = {}
    prefixes = {}
    for number, command in enumerate(commands):
        reader = start(command)
        poll.register(reader, select.POLLIN)
        rests[reader] = b""
        prefixes[reader] = b"12:00:00 %s.1 | " % b"abcdefgh"[number : number + 1]
    while rests:
        for reader, _ in poll.poll():
            head, newline, rest = os.read(reader, CHUNK).rpartition(b"\n")
            if not newline:
                poll.unregister(reader)
                del rests[reader]
                continue
            prefix = prefixes[reader]
            text = prefix + (rests[reader] + head).replace(b"\n", b"\n" + prefix) + b"\n"
            rests[reader] = rest
            while text:
                text = text[os.write(1, text) :]


if __name__ == "__main__":
    main(sys.argv[1:])
