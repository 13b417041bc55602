"""Resources: what each route does, by the manager's public methods."""

from __future__ import annotations

import sys

from .. import __version__
from ..errors import nearest
from ..slots import EXITED, RUNNING, STOPPED
from .answers import Answer, Problem
from .feed import Feed
from .figures import Figures, FiguresDocument
from .openapi import document
from .schemas import MOST_PROCESSES
from .selection import Selection
from .settings import restrained, settings_of, signal_number
from .streams import OutputStream
from .views import Views, settings_view, slots_of, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ..process import Process
    from ..state import ProcessState
    from .handler import HttpHandler
    from .names import Names
    from .requests import Request

    Parameters = Mapping[str, Any]

SCROLLBACK = 65536  # bytes
ADDED = {"redirect_output": ["stdout", "stderr"], "os_env": True}


class Resources:
    """Its methods are called as `(request, parameters, body)`, all three checked, and answer."""

    def __init__(self, handler: HttpHandler, names: Names) -> None:
        self._handler = handler
        self._names = names
        self._views = Views(
            handler.loop, handler.record, handler.display, handler.probed, handler.blocked
        )
        self._manager = handler.manager
        self._loop = handler.loop
        self._figures = Figures(handler.loop, handler.manager, handler.display)
        self._events = Feed(handler.loop)
        self._logs = Feed(handler.loop)
        self._selection = Selection(handler, names, self._events, self._logs)
        handler.record.listen(self._events.note)
        handler.logs.listen(self._logs.note)

    def close(self) -> None:
        self._handler.record.unlisten(self._events.note)
        self._handler.logs.unlisten(self._logs.note)
        self._events.close()
        self._logs.close()

    # ---- the run

    def get_run(self, _request: Request, _parameters: Parameters, _body: Any) -> Answer:
        handler = self._handler
        known = {
            "run": handler.run,
            "pid": handler.pid,
            "since": timestamp(handler.since),
            "directory": handler.directory,
            "version": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            "stopping": self._manager.stopping,
            "socket": handler.socket,
            "url": handler.url,
        }
        return Answer.json({**(handler.info() if handler.info is not None else {}), **known})

    def restart(self, _request: Request, _parameters: Parameters, _body: Any) -> Answer:
        self._manager.restart()
        return _accepted()

    def shutdown(self, _request: Request, _parameters: Parameters, body: Any) -> Answer:
        # In another turn, or the answer would come after the end.
        self._loop.call_soon(self._manager.stop)
        if body and body.get("kill"):
            self._loop.call_soon(lambda: self._loop.call_soon(self._manager.kill))
        return _accepted()

    def get_readiness(self, _request: Request, _parameters: Parameters, _body: Any) -> Answer:
        views = []
        all_ready = True
        for state in self._states():
            for slot in slots_of(state):
                view = self._views.instance(state, slot)
                # Before its first start it waits for others, or for a request.
                if slot.state != STOPPED and (state.active or not state.slots):
                    # What ended with success has done what it was there for.
                    is_well = slot.state == EXITED or slot.state == RUNNING
                    all_ready = all_ready and is_well and view["ready"] is not False
                names = ("name", "process", "instance", "id", "state", "ready")
                views.append({name: view[name] for name in names})
            if state.active and len(state.slots) < state.numprocesses:
                all_ready = False
        value = {"ready": all_ready, "processes": views}
        return Answer.json(value, 200 if all_ready else 503)

    # ---- groups

    def list_groups(self, _request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return Answer.json({"groups": [self._group(name) for name in self._manager.get_groups()]})

    def get_group(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return Answer.json(self._group(request.arguments["group"]))

    def start_group(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._do_to_group(request, self._manager.start_group)

    def stop_group(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._do_to_group(request, self._manager.stop_group)

    def restart_group(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._do_to_group(request, self._manager.restart_group)

    def remove_group(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        self._do_to_group(request, self._manager.remove_group)
        return _accepted()

    def _do_to_group(self, request: Request, function: Callable[[str], object]) -> Answer:
        group = self._group(request.arguments["group"])
        function(group["name"])
        return Answer.json(group, 202)

    def _group(self, name: str) -> dict[str, Any]:
        try:
            return {"name": name, "processes": self._manager.get_group(name)}
        except KeyError:
            hint = nearest(name, self._manager.get_groups())
            raise Problem(404, f"no such group: {name[:200]!r}", hint=hint) from None

    # ---- processes

    def list_processes(self, _request: Request, parameters: Parameters, _body: Any) -> Answer:
        states = self._states()
        if "group" in parameters:
            members = self._group(parameters["group"])["processes"]
            states = [state for state in states if state.name in members]
        return Answer.json({"processes": [self._views.process(each) for each in states]})

    def add_process(self, _request: Request, _parameters: Parameters, body: Any) -> Answer:
        settings = restrained({**ADDED, **settings_of(body)})
        name, cmd = body["name"], body["cmd"]
        if self._manager.get_process_state(name) is not None:
            raise Problem(409, f"there is a process {name!r} already")
        _valid(lambda: self._manager.add_process(name, cmd, start=False, **settings))
        if body.get("start", True):
            self._manager.start_process(name)  # which doesn't start hundreds in one turn
        return Answer.json(self._views.process(self._state(name)), 201)

    def get_process(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        state = self._state_of(request)
        view = self._views.process(state)
        return Answer.json({**view, "settings": settings_view(state)})

    def replace_process(self, request: Request, _parameters: Parameters, body: Any) -> Answer:
        state = self._state_of(request)
        settings = restrained({**ADDED, **settings_of(body)})
        start = body.get("start", True)
        _valid(
            lambda: self._manager.update_process(state.name, body["cmd"], start=start, **settings)
        )
        return self._process(state.name, 202)

    def update_process(self, request: Request, _parameters: Parameters, body: Any) -> Answer:
        state = self._state_of(request)
        settings = {**state.settings, **settings_of(body)}
        settings.pop("group", None)
        settings = restrained(settings)
        if "numprocesses" not in body:
            settings["numprocesses"] = state.numprocesses  # as it was scaled to
        cmd = body.get("cmd", state.cmd)
        start = body.get("start")  # None: but what was stopped
        _valid(lambda: self._manager.update_process(state.name, cmd, start=start, **settings))
        return self._process(state.name, 202)

    def remove_process(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        self._manager.remove_process(self._state_of(request).name)
        return _accepted()

    def start_process(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._do_to_process(request, self._manager.start_process)

    def stop_process(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._do_to_process(request, self._manager.stop_process)

    def restart_process(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._do_to_process(request, self._manager.restart_process)

    def scale_process(self, request: Request, _parameters: Parameters, body: Any) -> Answer:
        state = self._state_of(request)
        if "numprocesses" in body and "by" in body:
            raise Problem(400, "either 'numprocesses' or 'by'")
        wanted = body.get("numprocesses", max(0, state.numprocesses + body.get("by", 0)))
        if wanted > MOST_PROCESSES:
            raise Problem(400, f"{MOST_PROCESSES} processes at the most")
        more = wanted - state.numprocesses
        if more < 0:
            self._manager.ttou(state.name, -more)
        else:
            _valid(lambda: self._manager.ttin(state.name, more))
        return self._process(state.name, 202)

    def signal_process(self, request: Request, _parameters: Parameters, body: Any) -> Answer:
        state = self._state_of(request)
        return self._signal(state.name, state.pids, body)

    def get_process_stats(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._stats(self._state_of(request).pids)

    def _do_to_process(self, request: Request, function: Callable[[str], object]) -> Answer:
        name = self._state_of(request).name
        function(name)
        return self._process(name, 202)

    def _process(self, name: str, status: int) -> Answer:
        return Answer.json(self._views.process(self._state(name)), status)

    # ---- instances

    def list_instances(self, _request: Request, _parameters: Parameters, _body: Any) -> Answer:
        views = [view for state in self._states() for view in self._views.instances(state)]
        return Answer.json({"instances": views})

    def get_instance(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._instance(self._active(request), 200)

    def stop_instance(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        process = self._active(request)
        self._manager.stop_process(process.id)
        return self._instance(process, 202)

    def restart_instance(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        process = self._active(request)
        self._manager.restart_process(process.id)
        return self._instance(process, 202)

    def signal_instance(self, request: Request, _parameters: Parameters, body: Any) -> Answer:
        process = self._running(request)
        return self._signal(process.id, [process.id], body)

    def get_instance_stats(self, request: Request, _parameters: Parameters, _body: Any) -> Answer:
        figures = self._figures.of(self._running(request).id)
        if figures is None:
            raise Problem(404, "it has just ended")
        return Answer.json(figures)

    def write_input(self, request: Request, _parameters: Parameters, body: Any) -> Answer:
        process = self._running(request)
        if not process.redirect_input:
            raise Problem(
                409, f"{process.name} takes no input", hint="redirect_input gives it some"
            )
        data = _input(body)
        process.write(data)
        return Answer.json({"accepted": True, "bytes": len(data)}, 202)

    def set_window(self, request: Request, _parameters: Parameters, body: Any) -> Answer:
        process = self._running(request)
        state = self._state(process.name)
        if not (state.settings.get("pty") or state.settings.get("tty")):
            raise Problem(409, f"{process.name} has no terminal")
        process.set_window_size(body["rows"], body["columns"])
        return _accepted()

    def get_output(self, request: Request, parameters: Parameters, _body: Any) -> Answer:
        process = self._running(request)
        scrollback = parameters.get("scrollback", SCROLLBACK)
        most = self._handler.limits.unsent_bytes
        return Answer.streamed(
            OutputStream(self._loop, process, self._handler.logs, scrollback, most)
        )

    def list_stats(self, _request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return self._stats(self._manager.running_processes())

    def _stats(self, ids: Iterable[int]) -> Answer:
        return Answer.streamed(FiguresDocument(self._loop, self._figures, ids))

    def _instance(self, process: Process, status: int) -> Answer:
        state = self._manager.get_process_state(process.name)
        slot = state.slots.get(process.instance) if state is not None else None
        if state is None or slot is None:
            raise Problem(404, "it has just ended")
        return Answer.json(self._views.instance(state, slot), status)

    # ---- what has happened, and what was written

    def get_events(self, request: Request, parameters: Parameters, _body: Any) -> Answer:
        return self._selection.events(request, parameters)

    def get_logs(self, request: Request, parameters: Parameters, _body: Any) -> Answer:
        return self._selection.logs(request, parameters)

    def get_openapi(self, _request: Request, _parameters: Parameters, _body: Any) -> Answer:
        return Answer.json(document())

    # ---- shared

    def _states(self) -> list[ProcessState]:
        return list(self._manager.processes.values())

    def _state(self, name: str) -> ProcessState:
        state = self._manager.get_process_state(name)
        if state is None:
            raise Problem(404, f"no such process: {name[:200]!r}")
        return state

    def _state_of(self, request: Request) -> ProcessState:
        return self._state(self._names.full_name(request.arguments["name"]))

    def _running(self, request: Request) -> Process:
        return _found(request, self._names.running)

    def _active(self, request: Request) -> Process:
        """One that may have been told to stop already: that may be told otherwise."""
        return _found(request, self._names.active)

    def _signal(self, name_or_id: str | int, ids: list[int], body: Any) -> Answer:
        number = signal_number(body["signal"])
        self._manager.send_signal(name_or_id, number, tree=body.get("tree", False))
        return Answer.json({"signalled": ids}, 202)


def _found(request: Request, find: Callable[[str], Process | None]) -> Process:
    text = request.arguments["id"]
    process = find(text)
    if process is None:
        raise Problem(404, f"nothing runs that has the id {text[:40]}", hint="see /instances")
    return process


def _accepted() -> Answer:
    return Answer.json({"accepted": True}, 202)


def _valid(function: Callable[[], object]) -> None:
    """Have the manager look at settings that only it can judge."""
    try:
        function()
    except (TypeError, ValueError) as error:
        raise Problem(400, str(error)) from error


def _input(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    if ("text" in body) == ("base64" in body):
        raise Problem(400, "either 'text' or 'base64'")
    if "text" in body:
        return str(body["text"]).encode()
    import base64
    import binascii

    try:
        return base64.b64decode(body["base64"], validate=True)
    except binascii.Error as error:
        raise Problem(400, f"'base64' can't be decoded: {error}") from error
