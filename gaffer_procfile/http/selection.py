"""Selection: which events and lines a client asks for, and from where on."""

from __future__ import annotations

import time

from .answers import Answer, Problem
from .disk_logs import DiskNames
from .routes import EVENTS
from .streams import EventStream, LineViews, LogHistory, LogStream
from .views import event_view

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..apps.log_ring import LogSource, Wanted
    from .disk_logs import DiskLines
    from .feed import Feed
    from .handler import HttpHandler
    from .names import Choice, Names
    from .requests import Request
    from .streams import EventFilter

    Parameters = Mapping[str, Any]

LINES = 1000  # of a history that isn't told how many


class Selection:
    """Answers what is asked of `/events` and `/logs`."""

    def __init__(self, handler: HttpHandler, names: Names, events: Feed, logs: Feed) -> None:
        self._handler = handler
        self._names = names
        self._record = handler.record
        self._ring = handler.logs
        self._events = events
        self._logs = logs
        self._views = LineViews(handler.display)

    def events(self, request: Request, parameters: Parameters) -> Answer:
        handler, record = self._handler, self._record
        wanted = self._event_filter(parameters)
        is_followed = _is_followed(request, parameters)

        def find_last(count: int) -> int:
            numbers = [number for number, _when, event in record.events(1) if wanted(event)]
            return [*numbers, record.next][max(0, len(numbers) - count)]

        begin = self._begin(
            request, parameters, record.next, 0 if is_followed else None, find_last, _no_time
        )
        if is_followed:
            return Answer.streamed(
                EventStream(self._events, handler.run, record, begin, wanted, handler.display)
            )
        views = [
            event_view(handler.run, number, when, event, handler.display)
            for number, when, event in record.events(begin)
            if wanted(event)
        ]
        following = f"{handler.run}-{record.next}"
        return Answer.json({"run": handler.run, "events": views, "next": following})

    def logs(self, request: Request, parameters: Parameters) -> Answer:
        handler, ring = self._handler, self._ring
        wanted = self._line_filter(parameters)
        is_followed = _is_followed(request, parameters)
        logged = None if is_followed else self._logged(request, parameters, wanted)
        if logged is not None:
            older, begin = logged
        else:
            older = None
            begin = self._begin(
                request,
                parameters,
                ring.next,
                0 if is_followed else LINES,
                lambda count: ring.begins(count, wanted),
                lambda text: ring.begins_at(_time(text)),
            )
        if is_followed:
            return Answer.streamed(
                LogStream(self._logs, handler.run, ring, begin, wanted, self._views)
            )
        return Answer.streamed(
            LogHistory(handler.loop, handler.run, ring, begin, wanted, handler.display, older)
        )

    def _logged(
        self, request: Request, parameters: Parameters, wanted: Wanted | None
    ) -> tuple[DiskLines, int] | None:
        """What only the log files have, and where the ring goes on; None if the ring has it all."""
        disk = self._handler.disk_logs
        # The files know neither ids nor streams.
        if disk is None or "stream" in parameters or request.header("last-event-id"):
            return None
        text = parameters.get("since")
        count = parameters.get("n", LINES if text is None else None)
        if text is not None and self._number(text) is not None:
            return None
        names = DiskNames(self._handler.manager, self._handler.display, self._choice(parameters))
        since = None if text is None else _time(text)
        return disk.find(names, self._ring, wanted, count, since)

    # ---- from where on

    def _begin(
        self,
        request: Request,
        parameters: Parameters,
        following: int,
        usual: int | None,
        find_last: Callable[[int], int],
        find_time: Callable[[str], int],
    ) -> int:
        """The number of the first that is wanted: `following` is that of the one to come.

        `find_last(count)` finds the last so many, `find_time(text)` the first from a time on; `usual`
        is how many a client gets that says neither, None for all.
        """
        last = self._number(request.header("last-event-id") or "")
        if last is not None:  # who comes back has got what else it asks for
            return max(1, min(last + 1, following))
        text, count = parameters.get("since"), parameters.get("n")
        begin = 1
        if text is not None:
            number = self._number(text)
            begin = find_time(text) if number is None else max(1, min(number, following))
        elif count is None:
            count = usual
        return begin if count is None else max(begin, find_last(count))

    def _number(self, text: str) -> int | None:
        """The number in an id. One of another run is the oldest that there is."""
        run, dash, number = text.rpartition("-")
        if not (number.isascii() and number.isdecimal() and len(number) < 16):
            return None
        if dash and run != self._handler.run:
            return 0 if len(run) == len(self._handler.run) and run.isalnum() else None
        return int(number)

    # ---- which

    def _event_filter(self, parameters: Parameters) -> EventFilter:
        kinds = set(parameters.get("event", ()))
        choice = self._choice(parameters)

        def is_wanted(event: dict[str, Any]) -> bool:
            if kinds and event["event"] not in kinds:
                return False
            return choice.has(event["name"], event.get("instance"))

        return is_wanted

    def _line_filter(self, parameters: Parameters) -> Wanted | None:
        streams = set(parameters.get("stream", ()))
        choice = self._choice(parameters)
        if not streams and not choice:
            return None

        def is_wanted(source: LogSource) -> bool:
            if streams and source.label not in streams:
                return False
            return choice.has(source.name, source.instance)

        return is_wanted

    def _choice(self, parameters: Parameters) -> Choice:
        return self._names.choose(parameters.get("process", ()))


def _is_followed(request: Request, parameters: Parameters) -> bool:
    if "follow" in parameters:
        return bool(parameters["follow"])
    return EVENTS in (request.header("accept") or "")


def _no_time(text: str) -> int:
    """Events are found by their ids only."""
    raise Problem(400, f"the parameter 'since' is an id, not {text[:100]!r}")


def _time(text: str) -> float:
    """Seconds since the epoch, of `@seconds` or ISO 8601. Raises Problem."""
    from datetime import datetime

    try:
        if text.startswith("@"):
            seconds = float(text[1:])
        else:
            # A plus in a query is a space, unless it was encoded.
            iso = text.replace(" ", "+").replace("Z", "+00:00")
            seconds = datetime.fromisoformat(iso).timestamp()
        time.localtime(seconds)  # refuses what no clock shows
    except (ValueError, OverflowError, OSError):
        raise Problem(
            400,
            f"the parameter 'since' is an id or a time, not {text[:100]!r}",
            hint="2026-01-31T12:00:00+01:00 is a time, and so is @1767225600",
        ) from None
    return seconds
