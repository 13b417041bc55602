"""DiskLogs: what a run has in its log files, for who asks for more than the ring still has."""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring

from .answers import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..apps.log_ring import LogRing, Wanted
    from ..manager import Manager
    from ..output.log_reader import LoggedLine
    from .names import Choice, Display

MOST_LINES = 100_000


class DiskLogs:
    """The log files in `directory`, and when the run began that has the ring, in seconds."""

    def __init__(self, directory: str, began: float) -> None:
        self._directory = directory
        self._began = began

    def find(
        self,
        names: DiskNames,
        ring: LogRing,
        wanted: Wanted | None,
        count: int | None,
        since: float | None,
    ) -> tuple[DiskLines, int] | None:
        """The lines that the ring hasn't any more, and the number from which it has all.

        None if it has all that is asked for: `count` lines (None for all, but not more of the files
        than MOST_LINES), or those that came at `since` or later. Without `since` they are this run's.
        """
        whole = ring.whole_from(wanted)
        oldest = since if since is not None else self._began
        surplus = float("inf")
        first = next(ring.blocks(whole, wanted), None)
        if whole == 1:
            until = self._began
        elif first is not None:
            until = first.time
        else:
            until, surplus = time.time() + 1, 0
        if oldest >= until or (count is not None and ring.has(count, whole, wanted)):
            return None
        # Each of them is counted only now: that takes its time.
        missing = MOST_LINES
        blocks = list(ring.blocks(whole, wanted))
        if count is not None:
            missing = count - sum(block.count for block in blocks)
        if whole > 1 and first is not None:
            # To the second is all that the files know. So many lines of that one are in the ring.
            surplus = sum(block.count for block in blocks if int(block.time) == int(until))
        return DiskLines(self._directory, names, missing, oldest, until, surplus), whole


class DiskNames:
    """The processes that are wanted, by the names with which they are logged."""

    def __init__(self, manager: Manager, display: Display, choice: Choice) -> None:
        self._manager = manager
        self._display = display
        self._choice = choice
        self._found: dict[str, tuple[str, int]] = {}

    def knows(self, process: str) -> bool:
        """Whether lines of `process` are wanted. Another run's may be in the same files."""
        number = process.rpartition(".")[2]
        if not (number.isascii() and number.isdecimal() and len(number) < 9):
            return False
        for name in self._manager.processes:
            if self._display(name, int(number)) == process:
                self._found[process] = name, int(number)
                return self._choice.has(name, int(number))
        return False

    def parts(self, process: str) -> tuple[str, int]:
        """The template and the instance of what is known."""
        return self._found[process]


class DiskLines:
    """Lines of the log files as JSON, piece by piece. Raises Problem where they can't be read."""

    def __init__(
        self,
        directory: str,
        names: DiskNames,
        count: int,
        since: float,
        until: float,
        surplus: float,
    ) -> None:
        from ..output.log_reader import STAMP, LogFiles, LogReader

        since_stamp, until_stamp = (
            time.strftime(STAMP, time.localtime(seconds)) for seconds in (since, until)
        )
        try:
            self._files = LogFiles(directory)
        except OSError as error:
            raise Problem(503, f"the log can't be read: {error}") from None
        self._reader = LogReader(self._files, names.knows, count, since_stamp, until_stamp, surplus)
        self._names = names
        self._is_found = False
        self._stamp = ""
        self._heads: dict[str, str] = {}

    def pull(self) -> bytes | None:
        """Objects with commas between them; nothing for now (b""), or the end (None)."""
        if not self._is_found:
            self._is_found = self._reader.look_back()
            return b""
        lines = self._reader.read_on()
        if lines is None:
            return None
        return b",".join(map(self._view, lines))

    def _view(self, line: LoggedLine) -> bytes:
        text = line.text.decode("utf-8", "replace")
        view = self._head_of(line) + encode_basestring(text)
        if "\ufffd" in text and text.encode() != line.text:
            import base64

            view += f',"base64":"{base64.b64encode(line.text).decode("ascii")}"'
        view += ',"partial":true}' if line.partial else "}"
        return view.encode("utf-8", "backslashreplace")

    def _head_of(self, line: LoggedLine) -> str:
        """What all lines of a process have in common that came in one second."""
        if line.stamp != self._stamp:
            self._stamp = line.stamp
            self._heads.clear()
        head = self._heads.get(line.process)
        if head is None:
            name, instance = self._names.parts(line.process)
            common = {
                "from": "disk",
                "time": _local(line.stamp),
                "name": name,
                "process": line.process,
                "instance": instance,
            }
            made = json.dumps(common, ensure_ascii=False, separators=(",", ":"))
            head = self._heads[line.process] = made[:-1] + ',"line":'
        return head

    def close(self) -> None:
        self._files.close()


def _local(stamp: str) -> str:
    """ISO 8601 with the zone, of a time as it was logged."""
    from ..output.log_reader import STAMP

    try:
        seconds = time.mktime(time.strptime(stamp, STAMP))
    except (ValueError, OverflowError):
        seconds = 0.0  # none of ours is like that, but somebody may have edited the file
    zone = time.strftime("%z", time.localtime(seconds))
    return f"{stamp.replace(' ', 'T')}{zone[:3]}:{zone[3:]}"
