"""What the ring has no room for comes from the log files, where a run has some."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli import MakeProject, Project, wait_until
from cli import project as project
from http_client import Served
from http_client import serve as serve
from http_client import serve_once as serve_once
from served import runtime as runtime

from gaffer_procfile.apps.log_ring import LogRing
from gaffer_procfile.client import Connection
from gaffer_procfile.control import runs_in
from gaffer_procfile.http.disk_logs import DiskLogs
from gaffer_procfile.output.log_reader import STAMP

Serve = Callable[..., Served]

PADDING = "x" * 80
COUNT = 100_000  # lines of the flood: twice as much as the ring keeps
FLOOD = f"echo begun; seq -f %.0f-{PADDING} {COUNT}; echo over; exec sleep 600"


@pytest.fixture
def flooded(runtime: str, project: MakeProject) -> Iterator[Project]:
    """A run in the background that has written more than the ring keeps."""
    made = project(
        {
            "Procfile": f"web: {FLOOD}\nworker: echo hello $TOKEN; exec sleep 600\n",
            ".env": "TOKEN=hush-hush-hush\n",
        }
    )
    started = made.run("start", "-D", "--log-dir", "logs", "--redact")
    assert started.status == 0, started
    wait_until(lambda: "over" in made.run("logs", "-n", "1", "web").stdout, "the flood's end")
    yield made
    assert made.run("down").status == 0


def ask(made: Project, path: str) -> Any:
    [run] = runs_in(str(made.directory))
    connection = Connection(run.path)
    try:
        return connection.get(path)
    finally:
        connection.close()


def numbers(lines: list[dict[str, Any]]) -> list[int]:
    padded = [line["line"] for line in lines if line["line"].endswith(PADDING)]
    return [int(text.partition("-")[0]) for text in padded]


def test_the_log_goes_on_where_the_ring_ends(flooded: Project) -> None:
    answer = ask(flooded, f"/logs?n={COUNT - 1000}&process=web")
    lines = answer["lines"]
    assert len(lines) == COUNT - 1000 and answer["skipped"] == 0
    assert numbers(lines) == list(range(1002, COUNT + 1))
    origins = [line.get("from") for line in lines]
    disk = origins.count("disk")
    assert 1000 < disk < COUNT and origins == ["disk"] * disk + [None] * (len(lines) - disk)
    first = lines[0]
    [group] = {line["name"] for line in lines}
    assert first.pop("time").startswith(time.strftime("%Y-"))
    assert first == {
        "from": "disk",
        "name": group,
        "process": "web.1",
        "instance": 1,
        "line": f"1002-{PADDING}",
    }
    # All of it, with what was kept out of it when it was written; and nothing of gaffer's own.
    everything = ask(flooded, "/logs?since=@0")["lines"]
    assert {line["process"] for line in everything} == {"web.1", "worker.1"}
    assert numbers(everything) == list(range(1, COUNT + 1))
    assert [line["line"] for line in everything if line["process"] == "worker.1"] == [
        "hello [redacted]"
    ]


def test_what_the_ring_has_comes_from_there(flooded: Project) -> None:
    for query in ("n=1000", f"n={COUNT}&process=worker", f"n={COUNT}&stream=stdout", "since=0"):
        lines = ask(flooded, f"/logs?{query}")["lines"]
        assert lines and not any("from" in line for line in lines), query
    later = ask(flooded, f"/logs?since=@{time.time() + 5}")
    assert later["lines"] == []


def test_gaffer_logs_shows_them(flooded: Project) -> None:
    shown = flooded.run("logs", "-n", str(COUNT), "--no-timestamps").lines
    assert len(shown) == COUNT
    assert shown[-1] == "web.1    | over" and shown[0].startswith("web.1    | ")
    since = [json.loads(line) for line in flooded.run("logs", "--since", "1h", "--json").lines]
    assert [line["line"] for line in since if line["process"] == "worker.1"] == ["hello [redacted]"]
    assert since[1]["stream"] is None and since[-1]["stream"] == "stdout"


def test_another_run_s_lines_are_there_for_who_asks_for_its_time(
    runtime: str, project: MakeProject
) -> None:
    made = project({"Procfile": "web: echo $WORD; exec sleep 600\n"})
    for word in ("first", "second"):
        made.write({".env": f"WORD={word}\n"})
        assert made.run("start", "-D", "--log-dir", "logs").status == 0
        if word == "first":
            assert made.run("down").status == 0
    assert made.run("logs", "-n", "all", "--no-prefix").stdout == "second\n"
    assert made.run("logs", "--since", "1h", "--no-prefix").stdout == "first\nsecond\n"
    assert made.run("down").status == 0


# ---- files that are written by hand


class Written:
    """A served manager with a small ring, and log files of one's own."""

    def __init__(self, serve: Serve, path: Path, *lines: str, **settings: Any) -> None:
        self.path = path
        path.mkdir()
        (path / "gaffer.log").write_bytes("".join(f"{line}\n" for line in lines).encode("latin-1"))
        began = settings.pop("began", time.time())
        self.served = serve(disk_logs=DiskLogs(str(path), began), **settings)

    def lines(self, query: str) -> list[tuple[str, str]]:
        found = self.served.get(f"/logs?{query}")["lines"]
        return [(line["process"], line["line"]) for line in found]


def hour(number: int) -> str:
    return time.strftime(STAMP, time.localtime(time.time() - 3600 * number))


def test_only_processes_of_this_run(serve: Serve, tmp_path: Path) -> None:
    lines = [f"{hour(2)} {name} | of {name}" for name in ("web.1", "web.2", "other.1", "gaffer")]
    written = Written(serve, tmp_path / "logs", *lines, "no prefix", f"{hour(1)} web.x | what")
    written.served.manager.add_process("web", "true", start=False)
    assert written.lines("since=@0") == [("web.1", "of web.1"), ("web.2", "of web.2")]
    assert written.lines("since=@0&process=web.2") == [("web.2", "of web.2")]
    assert written.lines("since=@0&n=1") == [("web.2", "of web.2")]
    assert written.lines("n=9") == []
    assert written.served.ask("GET", "/logs?since=@0&process=other").status == 404


def test_bytes_stay_what_they_were(serve_once: Serve, tmp_path: Path) -> None:
    written = Written(serve_once, tmp_path / "logs", f'{hour(2)} web.1 | \xff"\\\x01')
    written.served.manager.add_process("web", "true", start=False)
    [line] = written.served.get("/logs?since=@0")["lines"]
    assert (line["line"], line["base64"]) == ('\ufffd"\\\x01', "/yJcAQ==")


def test_a_ring_without_room(serve_once: Serve, tmp_path: Path) -> None:
    """Nothing at all is in the ring, all is on disk."""
    lines = [f"{hour(2)} web.1 | {number}" for number in range(5)]
    written = Written(
        serve_once, tmp_path / "logs", *lines, logs=LogRing(size=0), began=time.time() - 9999
    )
    served = written.served
    served.handler.logs.start(served.driver.raw, served.manager)
    served.driver.sh("web", "echo hello; exec sleep 600", redirect_output=["stdout"])
    served.driver.run_until(lambda: served.handler.logs.next > 1)
    assert [text for _process, text in written.lines("n=3")] == ["2", "3", "4"]
    assert [text for _process, text in written.lines("n=1000")] == ["0", "1", "2", "3", "4"]
    served.handler.logs.stop()


def test_no_files_is_nothing_and_no_right_is_a_problem(serve_once: Serve, tmp_path: Path) -> None:
    written = Written(serve_once, tmp_path / "logs")
    log = written.path / "gaffer.log"
    log.unlink()
    assert written.lines("since=@0") == []
    written.path.rmdir()
    written.path.symlink_to(written.path)  # which nobody can follow, whatever his rights
    refused = written.served.ask("GET", "/logs?since=@0")
    assert refused.status == 503 and "can't be read" in refused.json["detail"]
    assert written.lines("n=0") == []


@pytest.mark.parametrize("since", ["nan", "inf", "-inf", "1e300", "-1e18"])
def test_a_time_that_no_clock_shows_is_refused(
    serve_once: Serve, tmp_path: Path, since: str
) -> None:
    written = Written(serve_once, tmp_path / "logs")
    assert written.served.ask("GET", f"/logs?since=@{since}").status == 400


def test_who_leaves_in_the_middle_leaves_no_descriptor(serve_once: Serve, tmp_path: Path) -> None:
    from conftest import open_descriptors

    lines = [f"{hour(2)} web.1 | {PADDING}" for _ in range(50_000)]
    written = Written(serve_once, tmp_path / "logs", *lines)
    served = written.served
    served.manager.add_process("web", "true", start=False)
    assert len(written.lines("since=@0")) == 50_000
    served.get("/run")
    before = open_descriptors()
    raw = served.open(b"GET /logs?since=@0 HTTP/1.1\r\nHost: g\r\n\r\n")
    raw.read_until(lambda: b'"from":"disk"' in raw.data)
    raw.close()
    served.ask("HEAD", "/logs?since=@0")
    served.driver.run_until(lambda: open_descriptors() <= before, what="as many descriptors")
