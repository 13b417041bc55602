"""Whose stream it is that a line comes from."""

from __future__ import annotations

SYSTEM = "gaffer"  # the name of what no process wrote
STDOUT = "stdout"
STDERR = "stderr"


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


def system_source() -> Source:
    return Source(SYSTEM, SYSTEM, 0, None, SYSTEM)
