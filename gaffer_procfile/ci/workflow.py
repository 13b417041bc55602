"""GitHub's workflow commands: making ours, and disarming those that others write.

A runner takes a line for a command that begins with `::`, white space left out, or that has `##[`
anywhere. A carriage return ends a line, too. Source: docs.github.com, "Workflow commands", and how
the open-source runner reads a line.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# White space is whatever isn't a visible ASCII character: which others a runner skips, and what it
# makes of bytes that aren't UTF-8, is then all the same.
_ARMED = re.compile(rb"(?:(?:\A|(?<=[\r\n]))[^!-~\r\n]*:(?=:))|(?:##(?=\[))")
_BEGUN = re.compile(rb"[^!-~]*:")
_VISIBLE = re.compile(rb"[!-~]")


def is_github(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a runner of GitHub's, or one that does as it does, reads our output."""
    return environ.get("GITHUB_ACTIONS") == "true"


def workflow_command(name: str, text: str, **properties: str) -> bytes:
    """A workflow command, as a line: nothing in `text` or `properties` can begin another one."""
    given = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    head = f"::{name} {given}" if given else f"::{name}"
    return f"{head}::{_escape(text)}\n".encode("utf-8", "replace")


def _escape(text: str) -> str:
    # The old form of a command is looked for anywhere in a line.
    text = text.replace("##[", "## [")
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")


class Disarmed:
    """Writes text by `write` in which no line is a workflow command, whatever the pieces it comes in.

    A space is put into what would be one: `: :error`, `## [error]`.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._before = b""  # stands for the line so far, as far as that matters

    def write(self, data: bytes) -> None:
        text = self._before + data
        if b"::" in text or b"##[" in text:
            # What is put in comes before a byte of `data`, so `_before` stays as it was.
            self._write(_ARMED.sub(rb"\g<0> ", text)[len(self._before) :])
        else:
            self._write(data)
        self._before = _remember(text)


def _remember(text: bytes) -> bytes:
    """The least that must be known of the last line of `text` to see what it may become."""
    line = text[max(text.rfind(b"\n"), text.rfind(b"\r")) + 1 :]
    if _VISIBLE.search(line) is None:
        return b""
    if _BEGUN.fullmatch(line):
        return b":"
    hashes = len(line) - len(line.rstrip(b"#"))
    return b"x" + b"#" * min(hashes, 2)
