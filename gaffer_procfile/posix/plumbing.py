"""The descriptors that connect one process to gaffer, opened together and closed together."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Size = tuple[int, int]


class Plumbing:
    """What a spawn needs: the process's ends (`stdio` and `extra`) and ours.

    `input` is our end of stdin, `outputs` ours of stdout and stderr with their labels, `streams` and
    `stream_inputs` ours of the two-way pipes, to read from and to write to. What isn't connected is
    /dev/null. With `pty` (rows and columns) an output is a pseudo-terminal instead of a pipe; with
    `tty` one terminal is all three, and the first label is its. Raises OSError, with nothing left
    open.
    """

    def __init__(
        self,
        *,
        redirect_input: bool,
        redirect_output: Sequence[str],
        custom_streams: Sequence[str] = (),
        pty: Size | None = None,
        tty: Size | None = None,
    ) -> None:
        self.stdio: list[int] = []
        self.extra: list[int] = []
        self.input: int | None = None
        self.outputs: list[tuple[str, int]] = []
        self.streams: list[tuple[str, int]] = []
        self.stream_inputs: list[tuple[str, int]] = []
        try:
            if tty is not None and redirect_output:
                self._open_terminal(redirect_output[0], tty)
            else:
                self._open_input(redirect_input)
                self._open_outputs(redirect_output, pty)
            self._open_streams(custom_streams)
        except OSError:
            self.close_theirs()
            self.close_ours()
            raise

    def _open_terminal(self, label: str, size: Size) -> None:
        from .pty import open_pty

        ours, theirs = open_pty(*size, echo=True)
        self.outputs.append((label, ours))
        self.stdio.append(theirs)
        self.input = os.dup(ours)
        self.stdio += [os.dup(theirs), os.dup(theirs)]

    def _open_input(self, redirect_input: bool) -> None:
        if redirect_input:
            reader, self.input = os.pipe()
            self.stdio.append(reader)
        else:
            self.stdio.append(os.open(os.devnull, os.O_RDONLY))

    def _open_outputs(self, labels: Sequence[str], pty: Size | None) -> None:
        for label in labels:
            if pty is None:
                ours, theirs = os.pipe()
            else:
                from .pty import open_pty

                ours, theirs = open_pty(*pty)
            self.outputs.append((label, ours))
            self.stdio.append(theirs)
        while len(self.stdio) < 3:
            self.stdio.append(os.open(os.devnull, os.O_WRONLY))

    def _open_streams(self, labels: Sequence[str]) -> None:
        if labels:
            import socket  # 6 ms, for the few who have extra streams

            for label in labels:
                ours, theirs = socket.socketpair()
                self.extra.append(theirs.detach())
                self.streams.append((label, ours.detach()))
                self.stream_inputs.append((label, os.dup(self.streams[-1][1])))  # closed by itself

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
        for _label, fd in self.outputs + self.streams + self.stream_inputs:
            os.close(fd)
        self.outputs, self.streams, self.stream_inputs = [], [], []
