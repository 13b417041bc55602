"""`--log-dir`: files of what is shown and of what is hidden, whatever becomes of them."""

from __future__ import annotations

import re

import pytest
from cli import MakeProject, Project
from cli import down as down
from cli import project as project


def test_the_files(project: MakeProject) -> None:
    made = project(
        {"Procfile": r"web: printf '\033[31mred\033[0m\377\n'; echo err >&2; printf end" + "\n"}
    )
    result = made.run("start", "--log-dir", "log", "--hide", "web")
    assert "red" not in result.stdout
    web = made.path("log/web.1.log").read_bytes()
    assert sorted(web.replace(b"end", b"").splitlines()) == [b"\x1b[31mred\x1b[0m\xff", b"err"]
    everything = made.path("log/gaffer.log").read_bytes().decode("utf-8", "surrogateescape")
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    for line in everything.splitlines():
        assert re.fullmatch(time + r" (web\.1 |gaffer) \| .*", line)
    assert "| red\udcff\n" in everything and "| end\n" in everything
    assert "gaffer | web.1 started" in everything


def test_quiet_is_not_for_the_logs(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo hello\n"})
    assert made.run("start", "-q", "--no-prefix", "--log-dir", "log").stdout == "hello\n"
    assert "web.1 exited with status 0" in made.path("log/gaffer.log").read_text()


def test_they_are_rotated(project: MakeProject) -> None:
    made = project({"Procfile": "web: seq 100000\n"})
    made.run("start", "--log-dir", "log", "--log-size", "100K", "--log-keep", "2")
    files = sorted(path.name for path in made.path("log").glob("web*"))
    assert files == ["web.1.log", "web.1.log.1", "web.1.log.2"]
    assert made.path("log/gaffer.log.2").exists()
    for name in files:
        assert made.path(f"log/{name}").stat().st_size <= 100 * 1024
    kept = b"".join(made.path(f"log/{name}").read_bytes() for name in [*files[:0:-1], files[0]])
    assert kept.endswith(b"\n100000\n")


@pytest.mark.parametrize("kind", ["a file in the way", "a full disk"])
def test_what_cannot_be_written_is_one_warning(project: MakeProject, kind: str) -> None:
    made = project({"Procfile": "web: for n in 1 2 3; do echo $n; sleep 0.05; done; exit 3\n"})
    if kind == "a full disk":
        made.path("log").mkdir()
        made.path("log/web.1.log").symlink_to("/dev/full")
        warning = "no more log files: log/web.1.log can't be written: No space left on device"
    else:
        made.write({"log": "not a directory"})
        warning = "no log files: the directory log can't be made: a file is in the way"
    result = made.run("start", "-q", "--no-prefix", "--log-dir", "log")
    assert (result.status, result.stdout) == (3, "1\n2\n3\n")
    assert result.stderr == f"gaffer: {warning}\n"
    told = made.run("start", "--no-timestamps", "--log-dir", "log")
    assert (told.status, told.stderr) == (3, "")
    assert told.lines.count(f"gaffer | {warning}") == 1


def test_in_the_background_verbs_tell_what_cannot_be_written(
    project: MakeProject, down: list[Project]
) -> None:
    made = project({"Procfile": "web: echo up; exec sleep 100\n", "log/": ""})
    down.append(made)
    made.path("log/web.1.log").symlink_to("/dev/full")
    assert made.run("start", "-D", "--log-dir", "log").status == 0
    warning = "gaffer: no more log files: log/web.1.log can't be written: No space left on device\n"
    for verb in ("ps", "logs"):
        told = made.run(verb)
        assert (told.status, told.stderr) == (0, warning)
        assert "web.1" in told.stdout


@pytest.mark.parametrize(
    "args", [["--log-size", "0"], ["--log-size", "x"], ["--log-size", "1T"], ["--log-keep", "-1"]]
)
def test_bad_options(project: MakeProject, args: list[str]) -> None:
    result = project({"Procfile": "web: echo hello\n"}).run("start", "--log-dir", "log", *args)
    assert result.status == 2
    assert args[0] in result.error()


def test_a_process_has_a_log_of_its_own(project: MakeProject) -> None:
    made = project(
        {
            "gaffer.yaml": r"""
processes:
  web: {command: "printf '\\033[31mone\\033[0m\\ntwo'", scale: 2, log: logs/web.log}
  api: {command: echo api; sleep 0.5}
  quiet: {command: echo unseen; sleep 0.5, log: false}
""",
        }
    )
    for _ in range(2):
        result = made.run("start", "--exit-policy", "all")
        assert result.status == 0
        assert "| two" in result.stdout and "| api" in result.stdout
        assert "unseen" not in result.stdout
    one = b"\x1b[31mone\x1b[0m\ntwo"
    assert made.path("logs/web.log").read_bytes() == one * 4
    assert [path.name for path in made.path("logs").iterdir()] == ["web.log"]


def test_a_log_of_its_own_that_cannot_be_written(project: MakeProject) -> None:
    made = project(
        {
            "logs": "a file",
            "gaffer.yaml": "processes: {web: {command: echo one; echo two, log: logs/web.log}}\n",
        }
    )
    result = made.run("start")
    assert result.status == 0
    assert result.stdout.count("no more of the log") == 1
    assert "| one" in result.stdout and "| two" in result.stdout
