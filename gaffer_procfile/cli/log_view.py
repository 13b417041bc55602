"""Lines that a run has kept, as `gaffer start` shows them: on a screen with prefixes, or as JSON."""

from __future__ import annotations

import base64
import json
import os
from datetime import datetime

from ..output.prefix import Clock, Prefixes, palette
from ..output.screen import Screen
from ..output.source import Source
from .streams import STDOUT, show, wants_colour

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    from ..loop import Loop
    from ..output.screen import ScreenStream
    from .remote import Remote

    Json = dict[str, Any]

    class View(Protocol):
        """What lines are shown by."""

        def show(self, lines: Iterable[Json]) -> None: ...
        def say(self, name: str, template: str, text: str, event: Json) -> None: ...
        def finish(self) -> None: ...


class ScreenView:
    """The lines with prefixes, in the colours of their processes."""

    def __init__(
        self,
        loop: Loop,
        remotes: Iterable[Remote],
        *,
        colour: str | None = None,
        timestamps: str = "on",
        has_prefix: bool = True,
        raw: bool = False,
    ) -> None:
        self._time = 0.0  # when the line came that is shown now
        has_colour = wants_colour(colour)
        # What a line says of the time is when it came, not when it is shown.
        clock = Clock(timestamps, now=lambda: self._time)
        prefixes = Prefixes(clock, colours=palette() if has_colour else None)
        for remote in remotes:
            for instance in remote.instances():
                prefixes.assign(instance["process"], instance["name"])
        self._screen = Screen(
            loop,
            show_bytes,
            prefixes if has_prefix else None,
            interactive=os.isatty(STDOUT),
            colour=has_colour,
            raw=raw,
        )
        self._streams: dict[tuple[str, int | None, str], ScreenStream] = {}

    def show(self, lines: Iterable[Json]) -> None:
        for line in lines:
            self._time = seconds_of(line["time"])
            end = b"" if line.get("partial") else b"\n"
            stream = self._stream(
                line["process"],
                line["name"],
                line["instance"],
                line.get("os_pid"),  # the log files know neither pids nor streams
                line.get("stream", "stdout"),
            )
            stream.feed(bytes_of(line) + end)

    def say(self, name: str, template: str, text: str, event: Json) -> None:
        self._time = seconds_of(event["time"])
        instance = event.get("instance", 0)
        stream = self._stream(name, template, instance, event.get("os_pid"), "gaffer")
        stream.feed(f"{text}\n".encode("utf-8", "surrogateescape"))

    def _stream(
        self, name: str, template: str, index: int, pid: int | None, label: str
    ) -> ScreenStream:
        key = (name, pid, label)
        stream = self._streams.get(key)
        if stream is None:
            for old in [old for old in self._streams if old[::2] == key[::2]]:
                self._streams.pop(old).end()  # of the process that was there before
            stream = self._screen.open(Source(name, template, index, pid, label))
            self._streams[key] = stream
        return stream

    def finish(self) -> None:
        for stream in self._streams.values():
            stream.end()
        self._streams.clear()
        self._screen.finish()


class JsonView:
    """The same objects as those of `gaffer start --json`."""

    def show(self, lines: Iterable[Json]) -> None:
        show_bytes(b"".join(map(_encoded, lines)))

    def say(self, _name: str, _template: str, _text: str, event: Json) -> None:
        show_bytes(_json_line(event))

    def finish(self) -> None:
        """Nothing is ever left to be written."""


def _encoded(line: Json) -> bytes:
    group, colon, _name = line["name"].partition(":")
    value = {
        "time": line["time"],
        "process": line["process"],
        "group": group if colon else "",
        "stream": line.get("stream"),
        "pid": line.get("os_pid"),
        "line": line["line"],
    }
    if "base64" in line:
        value["line_base64"] = line["base64"]
    if line.get("partial"):
        value["partial"] = True
    return _json_line(value)


def _json_line(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def show_bytes(data: bytes) -> None:
    show(data.decode("utf-8", "surrogateescape"))


def bytes_of(line: Json) -> bytes:
    """What the process wrote."""
    if "base64" in line:
        return base64.b64decode(line["base64"])
    text: str = line["line"]
    return text.encode("utf-8", "surrogatepass")


def seconds_of(time: str) -> float:
    """Seconds since the epoch, of a time in an answer."""
    return datetime.fromisoformat(time).timestamp()
