"""The output as JSON: one object a line, for programs to read."""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring

from .lines import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .lines import Block
    from .source import Source


class JsonLines:
    """Writes each line as `{"time", "process", "group", "stream", "pid", "line"}` by `write(bytes)`.

    `time` is ISO 8601 with its zone. A line that isn't UTF-8 has U+FFFD where it isn't, and
    `line_base64` with its bytes. A line that is cut, as it is too long, comes in objects of which
    all but the last have `"partial": true`.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._second = -1
        self._text = ""

    def open(self, source: Source) -> JsonStream:
        return JsonStream(self, source)

    def finish(self) -> None:
        """Nothing is ever left to be written."""

    def say(
        self,
        text: str,
        event: str,
        details: dict[str, Any],
        last_lines: Sequence[bytes] = (),
    ) -> None:
        """Something that happened, as `{"time", "event", "message", …}`."""
        said = {"time": self._time(), "event": event, "message": text, **details}
        if last_lines:
            said["last_lines"] = [line.decode("utf-8", "replace") for line in last_lines]
        self._write(_encode(said))

    def write_block(self, source: Source, block: Block) -> None:
        known = {
            "time": self._time(),
            "process": source.name,
            "group": source.group,
            "stream": source.stream,
            "pid": source.pid,
        }
        if block.partial:
            self._write(_encode({**known, **_line(block.text), "partial": True}))
            return
        try:
            lines = block.text[:-1].decode().split("\n")
        except UnicodeDecodeError:
            parts = block.text[:-1].split(b"\n")
            self._write(b"".join([_encode({**known, **_line(line)}) for line in parts]))
            return
        # What the lines have in common is made into JSON once.
        head = json.dumps(known, ensure_ascii=False)[:-1] + ', "line": '
        text = "".join([f"{head}{encode_basestring(line)}}}\n" for line in lines])
        self._write(text.encode("utf-8", "backslashreplace"))

    def _time(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            zone = time.strftime("%z", time.localtime(second))
            date = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(second))
            self._text = f"{date}.{{:06d}}{zone[:3]}:{zone[3:]}"
        return self._text.format(int(now % 1 * 1e6))


class JsonStream:
    """One stream on its way to being JSON: as the process wrote it, escape sequences and all."""

    def __init__(self, writer: JsonLines, source: Source) -> None:
        self.source = source
        self._writer = writer
        self._lines = Lines(raw=True)

    def feed(self, data: bytes) -> None:
        for block in self._lines.feed(data):
            self._writer.write_block(self.source, block)

    def end(self) -> None:
        for block in self._lines.end():
            self._writer.write_block(self.source, block)


def _line(line: bytes) -> dict[str, str]:
    try:
        return {"line": line.decode()}
    except UnicodeDecodeError:
        import base64

        return {
            "line": line.decode("utf-8", "replace"),
            "line_base64": base64.b64encode(line).decode("ascii"),
        }


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
