"""Whose stream it is that a line comes from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SYSTEM = "gaffer"  # the name of what no process wrote
STDOUT = "stdout"
STDERR = "stderr"
EXIT = "exit"  # the event of the end of a process
FAILURE = "failure"  # that of the report on one that failed
NOTICE = "notice"  # the event of what gaffer says by the way: that Ctrl-C was heard, what is used


class Source:
    """One stream of one process, as a person is told of it.

    `name` is what is shown (`web.1`), `template` the manager's name (`shop:web`), `index` the
    instance's number, `pid` the system's (None for gaffer's own lines), `stream` is `stdout`,
    `stderr` or `gaffer`.
    """

    __slots__ = ("index", "name", "pid", "stream", "template")

    def __init__(self, name: str, template: str, index: int, pid: int | None, stream: str) -> None:
        self.name = name
        self.template = template
        self.index = index
        self.pid = pid
        self.stream = stream

    @property
    def group(self) -> str:
        group, colon, _name = self.template.partition(":")
        return group if colon else ""


def report(text: str, last_lines: Sequence[bytes]) -> bytes:
    """Lines of gaffer's own: `text`, and the last lines of the process that it tells of."""
    lines = [text.encode("utf-8", "surrogateescape")]
    if last_lines:
        lines.append(b"its last lines:" if len(last_lines) > 1 else b"its last line:")
        lines += [b"    " + line for line in last_lines]
    return b"\n".join(lines) + b"\n"


def system_source() -> Source:
    return Source(SYSTEM, SYSTEM, 0, None, SYSTEM)
