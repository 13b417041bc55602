"""The descriptors that connect one process to gaffer, opened together and closed together."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Plumbing:
    """What a spawn needs: the process's ends (`stdio` and `extra`) and ours.

    `input` is our end of stdin, `outputs` ours of stdout and stderr with their labels, `streams` ours
    of the two-way pipes. What isn't connected is /dev/null. Raises OSError, with nothing left open.
    """

    def __init__(
        self, *, redirect_input: bool, redirect_output: Sequence[str], custom_streams: Sequence[str]
    ) -> None:
        self.stdio: list[int] = []
        self.extra: list[int] = []
        self.input: int | None = None
        self.outputs: list[tuple[str, int]] = []
        self.streams: list[tuple[str, int]] = []
        try:
            self._open(redirect_input, redirect_output, custom_streams)
        except OSError:
            self.close_theirs()
            self.close_ours()
            raise

    def _open(
        self, redirect_input: bool, redirect_output: Sequence[str], custom_streams: Sequence[str]
    ) -> None:
        if redirect_input:
            reader, self.input = os.pipe()
            self.stdio.append(reader)
        else:
            self.stdio.append(os.open(os.devnull, os.O_RDONLY))
        for label in redirect_output:
            reader, writer = os.pipe()
            self.outputs.append((label, reader))
            self.stdio.append(writer)
        while len(self.stdio) < 3:
            self.stdio.append(os.open(os.devnull, os.O_WRONLY))
        if custom_streams:
            import socket  # 6 ms, for the few who have extra streams

            for label in custom_streams:
                ours, theirs = socket.socketpair()
                self.streams.append((label, ours.detach()))
                self.extra.append(theirs.detach())

    def close_theirs(self) -> None:
        """Close the process's ends: it has copies of its own, or it will never run."""
        while self.stdio:
            os.close(self.stdio.pop())
        while self.extra:
            os.close(self.extra.pop())

    def close_ours(self) -> None:
        """Close our ends, where the spawn has failed."""
        if self.input is not None:
            os.close(self.input)
            self.input = None
        for _label, fd in self.outputs + self.streams:
            os.close(fd)
        self.outputs, self.streams = [], []
