"""How things look in JSON: processes, instances, events, lines."""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring

from ..output.redact import MASK, is_secret
from ..slots import PENDING, Slot
from .schemas import SETTINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from ..apps.log_ring import LogBlock
    from ..loop import Loop
    from ..process import Process
    from ..state import ProcessState
    from .names import Display
    from .record import Record


def timestamp(seconds: float) -> str:
    """ISO 8601 with the local zone, of seconds since the epoch."""
    whole = int(seconds)
    local = time.localtime(whole)
    zone = time.strftime("%z", local)
    micros = int((seconds - whole) * 1e6)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', local)}.{micros:06d}{zone[:3]}:{zone[3:]}"


class Views:
    """Templates and their slots, with what a record knows of these.

    `probed` are the templates of which somebody looks whether they are ready, `blocked` those that
    can't be started, and why.
    """

    def __init__(
        self,
        loop: Loop,
        record: Record,
        display: Display,
        probed: Collection[str],
        blocked: Mapping[str, str],
    ) -> None:
        self._loop = loop
        self._record = record
        self._display = display
        self._probed = probed
        self._blocked = blocked

    def process(self, state: ProcessState) -> dict[str, Any]:
        """A template and its slots."""
        instances = self.instances(state)
        return {
            "name": state.name,
            "group": state.group,
            "cmd": state.cmd,
            "active": state.active,
            "running": len(state.running),
            "numprocesses": state.numprocesses,
            "restart": state.restart,
            "restarts": sum(instance["restarts"] for instance in instances),
            "instances": instances,
        }

    def instances(self, state: ProcessState) -> list[dict[str, Any]]:
        """The slots of a template."""
        return [self.instance(state, slot) for slot in slots_of(state)]

    def instance(self, state: ProcessState, slot: Slot) -> dict[str, Any]:
        """A slot of a template: the process that runs in it, or what has become of the last one."""
        process = slot.process if slot.process is not None and slot.process.active else None
        past = self._record.past(state.name, slot.number)
        since = past.since if process is not None else None
        exit_status, term_signal, reason = slot.end
        return {
            "name": state.name,
            "process": self._display(state.name, slot.number),
            "instance": slot.number,
            "state": slot.state,
            "id": None if process is None else process.id,
            "os_pid": None if process is None else process.pid,
            "port": _port(state, slot.number),
            "ready": None if process is None else self._is_ready(state.name, process.id),
            "not_ready": self._fault(state.name, slot, process),
            "since": None if since is None else timestamp(since),
            "uptime": None if since is None else round(self._loop.time() - slot.started_at, 3),
            "restarts": max(0, past.starts - 1),
            "exit_status": exit_status,
            "term_signal": term_signal,
            "reason": reason,
            "streams": [] if process is None else list(process.redirect_output),
            "input": process is not None and process.redirect_input,
            "terminal": bool(state.settings.get("pty") or state.settings.get("tty")),
        }

    def _is_ready(self, name: str, id: int) -> bool | None:
        """Whether a process is ready; None where nobody looks."""
        said = self._record.is_ready(id)
        return False if said is None and name in self._probed else said

    def _fault(self, name: str, slot: Slot, process: Process | None) -> str | None:
        """Why it won't be ready, as things are; None if it may be, or is at rest."""
        if process is not None:
            return self._record.fault(process.id)
        return self._blocked.get(name) if slot.state == PENDING else None


def settings_view(state: ProcessState) -> dict[str, Any]:
    """The settings of a template. What is secret by its name isn't shown."""
    given = state.settings
    found = {name: given[name] for name in SETTINGS if name in given and given[name] != {}}
    for name in ("env", "instance_env"):
        if name in found:
            found[name] = _without_secrets(found[name])
    for name in ("flapping", "back_off"):
        if name in found:
            found[name] = dict(vars(found[name]))
    if "stop_signal" in found:
        found["stop_signal"] = int(found["stop_signal"])
    return found


def _without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    mask = MASK.decode()
    return {name: mask if is_secret(name) else value for name, value in env.items()}


def slots_of(state: ProcessState) -> list[Slot]:
    """The slots of a template; before it was started for the first time, those that it will have."""
    if not state.slots:
        return [Slot(number, None) for number in range(1, state.numprocesses + 1)]
    return sorted(state.slots.values(), key=lambda slot: slot.number)


def _port(state: ProcessState, instance: int) -> int | None:
    port = state.port(instance)
    if port is not None:
        return port
    text = (state.settings.get("env") or {}).get("PORT", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


def event_view(
    run: str, number: int, when: float, event: dict[str, Any], display: Display
) -> dict[str, Any]:
    """An event, with the words of this API for its numbers."""
    details = dict(event)
    view = {
        "id": f"{run}-{number}",
        "time": timestamp(when),
        "event": details.pop("event"),
        "name": details.pop("name"),
    }
    if "pid" in details and "instance" in details:
        view["instance_id"] = details.pop("pid")
        view["process"] = display(view["name"], details["instance"])
    return view | details


def line_views(block: LogBlock, known: int, display: Display) -> bytes:
    """The lines of a block but for the first `known`, as JSON objects with commas between them."""
    source = block.source
    # What the lines have in common is made into JSON once.
    common = {
        "time": timestamp(block.time),
        "name": source.name,
        "process": display(source.name, source.instance),
        "instance": source.instance,
        "stream": source.label,
        "os_pid": source.os_pid,
    }
    head = "," + json.dumps(common, ensure_ascii=False, separators=(",", ":"))[1:-1] + ',"line":'
    lines = block.lines()
    last = len(lines) - 1 if block.is_cut else -1
    try:
        texts = block.text.decode().split("\n")[: len(lines)]
    except UnicodeDecodeError:
        parts = [_one_line(block.first + i, head, lines[i], i == last) for i in range(len(lines))]
    else:
        parts = [
            f'{{"id":{number}{head}{encode_basestring(text)}}}'
            for number, text in enumerate(texts, block.first)
        ]
        if block.is_cut:
            parts[-1] = _one_line(block.first + last, head, lines[-1], True)
    return ",".join(parts[known:]).encode("utf-8", "backslashreplace")


def _one_line(number: int, head: str, line: bytes, is_cut: bool) -> str:
    text = f'{{"id":{number}{head}{encode_basestring(line.decode("utf-8", "replace"))}'
    try:
        line.decode()
    except UnicodeDecodeError:
        import base64

        text += f',"base64":"{base64.b64encode(line).decode("ascii")}"'
    return text + (',"partial":true}' if is_cut else "}")
