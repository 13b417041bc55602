"""The table of routes. The router, the OpenAPI document and docs/api.md are made from it."""

from __future__ import annotations

from . import schemas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .schemas import Schema

JSON = "application/json"
BYTES = "application/octet-stream"
EVENTS = "text/event-stream"


class Parameter:
    """Something behind the question mark; an array may come more than once."""

    __slots__ = ("description", "name", "schema")

    def __init__(self, name: str, schema: Schema, description: str) -> None:
        self.name = name
        self.schema = schema
        self.description = description


class Route:
    """What one method on one path does. `does` names the method of `Resources` that does it.

    `answers` are the schemas by status, `body` that of what is sent, if it is JSON; `media` are the
    types of the answer, and `takes` those of the body.
    """

    __slots__ = (
        "answers",
        "body",
        "does",
        "media",
        "method",
        "needs_body",
        "parameters",
        "path",
        "problems",
        "segments",
        "summary",
        "takes",
    )

    def __init__(
        self,
        method: str,
        path: str,
        does: str,
        summary: str,
        answers: Mapping[int, str | None],
        *,
        body: Schema | None = None,
        needs_body: bool = True,
        parameters: tuple[Parameter, ...] = (),
        problems: tuple[int, ...] = (),
        media: tuple[str, ...] = (JSON,),
        takes: tuple[str, ...] = (JSON,),
    ) -> None:
        self.method = method
        self.path = path
        self.does = does
        self.summary = summary
        self.answers = answers
        self.body = body
        self.needs_body = body is not None and needs_body
        self.parameters = {parameter.name: parameter for parameter in parameters}
        self.problems = problems
        self.media = media
        self.takes = takes
        self.segments = path[1:].split("/")


_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_FOLLOW = Parameter("follow", {"type": "boolean"}, "go on with what comes, as server-sent events")
_PROCESS = Parameter(
    "process", _TEXTS, "only of these: names of processes (`api:web`, `web`) or instances (`web.1`)"
)


def _since(more: str) -> Parameter:
    return Parameter("since", {"type": "string"}, f"from this id on, as `next` gave it{more}")


def _latest(most: int, default: str) -> Parameter:
    schema = {"type": "integer", "minimum": 0, "maximum": most}
    return Parameter("n", schema, f"only the last so many ({default})")


ROUTES = (
    Route("GET", "/run", "get_run", "What this gaffer is.", {200: "Run"}),
    Route("POST", "/restart", "restart", "Restart all processes.", {202: "Accepted"}),
    Route(
        "POST",
        "/shutdown",
        "shutdown",
        "Stop all processes, in order, and end.",
        {202: "Accepted"},
        body=schemas.SHUTDOWN,
        needs_body=False,
    ),
    Route(
        "GET",
        "/readiness",
        "get_readiness",
        "Whether all that is wanted runs and is ready; if not, with status 503.",
        {200: "Readiness", 503: "Readiness"},
    ),
    Route("GET", "/groups", "list_groups", "The groups.", {200: "Groups"}),
    Route("GET", "/groups/{group}", "get_group", "One group.", {200: "Group"}),
    Route(
        "DELETE", "/groups/{group}", "remove_group", "Stop and remove a group.", {202: "Accepted"}
    ),
    *(
        Route(
            "POST",
            f"/groups/{{group}}/{verb}",
            f"{verb}_group",
            f"{verb.capitalize()} all processes of a group.",
            {202: "Group"},
        )
        for verb in ("start", "stop", "restart")
    ),
    Route(
        "GET",
        "/processes",
        "list_processes",
        "The processes, that is the templates, and what runs of each.",
        {200: "Processes"},
        parameters=(Parameter("group", {"type": "string"}, "only those of this group"),),
    ),
    Route(
        "POST",
        "/processes",
        "add_process",
        "Add a process, and start it. Its output is read, and it gets gaffer's environment, "
        "unless `redirect_output` and `os_env` say otherwise.",
        {201: "Process"},
        body=schemas.NEW_PROCESS,
        problems=(409,),
    ),
    Route("GET", "/processes/{name}", "get_process", "One process.", {200: "Process"}),
    Route(
        "PUT",
        "/processes/{name}",
        "replace_process",
        "Give a process a new command and new settings, and restart it.",
        {202: "Process"},
        body=schemas.ALL_SETTINGS,
    ),
    Route(
        "PATCH",
        "/processes/{name}",
        "update_process",
        "Change the command or some settings of a process, and restart it.",
        {202: "Process"},
        body=schemas.SOME_SETTINGS,
    ),
    Route(
        "DELETE",
        "/processes/{name}",
        "remove_process",
        "Stop and remove a process.",
        {202: "Accepted"},
    ),
    Route("POST", "/processes/{name}/start", "start_process", "Start it.", {202: "Process"}),
    Route("POST", "/processes/{name}/stop", "stop_process", "Stop it.", {202: "Process"}),
    Route(
        "POST",
        "/processes/{name}/restart",
        "restart_process",
        "Restart it, one instance after the other; what was stopped is started.",
        {202: "Process"},
    ),
    Route(
        "POST",
        "/processes/{name}/scale",
        "scale_process",
        "Run so many of it, or so many more or fewer.",
        {202: "Process"},
        body=schemas.SCALE,
    ),
    Route(
        "POST",
        "/processes/{name}/signal",
        "signal_process",
        "Send a signal to all instances.",
        {202: "Signalled"},
        body=schemas.SIGNAL,
    ),
    Route(
        "GET", "/processes/{name}/stats", "get_process_stats", "What it costs.", {200: "AllStats"}
    ),
    Route(
        "GET",
        "/instances",
        "list_instances",
        "The instances of all processes: each slot, also where nothing runs.",
        {200: "Instances"},
    ),
    Route("GET", "/instances/{id}", "get_instance", "One that runs.", {200: "Instance"}),
    Route(
        "POST",
        "/instances/{id}/stop",
        "stop_instance",
        "Stop one; its slot stays empty until the process is started.",
        {202: "Instance"},
    ),
    Route("POST", "/instances/{id}/restart", "restart_instance", "Restart one.", {202: "Instance"}),
    Route(
        "POST",
        "/instances/{id}/signal",
        "signal_instance",
        "Send it a signal.",
        {202: "Signalled"},
        body=schemas.SIGNAL,
    ),
    Route("GET", "/instances/{id}/stats", "get_instance_stats", "What it costs.", {200: "Stats"}),
    Route(
        "POST",
        "/instances/{id}/input",
        "write_input",
        "Write to its standard input: text, base64, or the body as it is.",
        {202: "Accepted"},
        body=schemas.INPUT,
        takes=(JSON, BYTES),
        problems=(409,),
    ),
    Route(
        "POST",
        "/instances/{id}/window",
        "set_window",
        "Tell it the size of its terminal.",
        {202: "Accepted"},
        body=schemas.WINDOW,
        problems=(409,),
    ),
    Route(
        "GET",
        "/instances/{id}/output",
        "get_output",
        "The last bytes that it wrote, and then all that it writes, until it ends.",
        {200: None},
        parameters=(
            Parameter(
                "scrollback",
                {"type": "integer", "minimum": 0, "maximum": 16 * 1024 * 1024},
                "so many bytes of the past (65536)",
            ),
        ),
        media=(BYTES,),
    ),
    Route("GET", "/stats", "list_stats", "What all that runs costs.", {200: "AllStats"}),
    Route(
        "GET",
        "/events",
        "get_events",
        "What has happened; with `follow`, or `Accept: text/event-stream`, what happens.",
        {200: "Events"},
        parameters=(
            _FOLLOW,
            _since(""),
            _latest(100_000, "all; when following none"),
            Parameter("event", _TEXTS, "only of these kinds"),
            _PROCESS,
        ),
        media=(JSON, EVENTS),
    ),
    Route(
        "GET",
        "/logs",
        "get_logs",
        "What the processes wrote; with `follow`, or `Accept: text/event-stream`, what they write.",
        {200: "Lines"},
        parameters=(
            _FOLLOW,
            _since(", or from a time on: ISO 8601, or `@` and seconds since the epoch"),
            _latest(100_000, "1000; when following none"),
            _PROCESS,
            Parameter("stream", _TEXTS, "only of these streams"),
        ),
        problems=(503,),
        media=(JSON, EVENTS),
    ),
    Route("GET", "/openapi.json", "get_openapi", "This document.", {200: None}),
)
