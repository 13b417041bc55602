"""The routes of the HTTP API, on a real manager on every loop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import is_alive
from http_client import Served, unchunked
from http_client import serve as serve
from http_client import serve_once as serve_once

from gaffer_procfile.http.limits import Limits
from gaffer_procfile.http.resources import Resources
from gaffer_procfile.http.routes import ROUTES
from gaffer_procfile.http.views import Views
from gaffer_procfile.slots import Slot

Serve = Callable[..., Served]

SLEEP = "exec sleep 600"
OUTPUTS = ["stdout", "stderr"]


def sleeping(served: Served, name: str = "api:web", **settings: Any) -> Served:
    served.driver.sh(name, SLEEP, redirect_output=OUTPUTS, **settings)
    served.driver.run_until_event("spawn", name, settings.get("numprocesses", 1))
    return served


def test_every_route_is_done_by_a_method() -> None:
    assert [
        route.does for route in ROUTES if not callable(getattr(Resources, route.does, None))
    ] == []
    names = [(route.method, route.path) for route in ROUTES]
    assert len(names) == len(set(names))


def test_what_runs_is_told(serve: Serve) -> None:
    served = sleeping(
        serve(info=lambda: {"exit_policy": "first"}, probed=["api:web"]), numprocesses=2, port=5000
    )
    run = served.get("/run")
    assert run["pid"] == os.getpid()
    assert run["exit_policy"] == "first"
    assert run["socket"] == served.handler.socket and run["url"] is None
    assert served.get("/groups") == {"groups": [{"name": "api", "processes": ["api:web"]}]}
    assert served.get("/groups/api") == {"name": "api", "processes": ["api:web"]}
    (process,) = served.get("/processes")["processes"]
    assert process["name"] == "api:web" and process["running"] == 2 and process["active"]
    first, second = process["instances"]
    assert first["process"] == "api:web.1" and first["state"] == "running"
    assert (first["port"], second["port"]) == (5000, 5001)
    assert first["ready"] is False and first["uptime"] >= 0
    assert is_alive(first["os_pid"])
    assert len(served.get("/processes?group=api")["processes"]) == 1
    assert [each["id"] for each in served.get("/instances")["instances"]] == [
        first["id"],
        second["id"],
    ]
    one = served.get(f"/instances/{first['id']}")
    assert one["os_pid"] == first["os_pid"]
    for path in ("/processes/api%3Aweb", "/processes/api:web", "/processes/web"):
        assert served.get(path)["settings"]["numprocesses"] == 2


def test_processes_are_added_changed_and_removed(serve: Serve) -> None:
    served = serve()
    body = {"name": "api:web", "cmd": "sleep 600", "env": {"A": "1", "API_TOKEN": "hush"}}
    added = served.post("/processes", body, 201)
    assert added["name"] == "api:web" and added["group"] == "api"
    reply = served.ask("POST", "/processes", body)
    assert reply.status == 409
    served.driver.run_until_event("spawn", "api:web")
    settings = served.get("/processes/web")["settings"]
    assert settings["env"] == {"A": "1", "API_TOKEN": "[redacted]"}
    reply = served.ask("PATCH", "/processes/web", {"stop_signal": "KILL", "numprocesses": 2})
    assert reply.status == 202, reply
    served.driver.run_until_event("spawn", "api:web", 3)
    state = served.manager.processes["api:web"]
    assert state.settings["env"]["API_TOKEN"] == "hush"
    assert state.settings["stop_signal"] == signal.SIGKILL
    assert served.ask("PATCH", "/processes/web", {"stop_tree": 0}).status == 400
    assert served.ask("PATCH", "/processes/web", {"stop_tree": False}).status == 202
    assert served.get("/processes/web")["settings"]["stop_tree"] is False
    reply = served.ask("PUT", "/processes/web", {"cmd": "sleep 601", "start": False})
    assert reply.status == 202, reply
    assert state.cmd == "sleep 601" and "env" not in state.settings
    assert served.ask("DELETE", "/processes/web").status == 202
    assert served.get("/processes") == {"processes": []}
    assert served.ask("GET", "/processes/web").status == 404
    served.driver.run_until(lambda: not served.manager.running)


def test_a_time_to_stop_that_is_changed_is_the_one_that_counts(serve_once: Serve) -> None:
    served = serve_once()
    body = {"name": "web", "cmd": "sleep 600", "stop_timeout": 9}
    assert served.ask("POST", "/processes", body).status == 201
    for name, seconds in (("graceful_timeout", 1), ("stop_timeout", 2), ("graceful_timeout", 3)):
        assert served.ask("PATCH", "/processes/web", {name: seconds}).status == 202
        assert served.manager.processes["web"].graceful_timeout == seconds


def test_a_change_leaves_stopped_what_was_stopped(serve: Serve) -> None:
    served = serve()
    served.driver.sh("api:web", "exec sleep 600", numprocesses=2)
    [_, second] = served.get("/instances")["instances"]
    served.post(f"/instances/{second['id']}/stop")
    served.driver.run_until_event("exit", "api:web")
    assert served.ask("PATCH", "/processes/web", {"env": {"A": "1"}}).status == 202
    served.driver.run_until_event("spawn", "api:web", 3)
    instances = served.get("/instances")["instances"]
    assert [each["state"] for each in instances] == ["running", "stopped"]


def test_processes_are_stopped_started_and_restarted(serve: Serve) -> None:
    served = sleeping(serve())
    served.post("/processes/web/stop")
    served.driver.run_until_event("exit", "api:web")
    (instance,) = served.get("/processes/web")["instances"]
    assert instance["id"] is None and instance["term_signal"] == signal.SIGTERM
    served.ask_until(lambda: served.get("/instances")["instances"][0]["state"] == "stopped")
    served.post("/processes/web/start")
    served.driver.run_until_event("spawn", "api:web", 2)
    served.post("/processes/web/restart")
    served.driver.run_until_event("spawn", "api:web", 3)
    assert served.get("/processes/web")["restarts"] == 2
    served.post("/groups/api/restart")
    served.driver.run_until_event("spawn", "api:web", 4)
    served.post("/groups/api/stop")
    served.driver.run_until(lambda: not served.manager.running)
    served.post("/groups/api/start")
    served.driver.run_until_event("spawn", "api:web", 5)
    served.post("/restart")
    served.driver.run_until_event("spawn", "api:web", 6)
    assert served.ask("DELETE", "/groups/api").status == 202
    assert served.get("/groups") == {"groups": []}
    served.driver.run_until(lambda: not served.manager.running)


def test_how_it_ended_is_told_as_soon_as_that_it_has(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event of an end is heard a turn after the state has changed."""
    served = serve()
    seen: list[tuple[str, int | None, int | None]] = []
    move = Slot.move
    handler = served.handler
    views = Views(handler.loop, handler.record, handler.display, (), {})

    def look(slot: Slot, to: str, event: str | None = None) -> None:
        move(slot, to, event)
        view = views.instance(served.manager.processes["web"], slot)
        seen.append((view["state"], view["exit_status"], view["term_signal"]))

    monkeypatch.setattr(Slot, "move", look)
    served.driver.sh("web", "exit 3", restart="never")
    served.driver.run_until_event("exit")
    assert seen[-1] == ("failed", 3, 0)


def test_processes_are_scaled(serve: Serve) -> None:
    served = sleeping(serve())
    assert served.post("/processes/web/scale", {"numprocesses": 3})["numprocesses"] == 3
    served.driver.run_until_event("spawn", "api:web", 3)
    assert served.post("/processes/web/scale", {"by": -1})["numprocesses"] == 2
    served.driver.run_until_event("exit", "api:web", 1)
    assert served.post("/processes/web/scale", {"by": 1})["numprocesses"] == 3
    served.driver.run_until_event("spawn", "api:web", 4)
    assert served.post("/processes/web/scale", {"by": -9})["numprocesses"] == 0
    served.driver.run_until(lambda: not served.manager.running)
    for body in ({"by": 500, "numprocesses": 1}, {}, {"by": 501}, {"numprocesses": -1}):
        assert served.ask("POST", "/processes/web/scale", body).status == 400


def test_nothing_is_scaled_past_the_last_port(serve: Serve) -> None:
    served = sleeping(serve(), port=65535)
    assert served.ask("POST", "/processes/web/scale", {"by": 1}).status == 400
    assert served.get("/processes/web")["numprocesses"] == 1


def test_what_fails_is_not_started_again_at_once(serve: Serve) -> None:
    served = serve()
    served.post("/processes", {"name": "api:bad", "cmd": "false"}, 201)
    served.driver.run_until_event("exit", "api:bad", 1)
    served.driver.run_for(0.3)
    assert len(served.driver.of("exit", "api:bad")) == 1
    shown = served.get("/processes/api:bad")
    assert shown["instances"][0]["state"] == "backing-off"
    assert shown["settings"]["back_off"]["first"] == 0.5

    back_off = {"first": 0.0, "cap": 0.0, "attempts": 3, "window": 100}
    settings = {"name": "api:eager", "cmd": "false", "back_off": back_off}
    served.post("/processes", settings, 201)
    served.driver.run_until_event("give_up", "api:eager")
    assert len(served.driver.of("exit", "api:eager")) == 4
    assert served.get("/processes/api:eager")["settings"]["back_off"]["attempts"] == 3


def test_what_is_to_be_restarted_from_now_on_is_not_at_once(serve: Serve) -> None:
    served = serve()
    served.driver.sh("api:bad", "exit 1", restart="never")
    served.driver.run_until_event("exit", "api:bad")
    served.ask("PATCH", "/processes/api:bad", {"restart": "on-failure", "start": True})
    served.driver.run_until_event("exit", "api:bad", 2)
    served.driver.run_for(0.3)
    assert len(served.driver.of("exit", "api:bad")) == 2


def test_flapping_is_a_restraint_of_its_own(serve: Serve) -> None:
    served = serve()
    flapping = {"attempts": 3, "window": 60, "retry_in": 60, "max_retry": 0}
    served.post("/processes", {"name": "api:bad", "cmd": "false", "flapping": flapping}, 201)
    served.driver.run_until_event("flap", "api:bad")
    assert "back_off" not in served.get("/processes/api:bad")["settings"]


def test_instances_are_signalled_stopped_and_restarted(serve: Serve) -> None:
    served = serve()
    served.driver.sh(
        "api:web",
        "trap 'echo heard' HUP; echo up; while :; do sleep 0.02; done",
        redirect_output=OUTPUTS,
        numprocesses=2,
    )
    served.ask_until(lambda: len(served.get("/logs")["lines"]) == 2)
    id = served.instance_id("api:web", 2)
    assert served.post(f"/instances/{id}/signal", {"signal": "HUP"}) == {"signalled": [id]}
    served.ask_until(lambda: len(served.get("/logs?process=web.2")["lines"]) == 2)
    answer = served.post("/processes/web/signal", {"signal": 1, "tree": True})
    assert len(answer["signalled"]) == 2
    heard = '"line": "heard"'
    served.ask_until(lambda: json.dumps(served.get("/logs")["lines"]).count(heard) == 3)
    reply = served.ask("POST", f"/instances/{id}/signal", {"signal": "HUPP"})
    assert reply.status == 400 and "SIGHUP" in reply.json["hint"]
    served.post(f"/instances/{id}/restart")
    served.driver.run_until_event("spawn", "api:web", 3)
    assert served.ask("GET", f"/instances/{id}").status == 404
    id = served.instance_id("api:web", 2)
    served.post(f"/instances/{id}/stop")
    served.driver.run_until_event("exit", "api:web", 2)
    assert [each.instance for each in served.manager.processes["api:web"].running] == [1]


def test_input_is_written(serve: Serve) -> None:
    served = serve()
    served.driver.sh("web", "cat", redirect_output=OUTPUTS, redirect_input=True)
    served.driver.sh("deaf", SLEEP)
    id = served.instance_id("web")
    path = f"/instances/{id}/input"
    assert served.post(path, {"text": "ä\n"}) == {"accepted": True, "bytes": 3}
    assert served.post(path, {"base64": "AP8K"})["bytes"] == 3
    reply = served.ask("POST", path, b"raw\n", headers={"Content-Type": "application/octet-stream"})
    assert reply.status == 202
    served.ask_until(lambda: len(served.get("/logs")["lines"]) == 3)
    first, second, third = served.get("/logs")["lines"]
    assert (first["line"], third["line"]) == ("ä", "raw")
    assert second["line"] == "\x00\N{REPLACEMENT CHARACTER}" and second["base64"] == "AP8="
    assert served.ask("POST", path, {"base64": "A"}).status == 400
    assert served.ask("POST", path, {}).status == 400
    deaf = served.instance_id("deaf")
    assert served.ask("POST", f"/instances/{deaf}/input", {"text": "x"}).status == 409
    assert served.ask("POST", f"/instances/{deaf}/window", {"rows": 1, "columns": 1}).status == 409


def test_the_window_has_a_size(serve: Serve) -> None:
    served = serve()
    served.driver.sh(
        "web",
        "trap 'stty size' WINCH; echo up; while :; do sleep 0.02; done",
        redirect_output=["stdout"],
        tty=True,
    )
    served.ask_until(lambda: served.get("/logs")["lines"])
    id = served.instance_id("web")
    served.post(f"/instances/{id}/window", {"rows": 33, "columns": 99})
    served.ask_until(lambda: "33 99" in json.dumps(served.get("/logs")["lines"]))


def test_what_runs_has_its_cost(serve: Serve) -> None:
    served = sleeping(serve(), numprocesses=2)
    (first, second) = served.get("/stats")["stats"]
    assert first["process"] == "api:web.1" and first["rss"] > 0 and first["cpu"] >= 0
    assert served.get("/processes/web/stats") == {"stats": [first, second]}  # a second old at most
    assert served.get(f"/instances/{second['id']}/stats") == second


def test_a_clock_that_is_set_back_stops_no_figures(
    serve_once: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve_once()
    served.driver.sh("web", "while :; do :; done")
    served.driver.run_until_event("spawn")
    [first] = served.get("/stats")["stats"]
    uptime = served.get("/processes")["processes"][0]["instances"][0]["uptime"]
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    served.ask_until(lambda: served.get("/stats")["stats"][0]["cpu_seconds"] > first["cpu_seconds"])
    assert served.get("/processes")["processes"][0]["instances"][0]["uptime"] > uptime


def test_what_has_ended_has_no_figures_any_more(serve_once: Serve) -> None:
    served = sleeping(serve_once())
    served.get("/run")
    figures = served.handler._server.router._resources._figures  # type: ignore[union-attr]
    for number in range(1, 5):
        served.driver.run_until_event("spawn", "api:web", number)
        id = served.instance_id("api:web")
        assert served.get(f"/instances/{id}/stats")["id"] == id
        assert len(served.get("/processes/web/stats")["stats"]) == 1
        assert list(figures._looks) == [id]
        served.post(f"/instances/{id}/restart")


def test_readiness(serve: Serve) -> None:
    served = serve(probed=["web"])
    assert served.get("/readiness") == {"ready": True, "processes": []}
    served.driver.sh("web", SLEEP)
    served.driver.sh("once", "exit 0", restart="never")
    served.driver.run_until_event("exit", "once")
    id = served.instance_id("web")
    reply = served.ask("GET", "/readiness")
    assert reply.status == 503 and not reply.json["ready"]
    served.manager.report(id, "ready", seconds=0.1)
    served.driver.run_until_event("ready")
    answer = served.get("/readiness")
    assert answer["ready"]
    assert [(each["process"], each["state"], each["ready"]) for each in answer["processes"]] == [
        ("web.1", "running", True),
        ("once.1", "exited", None),
    ]
    served.post("/processes/web/stop")
    assert served.get("/readiness")["ready"]  # it isn't wanted


def test_what_a_process_costs_is_what_it_has_started_too(serve: Serve) -> None:
    served = serve()
    served.driver.sh("web", f"{sys.executable} -c 'import time; time.sleep(600)' & {SLEEP}")
    served.ask_until(lambda: served.get("/stats")["stats"][0]["rss"] > 6_000_000)


def test_shutdown(serve: Serve) -> None:
    served = sleeping(serve())
    follower = served.follow("/events?follow=1")
    assert served.post("/shutdown") == {"accepted": True}
    follower.read_to_end()
    kinds = [data.get("event", kind) for _id, kind, data in follower.messages]
    assert kinds == ["hello", "stop", "stop_pid", "exit", "bye"]
    assert follower.data.endswith(b"0\r\n\r\n")
    served.driver.is_stopped = True
    assert served.handler.socket is not None and not Path(served.handler.socket).exists()


def test_shutdown_in_a_hurry(serve: Serve) -> None:
    served = serve()
    served.driver.sh(
        "web", "trap '' TERM; echo up; while :; do sleep 0.02; done", redirect_output=OUTPUTS
    )
    served.ask_until(lambda: served.get("/logs")["lines"])
    served.post("/shutdown")
    served.driver.run_until_event("stop_pid")
    assert served.ask("POST", "/processes/web/start").status == 503
    served.post("/shutdown", {"kill": True})
    assert served.driver.run_until_event("exit")["term_signal"] == signal.SIGKILL
    served.driver.run_until(lambda: not served.manager.started)
    served.driver.is_stopped = True


def test_events_are_kept_and_followed(serve: Serve) -> None:
    served = sleeping(serve())
    follower = served.follow("/events?follow=1")
    served.driver.sh("once", "exit 3", restart="never")
    follower.read_until(lambda: b'"exit"' in follower.data)
    ids = [id for id, kind, _data in follower.messages if kind == "event"]
    kinds = [data["event"] for _id, kind, data in follower.messages if kind == "event"]
    assert kinds == ["create", "start", "spawn", "exit"]
    last = follower.messages[-1][2]
    assert (last["name"], last["process"], last["exit_status"]) == ("once", "once.1", 3)
    assert last["instance_id"] > 0 and last["then"] == "failed"
    history = served.get("/events")
    assert [event["id"] for event in history["events"]][-4:] == ids
    assert [each["event"] for each in served.get("/events?n=1")["events"]] == ["exit"]
    assert [each["name"] for each in served.get("/events?event=spawn")["events"]] == [
        "api:web",
        "once",
    ]
    assert len(served.get("/events?process=web&n=100")["events"]) == 3
    assert served.get(f"/events?since={history['next']}")["events"] == []
    assert len(served.get(f"/events?since={ids[2]}")["events"]) == 2


def test_a_follower_comes_back(serve: Serve) -> None:
    served = sleeping(serve())
    served.ask_until(lambda: len(served.get("/events")["events"]) == 3)
    ids = [event["id"] for event in served.get("/events")["events"]]
    resumed = served.follow("/events", Accept="text/event-stream", Last_Event_ID=ids[0])
    resumed.read_until(lambda: len(resumed.messages) == 3)
    assert [id for id, _kind, _data in resumed.messages] == [None, *ids[1:]]
    other_run = served.follow("/events?follow=1", Last_Event_ID=f"{'0' * 16}-99")
    other_run.read_until(lambda: len(other_run.messages) == 4)
    assert [id for id, _kind, _data in other_run.messages] == [None, *ids]
    latest = served.follow("/events?follow=1&n=2")
    latest.read_until(lambda: len(latest.messages) == 3)
    assert [id for id, _kind, _data in latest.messages] == [None, *ids[1:]]


def test_who_comes_back_gets_all_since_then_whatever_he_began_with(serve_once: Serve) -> None:
    served = sleeping(serve_once())
    served.driver.sh("web", "echo a; echo b; echo c; exec sleep 600", redirect_output=OUTPUTS)
    served.ask_until(lambda: len(served.get("/logs")["lines"]) == 3)
    run = served.handler.run
    ids = [line["id"] for line in served.get("/logs")["lines"]]
    resumed = served.follow("/logs?follow=1&n=1", Last_Event_ID=f"{run}-{ids[0]}")
    resumed.read_until(lambda: [line["line"] for line in resumed.lines()] == ["b", "c"])
    events = [event["id"] for event in served.get("/events")["events"]]
    resumed = served.follow("/events?follow=1&n=1", Last_Event_ID=events[0])
    resumed.read_until(lambda: len(resumed.messages) == len(events))
    # With both, so many at the most of those from there on.
    for path, wanted in (("/events", [events[-1]]), ("/logs", [f"{run}-{ids[-1]}"])):
        latest = served.follow(f"{path}?follow=1&since={run}-1&n=1")
        latest.read_until(lambda latest=latest: len(latest.messages) == 2)  # type: ignore[misc]
        assert [id for id, _kind, _data in latest.messages[1:]] == wanted


def test_nothing_is_called_nothing(serve_once: Serve) -> None:
    served = serve_once()
    served.driver.sh("web", "exec sleep 600")
    for name in ("", ".1", "1", "api:"):
        assert served.ask("GET", f"/events?process={name}").status == 404


def test_an_event_that_is_gone_is_counted(serve_once: Serve) -> None:
    served = sleeping(serve_once())
    for _ in range(2100):
        served.manager.report(served.instance_id("api:web"), "ready")
    served.driver.run_until(lambda: len(served.driver.of("ready")) == 2100)
    follower = served.follow("/events?follow=1&since=1")
    follower.read_until(lambda: len(follower.messages) >= 2002)
    kinds = [(kind, data) for _id, kind, data in follower.messages]
    assert kinds[1] == ("skipped", {"skipped": 103})
    assert len(kinds) == 2002


def test_lines_are_kept_and_followed(serve: Serve) -> None:
    served = serve()
    served.driver.sh(
        "api:web",
        "echo out; echo err >&2; read x; printf 'more\\n\\nopen'; exit 0",
        redirect_output=OUTPUTS,
        redirect_input=True,
        restart="never",
    )
    served.ask_until(lambda: len(served.get("/logs")["lines"]) == 2)
    follower = served.follow("/logs?follow=1&n=1")
    follower.read_until(follower.lines)
    served.manager.running[served.instance_id("api:web")].write(b"\n")
    follower.read_until(lambda: len(follower.lines()) == 4)
    lines = served.get("/logs")["lines"]
    assert lines[1:] == follower.lines()
    assert sorted(line["line"] for line in lines[:2]) == ["err", "out"]
    assert [line["line"] for line in lines[2:]] == ["more", "", "open"]
    assert lines[-1]["partial"] is True and "partial" not in lines[-2]
    ids = [line["id"] for line in lines]
    assert ids == sorted(set(ids)) and ids[0] == 1
    first = lines[0]
    assert (first["name"], first["process"], first["instance"]) == ("api:web", "api:web.1", 1)
    assert [line["line"] for line in served.get("/logs?stream=stderr")["lines"]] == ["err"]
    assert len(served.get("/logs?n=2")["lines"]) == 2
    assert len(served.get("/logs?process=web.1&process=api:web")["lines"]) == 5
    assert served.get("/logs?process=web.2")["lines"] == []
    assert len(served.get(f"/logs?since={ids[3]}")["lines"]) == 2
    assert served.get(f"/logs?since={served.get('/logs')['next']}")["lines"] == []
    assert len(served.get("/logs?since=@0")["lines"]) == 5
    assert len(served.get("/logs?since=2020-01-01T00:00:00Z")["lines"]) == 5
    assert served.get("/logs?since=2099-01-01T00:00:00%2B02:00")["lines"] == []
    resumed = served.follow("/logs?follow=1", Last_Event_ID=f"{served.handler.run}-{ids[2]}")
    resumed.read_until(lambda: len(resumed.lines()) == 2)
    assert resumed.messages[-1][0] == f"{served.handler.run}-{ids[4]}"


def test_output_is_streamed_as_it_is(serve: Serve) -> None:
    served = serve()
    served.driver.sh(
        "web",
        "printf 'a\\nb\\n>>> '; read x; printf '\\377done'",
        redirect_output=OUTPUTS,
        redirect_input=True,
        restart="never",
    )
    id = served.instance_id("web")
    served.driver.run_until(lambda: served.handler.logs.scrollback(id, 99).endswith(b">>> "))
    raw = served.open(f"GET /instances/{id}/output HTTP/1.1\r\nHost: g\r\n\r\n".encode())
    raw.read_until(lambda: unchunked(raw.data) == b"a\nb\n>>> ")
    short = served.open(
        f"GET /instances/{id}/output?scrollback=4 HTTP/1.1\r\nHost: g\r\n\r\n".encode()
    )
    short.read_until(lambda: unchunked(short.data) == b">>> ")
    served.manager.running[id].write(b"\n")
    raw.read_until(lambda: raw.data.endswith(b"0\r\n\r\n"))
    assert unchunked(raw.data) == b"a\nb\n>>> \xffdone"
    raw.send(b"GET /run HTTP/1.1\r\nHost: g\r\n\r\n")  # the connection goes on
    raw.read_until(lambda: b'"run":' in raw.data)


def test_requests_come_one_after_the_other(serve: Serve) -> None:
    served = serve()
    one = b"GET /groups HTTP/1.1\r\nHost: g\r\n\r\n"
    raw = served.open(one * 50)
    raw.read_until(lambda: raw.data.count(b'{"groups":[]}') == 50)
    raw.send(b"POST /shutdownn HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}" + one)
    raw.read_until(lambda: raw.data.count(b'{"groups":[]}') == 51)
    raw.send(one[:20])
    raw.read_until(lambda: True)
    raw.send(one[20:])
    raw.read_until(lambda: raw.data.count(b'{"groups":[]}') == 52)
    raw.send(one.replace(b"1.1", b"1.0"))
    raw.read_to_end()
    assert raw.data.count(b'{"groups":[]}') == 53


def test_a_client_may_ask_before_it_sends(serve_once: Serve) -> None:
    served = serve_once()
    raw = served.open(
        b"POST /shutdownn HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    )
    raw.read_until(lambda: raw.data.startswith(b"HTTP/1.1 100 "))
    raw.send(b"{}")
    raw.read_until(lambda: b"HTTP/1.1 404 " in raw.data)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/processes/", 404),
        ("GET", "/processes/%FF", 400),
        ("GET", "/processes/nobody", 404),
        ("GET", "/groups/nobody", 404),
        ("GET", "/instances/1", 404),
        ("GET", "/instances/web", 404),
        ("GET", "/instances/99999999999999999999", 404),
        ("GET", "/logs?process=nobody", 404),
        ("GET", "/logs?follw=1", 400),
        ("GET", "/logs?n=-1", 400),
        ("GET", "/logs?n=1&n=2", 400),
        ("GET", "/logs?n=100001", 400),
        ("GET", "/logs?follow=maybe", 400),
        ("GET", "/logs?since=yesterday", 400),
        ("GET", "/events?since=@0", 400),
        ("GET", "/logs?" + "&".join(f"process={i}" for i in range(101)), 400),
        ("POST", "/run", 405),
        ("DELETE", "/", 405),
        ("BREW", "/run", 405),
        ("POST", "/processes", 400),
    ],
)
def test_what_makes_no_sense_is_refused(
    serve_once: Serve, method: str, path: str, status: int
) -> None:
    reply = serve_once().ask(method, path)
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json
    assert problem["status"] == status and problem["title"] and problem["detail"]
    if status == 405:
        assert "OPTIONS" in reply.headers["allow"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "web"},
        {"name": "web", "cmd": ""},
        {"name": "web", "cmd": 1},
        {"name": "web", "cmd": "x\0y"},
        {"name": "web", "cmd": "x 'y"},
        {"name": "web", "cmd": "x", "env": {"A=B": "1"}},
        {"name": "web", "cmd": "x", "env": {"A": 1}},
        {"name": "web", "cmd": "x", "env": {"": "1"}},
        {"name": "web", "cmd": "x", "numprocesses": True},
        {"name": "web", "cmd": "x", "numprocesses": 501},
        {"name": "web", "cmd": "x", "restart": "sometimes"},
        {"name": "web", "cmd": "x", "stop_signal": "TREM"},
        {"name": "web", "cmd": "x", "uid": "nobody-of-that-name"},
        {"name": "web", "cmd": "x", "redirect_output": ["a", "b", "c"]},
        {"name": "web", "cmd": "x", "flapping": {"attempts": 0}},
        {"name": "web", "cmd": "x", "back_off": {"factor": 0.5}},
        {"name": "web", "cmd": "x", "flaping": {}},
        {"name": "web\n", "cmd": "x"},
        {"name": "a:b:c", "cmd": "x"},
        [],
        None,
        "web",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"name": "web", "cmd": NaN}',
        b'{"name": "web", "cmd": "\\ud800"}',
    ],
)
def test_a_process_that_can_not_be_is_refused(serve_once: Serve, body: Any) -> None:
    served = serve_once()
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    reply = served.ask("POST", "/processes", body, headers={"Content-Type": "application/json"})
    assert reply.status == 400, reply
    assert not served.manager.processes


def test_a_hint_helps(serve_once: Serve) -> None:
    served = sleeping(serve_once())
    served.driver.sh("shop:web", SLEEP)
    served.driver.sh("shop:worker", SLEEP)
    assert served.ask("GET", "/processes/wrker").json["hint"] == "did you mean 'worker'?"
    assert served.ask("GET", "/processes/web").json["hint"] == "there is api:web, shop:web"
    assert served.ask("GET", "/logs?folow=1").json["hint"] == "did you mean 'follow'?"
    assert served.ask("GET", "/groups/shp").json["hint"] == "did you mean 'shop'?"
    reply = served.ask("POST", "/processes", {"name": "x", "cmd": "x", "numproceses": 2})
    assert reply.json["hint"] == "did you mean 'numprocesses'?"


def test_head_and_options(serve_once: Serve) -> None:
    served = serve_once()
    reply = served.ask("HEAD", "/groups")
    assert reply.status == 200 and reply.body == b""
    assert reply.headers["content-length"] == "13"
    assert served.ask("HEAD", "/logs?follow=1").body == b""
    reply = served.ask("OPTIONS", "/processes/web")
    assert reply.status == 200
    assert reply.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"


def test_a_program_resolves_names_itself(serve_once: Serve) -> None:
    served = sleeping(serve_once(names={"it": "api:web"}.get))
    assert served.get("/processes/it")["name"] == "api:web"
    assert served.ask("GET", "/processes/web").status == 404


def test_a_quiet_stream_is_kept_open(serve: Serve) -> None:
    served = serve(limits=Limits(heartbeat_seconds=0.05))
    follower = served.follow("/logs?follow=1")
    follower.read_until(lambda: follower.data.count(b": \n\n") >= 3)
    assert not follower.ended


def test_no_timer_is_left_when_nobody_is_connected(serve: Serve) -> None:
    served = serve()
    raw = served.open(b"GET /run HTTP/1.1\r\nHost: g\r\n\r\n")
    raw.read_until(lambda: raw.data)
    server = served.handler._server
    assert server is not None and server._timer is not None
    raw.close()
    served.driver.run_until(lambda: server._timer is None)


def test_a_server_that_can_not_be_ends_nothing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = sleeping(serve())
    monkeypatch.setitem(sys.modules, "gaffer_procfile.http.server", None)
    served.open()
    served.driver.run_until(lambda: "no longer listening" in caplog.text)
    served.driver.run_for(0.05)
    assert caplog.text.count("no longer listening") == 1
    assert served.manager.processes["api:web"].running


def test_nothing_is_imported_before_somebody_connects(serve_once: Serve) -> None:
    script = """if 1:
        import sys
        from gaffer_procfile.loop import SelectorLoop
        from gaffer_procfile.manager import Manager
        from gaffer_procfile.http import HttpHandler
        import gaffer_procfile.posix.popen, gaffer_procfile.stop_order  # a run takes them
        manager = Manager(SelectorLoop())
        before = set(sys.modules)
        manager.start(apps=[HttpHandler()])
        manager.add_process("web", "true", restart="never")
        manager.subscribe("exit", lambda *_: manager.stop())
        manager.run()
        print(*sorted(set(sys.modules) - before))
    """
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = found.stdout.split()
    ours = {"gaffer_procfile.control", "gaffer_procfile.errors", "gaffer_procfile.http.listen"}
    cheap = {"_blake2", "_socket", "_struct", "struct"}
    assert set(loaded) - ours - cheap <= {"shlex"}, loaded  # shlex splits the command
