"""The probe `exec`: whether a command exits with 0, in the environment of the process."""

from __future__ import annotations

import signal

from ..output.ansi import strip
from ..process import Process
from .attempt import LONGEST_COMMAND, Attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_LINE = 200  # bytes of its last line, for a message


class CommandAttempt(Attempt):
    _process: Process | None = None
    _output = b""

    def start(self) -> None:
        patience = self._patience(LONGEST_COMMAND)
        self._limit(patience, f"the command doesn't end within {patience:g} s")
        self._process = Process(
            self._loop,
            0,
            self._subject.name,
            self._probe.target,
            shell=True,
            env=self._subject.env,
            cwd=self._subject.cwd,
            redirect_output=["stdout", "stderr"],
            on_exit_cb=self._handle_exit,
            stop_signal=signal.SIGKILL,
            **self._subject.user,
        )
        self._process.monitor_io(".", self._handle_output)
        self._process.spawn()

    def _release(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.stop()  # with all that it has started

    def _handle_output(self, _label: str, message: dict[str, Any]) -> None:
        kept = self._output + message["data"]
        self._output = kept[-4 * LONGEST_LINE :]

    def _handle_exit(self, process: Process, exit_status: int, term_signal: int) -> None:
        # A turn later: what it wrote last is told only then.
        self._loop.call_soon(self._conclude, process, exit_status, term_signal)

    def _conclude(self, process: Process, exit_status: int, term_signal: int) -> None:
        if exit_status == 0 and term_signal == 0:
            self._tell(None)
            return
        how = f"was killed by signal {term_signal}" if term_signal else f"exits with {exit_status}"
        last = process.reason or self._last_line()
        self._tell(f"the command {how}: {last}" if last else f"the command {how}")

    def _last_line(self) -> str:
        lines = [line for line in strip(self._output).splitlines() if line.strip()]
        text = lines[-1][:LONGEST_LINE].decode(errors="replace") if lines else ""
        return "".join(character for character in text if character.isprintable()).strip()
