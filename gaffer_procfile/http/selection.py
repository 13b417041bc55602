"""Selection: which events and lines a client asks for, from where on, and by which names."""

from __future__ import annotations

from ..errors import nearest
from .answers import Answer, Problem
from .disk_logs import DiskNames
from .routes import EVENTS
from .streams import EventStream, LineViews, LogHistory, LogStream
from .views import event_view

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..apps.log_ring import LogSource, Wanted
    from .disk_logs import DiskLines
    from .feed import Feed
    from .handler import HttpHandler
    from .requests import Request
    from .streams import EventFilter

    Parameters = Mapping[str, Any]

LINES = 1000  # of a history that isn't told how many


class Selection:
    """Answers what is asked of `/events` and `/logs`."""

    def __init__(self, handler: HttpHandler, events: Feed, logs: Feed) -> None:
        self._handler = handler
        self._record = handler.record
        self._ring = handler.logs
        self._events = events
        self._logs = logs
        self._views = LineViews(handler.display)

    def events(self, request: Request, parameters: Parameters) -> Answer:
        wanted = self._event_filter(parameters)
        since = self._since(request, parameters, self._record.next)
        handler = self._handler
        if _is_followed(request, parameters):
            if since is None:
                since = self._nth_last_event(parameters.get("n", 0), wanted)
            return Answer.streamed(
                EventStream(self._events, handler.run, self._record, since, wanted, handler.display)
            )
        found = [entry for entry in self._record.events(since or 0) if wanted(entry[2])]
        if "n" in parameters:
            found = found[len(found) - min(parameters["n"], len(found)) :]
        views = [event_view(handler.run, *entry, handler.display) for entry in found]
        following = f"{handler.run}-{self._record.next}"
        return Answer.json({"run": handler.run, "events": views, "next": following})

    def _nth_last_event(self, count: int, wanted: EventFilter) -> int:
        numbers = [number for number, _when, event in self._record.events(0) if wanted(event)]
        return numbers[-count] if 0 < count <= len(numbers) else self._first(numbers, count)

    def _first(self, numbers: list[int], count: int) -> int:
        return numbers[0] if count and numbers else self._record.next

    def logs(self, request: Request, parameters: Parameters) -> Answer:
        wanted = self._line_filter(parameters)
        handler = self._handler
        is_followed = _is_followed(request, parameters)
        if not is_followed:
            logged = self._logged(request, parameters, wanted)
            if logged is not None:
                older, begin = logged
                return Answer.streamed(
                    LogHistory(
                        handler.loop, handler.run, self._ring, begin, wanted, handler.display, older
                    )
                )
        since = self._since(request, parameters, self._ring.next, of_lines=True)
        if since is None:
            since = self._ring.begins(parameters.get("n", 0 if is_followed else LINES), wanted)
        elif "n" in parameters:
            since = max(since, self._ring.begins(parameters["n"], wanted))
        if is_followed:
            return Answer.streamed(
                LogStream(self._logs, handler.run, self._ring, since, wanted, self._views)
            )
        return Answer.streamed(
            LogHistory(handler.loop, handler.run, self._ring, since, wanted, handler.display)
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
        names = DiskNames(self._handler.manager, self._handler.display, self._chosen(parameters))
        since = None if text is None else _time(text)
        return disk.find(names, self._ring, wanted, count, since)

    # ---- from where on

    def _since(
        self, request: Request, parameters: Parameters, following: int, *, of_lines: bool = False
    ) -> int | None:
        """The number to begin with; None where the client doesn't say."""
        last = request.header("last-event-id")
        if last:
            number = self._number(last)
            return None if number is None else max(1, min(number + 1, following))
        text = parameters.get("since")
        if text is None:
            return None
        number = self._number(text)
        if number is None and of_lines:
            return self._ring.begins_at(_time(text))
        if number is None:
            raise Problem(400, f"the parameter 'since' is an id, not {text[:100]!r}")
        return max(1, min(number, following))

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
        chosen = self._chosen(parameters)

        def is_wanted(event: dict[str, Any]) -> bool:
            if kinds and event["event"] not in kinds:
                return False
            return not chosen or any(
                event["name"] == name and instance in (None, event.get("instance"))
                for name, instance in chosen
            )

        return is_wanted

    def _line_filter(self, parameters: Parameters) -> Wanted | None:
        streams = set(parameters.get("stream", ()))
        chosen = self._chosen(parameters)
        if not streams and not chosen:
            return None

        def is_wanted(source: LogSource) -> bool:
            if streams and source.label not in streams:
                return False
            return not chosen or any(
                source.name == name and instance in (None, source.instance)
                for name, instance in chosen
            )

        return is_wanted

    def _chosen(self, parameters: Parameters) -> list[tuple[str, int | None]]:
        """The names asked for: of a template, and an instance or None for all of them."""
        return [self._choice(text) for text in parameters.get("process", ())]

    def _choice(self, text: str) -> tuple[str, int | None]:
        known = self._find(text)
        if known is not None:
            return known, None
        name, dot, number = text.rpartition(".")
        if dot and number.isascii() and number.isdecimal() and len(number) < 9:
            known = self._find(name)
            if known is not None:
                return known, int(number)
        raise self._unknown(text)

    # ---- names

    def full_name(self, text: str) -> str:
        """The name of the template that `text` means. Raises Problem."""
        name = self._find(text)
        if name is None:
            raise self._unknown(text)
        return name

    def _find(self, text: str) -> str | None:
        known = self._handler.manager.processes
        if text in known:
            return text
        if self._handler.names is not None:
            found = self._handler.names(text)
            return found if found in known else None
        short = [name for name in known if name.partition(":")[2] == text]
        return short[0] if len(short) == 1 else None

    def _unknown(self, text: str) -> Problem:
        known = list(self._handler.manager.processes)
        several = [name for name in known if name.partition(":")[2] == text]
        if len(several) > 1:
            hint = f"there is {', '.join(several)}"
        else:
            hint = nearest(text, [*known, *(name.partition(":")[2] for name in known)]) or ""
        return Problem(404, f"no such process: {text[:200]!r}", hint=hint or "see /processes")


def _is_followed(request: Request, parameters: Parameters) -> bool:
    if "follow" in parameters:
        return bool(parameters["follow"])
    return EVENTS in (request.header("accept") or "")


def _time(text: str) -> float:
    """Seconds since the epoch, of `@seconds` or ISO 8601. Raises Problem."""
    from datetime import datetime

    try:
        if text.startswith("@"):
            return float(text[1:])
        # A plus in a query is a space, unless it was encoded.
        return datetime.fromisoformat(text.replace(" ", "+").replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        raise Problem(
            400,
            f"the parameter 'since' is an id or a time, not {text[:100]!r}",
            hint="2026-01-31T12:00:00+01:00 is a time, and so is @1767225600",
        ) from None
