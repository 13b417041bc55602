"""Records a terminal for the README: the shop is started, looked at and restarted, in colours.

    pip install rich; python .ci/terminal_picture.py docs/images/terminal.svg

It runs what `python -m gaffer_procfile` runs, in a copy of the sample, so that nothing is left there.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import select
import shutil
import struct
import sys
import tempfile
import termios
import time
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = 92
ROWS = 40
CTRL_C = b"\x03"
DEADLINE = 30.0  # seconds for each step
PROMPT = "\x1b[1;32m$\x1b[0m \x1b[1m{}\x1b[0m"
REMARK = "\x1b[2m{}\x1b[0m"
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # they would come from elsewhere


class Terminal:
    """A command in a terminal of its own; `text` is what it has shown so far."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.text = ""
        self._command = command
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
        environment.pop("NO_COLOR", None)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
            os.chdir(directory)
            os.execve(
                sys.executable, [sys.executable, "-m", "gaffer_procfile", *command], environment
            )

    def read_until(self, pattern: str) -> None:
        """Read on until what comes from here on has `pattern` in it, and to the end of that line."""
        begun = len(self.text)
        end = time.monotonic() + DEADLINE
        while not re.search(rf"{pattern}.*\n", self.text[begun:]):
            if not self._read(end):
                raise SystemExit(f"{self._command} never showed {pattern!r}:\n{self.text}")

    def read_to_end(self) -> None:
        end = time.monotonic() + DEADLINE
        while self._read(end):
            pass
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def press(self, key: bytes) -> None:
        os.write(self._fd, key)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
        try:
            data = os.read(self._fd, 65536) if ready else b""
        except OSError:  # its last user has gone
            data = b""
        self.text += data.decode(errors="replace").replace("\r", "")
        return bool(data)


def record(directory: Path) -> list[str]:
    """The lines of the picture, with their escape sequences."""
    run = Terminal(["start", "-d", "samples/shop", "-c", "worker=2"], directory)
    try:
        run.read_until(r"open at (\S+)")
        found = re.search(r"open at (http://\S+)/", run.text)
        assert found is not None
        for item in ("tea", "bread"):
            order = urllib.request.Request(
                f"{found[1]}/orders", data=json.dumps({"item": item}).encode(), method="POST"
            )
            with urllib.request.urlopen(order, timeout=DEADLINE):
                run.read_until(r"is done")
        run.read_until(r"milk placed")
        shown = Terminal(["ps", "-d", "samples/shop"], directory)
        shown.read_to_end()
        restart = Terminal(["restart", "-d", "samples/shop", "web"], directory)
        restart.read_to_end()
        run.read_until(r"open at ")
        lines = run.text.splitlines()
    finally:
        run.press(CTRL_C)
        run.read_to_end()
    return [
        PROMPT.format("gaffer start -d samples/shop -c worker=2"),
        *lines,
        "",
        REMARK.format("# in another terminal"),
        PROMPT.format("gaffer ps -d samples/shop"),
        *shown.text.splitlines(),
        PROMPT.format("gaffer restart -d samples/shop web"),
        *restart.text.splitlines(),
    ]


def picture(lines: list[str]) -> str:
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(title="gaffer", theme=SVG_EXPORT_THEME, unique_id="terminal")
    return FONT_FACE.sub("", svg).replace(
        "font-family: Fira Code, monospace", "font-family: monospace"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        shutil.copytree(
            ROOT / "samples/shop",
            directory / "samples/shop",
            ignore=shutil.ignore_patterns("__pycache__", "shop.db*"),
        )
        os.environ["XDG_RUNTIME_DIR"] = name
        lines = record(directory)
    Path(sys.argv[1]).write_text(picture(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
