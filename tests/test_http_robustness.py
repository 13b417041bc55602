"""What clients may do to the server, and what a manager never feels of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from conftest import open_descriptors
from http_client import Raw, Served
from http_client import serve as serve
from http_client import serve_once as serve_once

from gaffer_procfile.apps.log_ring import LogCursor
from gaffer_procfile.http.limits import Limits

Serve = Callable[..., Served]

FUZZED = 1000
BATCH = 50
STALLED = 300
RESTART = b"POST /processes/web/restart HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n"

PATHS = [
    *("/", "/run", "/processes", "/processes/web", "/instances/1", "/logs", "/events", "/stats"),
    *("/readiness", "/groups/x", "/openapi.json", "/static/../x", "*", "http://x/", "/%ff"),
    *("/processes/web/scale", "/processes/web/signal", "/instances/1/input", "/logs?n=1e9"),
    *("/logs?since=" + "9" * 400, "/events?event=%00", "/" + "a/" * 200),
]
BODIES = [
    *(b"", b"{}", b"[]", b'{"by": 0}', b'{"signal": "CONT"}', b'{"text": "\\u0000"}', b"\xff{"),
    *(b'{"numprocesses": 1e3}', b'{"name": "\\ud800", "cmd": "x"}', b"[" * 2000, b"null"),
]


def fuzzed(chance: random.Random) -> bytes:
    """Something like a request."""
    method = chance.choice(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "GETT", ""])
    path = chance.choice(PATHS)
    body = chance.choice(BODIES)
    headers = [f"Host: {chance.choice(['g', 'x' * 50, '[::1]', ''])}"]
    headers.append(f"Content-Type: {chance.choice(['application/json', 'text/plain', ''])}")
    if chance.random() < 0.9:
        length = len(body) if chance.random() < 0.9 else chance.randrange(-5, 5000)
        headers.append(f"Content-Length: {length}")
    else:
        headers.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) + chance.randrange(2), body)
    if chance.random() < 0.2:
        headers.append(chance.choice(["Expect: 100-continue", "Connection: close", "Upgrade: h2c"]))
    version = chance.choice(["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/9"])
    data = f"{method} {path} {version}\r\n".encode() + "\r\n".join(headers).encode() + b"\r\n\r\n"
    data += body
    if chance.random() < 0.4:
        mutated = bytearray(data)
        for _ in range(chance.randrange(1, 8)):
            at = chance.randrange(len(mutated))
            how = chance.randrange(3)
            if how == 0:
                mutated[at] = chance.randrange(256)
            elif how == 1:
                del mutated[at : at + chance.randrange(1, 20)]
            else:
                mutated[at:at] = chance.randbytes(chance.randrange(1, 20))
            if not mutated:
                break
        data = bytes(mutated)
    return data[: chance.randrange(1, len(data) + 1)] if chance.random() < 0.15 else data


def test_garbage_harms_nobody(serve_once: Serve, caplog: pytest.LogCaptureFixture) -> None:
    served = serve_once()
    served.driver.sh("web", "exec sleep 600", redirect_output=["stdout"], redirect_input=True)
    served.driver.run_until_event("spawn", "web")
    served.get("/run")
    before = open_descriptors()
    chance = random.Random(7)
    answered = 0
    for _ in range(FUZZED // BATCH):
        raws = []
        for _ in range(BATCH):
            raw = served.open()
            raws.append(raw)
            raw.send(fuzzed(chance))
        for raw in raws:
            raw.receive()
        served.driver.run_for(0.03)
        for raw in raws:
            raw.receive()
            if raw.data:
                answered += 1
                assert raw.data.startswith(b"HTTP/1.1 "), raw.data
                assert not raw.data.startswith(b"HTTP/1.1 500"), raw.data
            raw.close()
            served.streams.remove(raw)
        assert served.get("/processes")["processes"][0]["name"] == "web"
    assert answered > FUZZED / 2
    served.driver.run_until(lambda: open_descriptors() == before, what="as many descriptors")
    assert caplog.records == []
    assert served.manager.processes["web"].running


def test_who_stops_in_the_middle_holds_up_nobody(serve: Serve) -> None:
    served = serve(limits=Limits(header_seconds=60, body_seconds=60))
    served.driver.sh("web", "exec sleep 600")
    served.driver.run_until_event("spawn", "web")
    served.get("/run")
    before = open_descriptors()
    request = RESTART[:-2] + b"X: y\r\n\r\n"
    stalled = [served.open(request[: 1 + i % (len(request) - 1)]) for i in range(STALLED)]
    served.driver.run_for(0.05)
    times = []
    for number in range(10):
        raw = served.open()
        began = time.perf_counter()
        raw.send(RESTART)
        raw.read_until(lambda raw=raw: raw.data)  # type: ignore[misc]
        times.append(time.perf_counter() - began)
        assert raw.data.startswith(b"HTTP/1.1 202 ")
        raw.close()
        served.driver.run_until_event("spawn", "web", number + 2)
    assert sorted(times)[5] < 0.05, times
    for each in stalled:
        each.close()
    served.driver.run_until(lambda: open_descriptors() <= before, what="as many descriptors")


def test_who_comes_last_is_served_when_too_many_wait(serve: Serve) -> None:
    served = serve(limits=Limits(connections=20))
    waiting = [served.open(b"GET /ru") for _ in range(60)]
    assert served.get("/groups") == {"groups": []}
    served.driver.run_until(lambda: _ended(waiting) >= 40)
    assert _ended(waiting[:39]) == 39


def test_streams_leave_no_room_but_are_left_alone(serve_once: Serve) -> None:
    served = serve_once(limits=Limits(connections=5))
    followers = [served.follow("/events?follow=1") for _ in range(5)]
    turned_away = served.open(b"GET /run HTTP/1.1\r\nHost: g\r\n\r\n")
    turned_away.read_to_end()
    assert turned_away.data == b""
    followers[0].close()
    served.driver.run_until(lambda: served.handler._server is not None)
    served.driver.run_for(0.02)
    assert served.get("/groups") == {"groups": []}
    assert _ended(followers[1:]) == 0


def _ended(raws: list[Raw]) -> int:
    for raw in raws:
        raw.receive()
    return sum(raw.ended for raw in raws)


def test_a_client_that_leaves_in_the_middle_of_an_answer(serve: Serve) -> None:
    served = serve()
    served.driver.sh("web", "seq 100000; exec sleep 600", redirect_output=["stdout"])
    served.driver.run_until(lambda: served.handler.logs.next > 90_000)
    served.get("/run")
    before = open_descriptors()
    for path in ("/logs?n=100000", "/logs?follow=1&since=0", "/events?follow=1"):
        raw = served.open(f"GET {path} HTTP/1.1\r\nHost: g\r\n\r\n".encode())
        raw.read_until(lambda raw=raw: raw.data)  # type: ignore[misc]
        raw.close()
    served.driver.run_until(lambda: open_descriptors() <= before, what="as many descriptors")
    assert served.get("/groups") == {"groups": []}


def test_a_long_history_keeps_nobody_waiting(serve: Serve) -> None:
    served = serve()
    served.driver.sh("web", "seq 60000; exec sleep 600", redirect_output=["stdout"])
    served.driver.run_until(lambda: served.handler.logs.next > 348_894)  # bytes
    lines = served.get("/logs?n=100000")["lines"]
    assert [line["line"] for line in lines] == [str(i) for i in range(1, 60001)]


def test_a_reader_under_a_flood_is_told_what_it_has_missed(serve: Serve) -> None:
    served = serve()
    served.driver.sh("web", "seq 3000000; echo over; exec sleep 600", redirect_output=["stdout"])
    follower = served.follow("/logs?follow=1&since=0")
    follower.read_until(lambda: b'"line":"over"' in follower.data, deadline=60)
    seen = 0
    for _id, kind, data in follower.messages:
        if kind == "skipped":
            seen += data["skipped"]
        elif kind == "lines":
            for line in data:
                seen += 1
                if line["line"] != "over":
                    assert int(line["line"]) == seen
    assert seen == 3_000_001


def test_who_reads_late_gets_the_last_line_too(serve: Serve) -> None:
    served = serve()
    script = "read x; seq 5000; read x; echo last; exec sleep 600"
    served.driver.sh("web", script, redirect_output=["stdout"], redirect_input=True)
    follower = served.follow("/logs?follow=1")
    web = served.manager.running[served.instance_id("web")]
    for ends in (b"5000\n", b"last\n"):
        web.write(b"\n")
        served.driver.run_until(
            lambda ends=ends: served.handler.logs.scrollback(web.id, 99).endswith(ends)  # type: ignore[misc]
        )
        served.driver.run_for(0.1)  # it is served as much as its socket takes
    follower.read_until(lambda: b'"line":"last"' in follower.data)
    assert len(follower.lines()) == 5001


def test_a_reader_of_one_is_told_too(serve_once: Serve) -> None:
    served = serve_once()
    for name in ("web", "worker"):
        served.driver.sh(name, "seq 1000000; echo over; exec sleep 600", redirect_output=["stdout"])
    follower = served.follow("/logs?follow=1&since=0&process=web")
    follower.read_until(lambda: b'"line":"over"' in follower.data, deadline=60)
    seen = 0
    for _id, kind, data in follower.messages:
        if kind == "skipped":
            seen += data["skipped"]
        elif kind == "lines":
            seen += len(data)
            assert {line["process"] for line in data} == {"web.1"}
            assert data[-1]["line"] in (str(seen), "over")
    assert seen == 1_000_001


def test_a_fault_of_ours_is_answered_and_logged(
    serve_once: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve_once()

    def fail() -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(served.manager, "get_groups", fail)
    reply = served.ask("GET", "/groups")
    assert reply.status == 500 and "a fault" not in reply.body.decode()
    assert "a fault" in caplog.text
    monkeypatch.setattr(LogCursor, "take", lambda _cursor: fail())
    raw = served.open(b"GET /logs?follow=1 HTTP/1.1\r\nHost: g\r\n\r\n")
    raw.read_to_end()
    assert served.get("/run")["run"]


def test_no_descriptor_is_left_for_clients(serve_once: Serve) -> None:
    import resource

    served = serve_once()
    served.get("/groups")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    late = served.open(b"GET /groups HTTP/1.1\r\nHost: g\r\n\r\n")
    resource.setrlimit(resource.RLIMIT_NOFILE, (late.socket.fileno() + 3, hard))
    try:
        served.driver.run_for(0.05)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    late.read_to_end()  # it was turned away
    assert served.get("/groups") == {"groups": []}
