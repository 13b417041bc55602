"""The verbs for what runs: `gaffer ps`, `stop`, `restart`, `scale`, `signal`, `send`, `down`, `open`."""

from __future__ import annotations

import json
import os
import re
import signal
import sys

import pytest
from cli import MakeProject, wait_until
from cli import project as project
from conftest import is_alive
from served import Serve
from served import runtime as runtime
from served import serve as serve

from gaffer_procfile.client import Connection

VERBS = "ps logs events stop restart scale signal send attach wait down open".split()
STAYS = "exec sleep 600"
TRAPS = "trap 'echo got hup' HUP; echo trap is set; while :; do sleep 0.05; done"


# ---- finding what runs


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_runs(runtime: str, project: MakeProject, verb: str) -> None:
    made = project({"Procfile": "web: true\n", "sub/x": ""})
    words = {"scale": ["web=1"], "signal": ["HUP", "web"], "send": ["web", "x"]}
    words |= {"stop": ["web"], "attach": ["web"]}
    result = made.run(verb, *words.get(verb, []), cwd=made.path("sub"))
    assert result.status == 3
    message = f"nothing is running in {made.path('sub')} (`gaffer start` starts it)"
    assert result.error() == message


@pytest.mark.parametrize("verb", VERBS)
def test_usage_and_help(runtime: str, project: MakeProject, verb: str) -> None:
    made = project({})
    result = made.run(verb, "--nonesuch", "a", "b")
    assert (result.status, result.stdout) == (2, "")
    shown = made.run(verb, "--help")
    assert shown.status == 0 and shown.stdout.startswith(f"usage: gaffer {verb} ")
    assert made.run("help", verb).stdout == shown.stdout
    assert re.search(rf"^  {verb} ", made.run("help").stdout, re.MULTILINE)


def test_a_run_is_found_from_below_and_from_elsewhere(serve: Serve, project: MakeProject) -> None:
    served = serve({"Procfile": f"web: {STAYS}\n", "a/b/c": ""})
    elsewhere = project({})
    below = served.project.path("a/b")
    for result in (
        served.run("ps", cwd=below),
        elsewhere.run("ps", "-d", str(served.project.directory)),
        elsewhere.run("-d", str(below), "ps"),
    ):
        assert result.status == 0 and result.lines[1].startswith("web.1  running"), result
    assert elsewhere.run("ps").status == 3
    missing = elsewhere.run("ps", "-d", "nonesuch")
    assert (missing.status, missing.error()) == (2, "-d nonesuch: it doesn't exist")


def test_an_unknown_name(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\nworker: {STAYS}\n")
    for verb, *words in (("stop", "wroker"), ("logs", "wroker"), ("scale", "wroker=2")):
        result = served.run(verb, *words)
        assert (result.status, result.error()) == (
            1,
            "unknown process 'wroker' (did you mean 'worker'?)",
        )
    assert "did you mean 'web.1'?" in served.run("stop", "web.7").error()
    assert [each["state"] for each in served.ps()] == ["running", "running"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["web"], ["web.1", "web.2"]),
        (["web.2", "api:db"], ["db.1", "web.2"]),
        (["w*"], ["web.1", "web.2", "worker.1"]),
        (["w*.1"], ["web.1", "worker.1"]),
        (["web.*"], ["web.1", "web.2"]),
        (["api"], ["db.1", "web.1", "web.2"]),
        (["*:worker", "worker"], ["worker.1"]),
        ([], ["db.1", "web.1", "web.2", "worker.1"]),
    ],
)
def test_names_groups_patterns_and_instances(
    serve: Serve, words: list[str], expected: list[str]
) -> None:
    files = {
        "api/Procfile": f"web: {STAYS}\ndb: {STAYS}\n",
        "jobs/Procfile": f"worker: {STAYS}\n",
        "Procfile": "",
    }
    served = serve(files, settings={"web": {"numprocesses": 2}}, directories=("api", "jobs"))
    assert sorted(each["process"] for each in served.ps(*words)) == expected


def test_several_runs_of_a_project(serve: Serve) -> None:
    procfile = f"web: {STAYS}\nworker: {STAYS}\n"
    first = serve(procfile, "web")
    second = serve(procfile, "worker", in_project=first.project)
    heads, *rows = first.run("ps").lines
    assert heads.split()[-1] == "GAFFER"
    assert [row.split()[0] for row in rows] == ["web.1", "worker.1"]
    assert [int(row.split()[-1]) for row in rows] == [first.running.pid, second.running.pid]
    assert first.run("stop", "worker").stdout == "worker.1 stopped\n"
    assert [each["state"] for each in first.ps()] == ["running", "stopped"]
    down = first.run("down")
    assert sorted(down.lines) == sorted(
        f"gaffer has ended (pid {each.running.pid})" for each in (first, second)
    )
    assert first.run("ps").status == 3


# ---- ps


def test_ps_is_aligned_and_fits_into_80_columns(serve: Serve) -> None:
    served = serve(
        f"web: {STAYS}\nbroken: exit 3\nmissing: exec ./nonesuch\nsearch-index: {STAYS}\n"
    )
    wait_until(
        lambda: {each["state"] for each in served.ps()} == {"running", "failed"}, "the failures"
    )
    result = served.run("ps", env={"FORCE_COLOR": ""})
    heads, *rows = result.lines
    assert heads.split() == "NAME STATE READY PID PORT UPTIME RESTARTS CPU MEM".split()
    assert all(len(line) <= 80 for line in result.lines), result
    assert len({len(line) for line in rows}) == 1
    cells = {row.split("  ")[0]: row.split() for row in rows}
    assert re.fullmatch(
        r"running - \d+ 5000 \ds 0 [\d.]+% [\d.]+[KM]", " ".join(cells["web.1"][1:])
    )
    assert cells["broken.1"][1:] == ["failed", "(3)", "-", "-", "5100", "-", "0", "-", "-"]
    assert cells["missing.1"][1:3] == ["failed", "(127)"]
    assert "\x1b" not in result.stdout


def test_ps_has_colours_on_a_terminal_and_cuts_names_there(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\nlong-name-of-a-worker-that-never-ends: {STAYS}\n")
    script = "stty cols 70; exec $gaffer ps"
    running = served.project.spawn_shell(script, pty=True, env={"TERM": "xterm"})
    assert running.wait() == 0
    assert "\x1b[32mrunning\x1b[0m" in running.text
    plain = re.sub(r"\x1b\[\d+m", "", running.text).splitlines()
    assert max(map(len, plain)) <= 70 and plain[2].startswith("long-n") and "…" in plain[2]
    assert "\x1b" not in served.run("ps", "--colour", "never").stdout


def test_ps_as_json(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    [web] = served.ps()
    assert (web["process"], web["state"], web["port"]) == ("web.1", "running", 5000)
    assert web["gaffer"] == served.running.pid
    assert web["rss"] > 0 and is_alive(web["os_pid"])


def test_ps_of_readiness(serve: Serve) -> None:
    config = "processes:\n  web:\n    ready: {file: up}\n"
    served = serve({"Procfile": f"web: {STAYS}\n", "gaffer.yaml": config})
    assert served.run("ps").lines[1].split()[2] == "no"
    served.project.write({"up": ""})
    wait_until(lambda: served.run("ps").lines[1].split()[2] == "yes", "readiness")


def test_ps_watch_redraws_and_leaves_the_terminal_as_it_was(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    script = "stty -g; trap : INT; $gaffer ps --watch; echo status $?; stty -g"
    running = served.project.spawn_shell(script, pty=True, env={"TERM": "xterm"})
    running.read_until(r"\x1b\[\?1049h")
    running.read_until(r"running")
    served.run("stop", "web")
    running.read_until(r"stopped")  # at once, not with the next figures
    running.send(b"\x03")
    running.read_until(r"\x1b\[\?1049l")
    running.read_until(r"status 130")  # it ended by SIGINT
    running.wait()
    states = re.findall(r"^[0-9a-f]+(?::[0-9a-f]+)+", running.text, re.MULTILINE)
    assert len(states) == 2 and states[0] == states[1]


def test_ps_watch_is_halted_and_goes_on(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    script = "$gaffer ps --watch; echo back in the shell; fg"
    shell = served.project._spawn(["sh", "-mc", script], pty=True)
    shell.read_until(r"web\.1")
    shell.send(b"\x1a")  # Ctrl-Z
    shell.read_until(r"\x1b\[\?25h\x1b\[\?1049l")
    shell.read_until("back in the shell")
    shell.read_until(r"\x1b\[\?1049h")
    shell.read_until(r"web\.1")
    shell.send(b"\x03")
    shell.read_until(r"\x1b\[\?25h\x1b\[\?1049l")
    assert shell.wait() in (130, -signal.SIGINT)


def test_ps_watch_without_a_terminal_ends_with_gaffer(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    running = served.spawn("ps", "--watch")
    running.read_until("web.1  running")
    served.run("down")
    running.read_until("gaffer has ended\n")
    assert running.wait() == 0


def test_ps_watch_ends_by_sigterm_and_restores_the_terminal(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    running = served.spawn("ps", "--watch", pty=True, env={"TERM": "xterm"})
    running.read_until(r"running")
    running.signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM
    assert running.text.endswith("\x1b[?7h\x1b[?25h\x1b[?1049l")


# ---- stop, restart


def test_stop_returns_when_it_is_gone(serve: Serve) -> None:
    slow = "trap 'sleep 0.3; echo bye; exit 0' TERM; echo trap is set; while :; do sleep 0.05; done"
    served = serve(f"web: {slow}\nworker: {STAYS}\n")
    wait_until(lambda: "trap is set" in served.run("logs").stdout, "the trap")
    [web, worker] = served.ps()
    result = served.run("stop", "web")
    assert (result.status, result.stdout) == (0, "web.1 stopped\n")
    assert not is_alive(web["os_pid"]) and is_alive(worker["os_pid"])
    assert "bye" in served.run("logs", "web").stdout
    again = served.run("stop", "web", "worker")
    assert (again.status, again.stdout) == (0, "web.1 wasn't running\nworker.1 stopped\n")


LEAVES = "(trap '' TERM; exec sleep 1) & echo has left one; exec sleep 600"


@pytest.mark.parametrize("verb", [("stop", "web"), ("scale", "web=0")])
def test_what_is_left_behind_has_gone_too(serve: Serve, verb: tuple[str, str]) -> None:
    """It goes after the last event of its process."""
    served = serve(f"web: {LEAVES}\nworker: {STAYS}\n")
    wait_until(lambda: "has left one" in served.run("logs").stdout, "the child")
    result = served.run(*verb)
    assert result.status == 0, result
    assert [each["state"] for each in served.ps("web")] in ([], ["stopped"])


def test_what_is_started_meanwhile_does_not_stop(serve: Serve) -> None:
    lingers = "trap '' TERM; until [ -e let-go ]; do sleep 0.02; done"
    served = serve(f"web: ({lingers}) & echo has left one; exec sleep 600\n")
    wait_until(lambda: "has left one" in served.run("logs").stdout, "the child")
    stopping = served.spawn("stop", "web")
    wait_until(lambda: served.state("web.1") == "stopping", "the stop")
    assert served.run("restart", "web", "--no-wait").status == 0
    served.project.write({"let-go": ""})
    stopping.read_until(r"web\.1 was started meanwhile")
    assert stopping.wait() == 1


def test_stop_of_what_is_being_restarted(serve: Serve) -> None:
    lingers = "trap 'until [ -e let-go ]; do sleep 0.02; done; exit 0' TERM; echo trap is set;"
    served = serve(f"web: {lingers} while :; do sleep 0.02; done\n")
    wait_until(lambda: "trap is set" in served.run("logs").stdout, "the trap")
    restarting = served.spawn("restart", "web.1")
    wait_until(lambda: served.state("web.1") == "stopping", "the restart")
    again = served.run("restart", "web.1", "--no-wait")
    assert (again.status, again.stdout) == (0, "web.1 is to restart\n")
    stopping = served.spawn("stop", "web.1", "--no-wait")
    assert stopping.wait() == 0, stopping.text
    served.project.write({"let-go": ""})
    restarting.read_until(r"web\.1 ended meanwhile, or was stopped")
    assert restarting.wait() == 1
    assert served.state("web.1") == "stopped"


def test_stop_of_what_waits_to_be_started_again(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    api = Connection(served.socket)
    late = {"back_off": {"first": 600, "cap": 600}, "restart": "always", "numprocesses": 2}
    api.post("/processes", {"name": "late", "cmd": "sleep", "args": ["600"], **late})
    api.close()
    assert served.run("signal", "KILL", "late").status == 0
    wait_until(lambda: served.state("late.2") == "backing-off", "the end")
    assert served.run("stop", "late.2").error() == (
        "late.2 is backing-off: it has no process (`gaffer stop late` stops all of it)"
    )
    for words in (["late.1", "late.2"], ["late"]):
        assert served.run("stop", *words).status == 0
        assert {each["state"] for each in served.ps("late")} == {"stopped"}


def test_stop_one_instance(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n", settings={"*": {"numprocesses": 3, "restart": "always"}})
    result = served.run("stop", "web.2", "--json")
    assert result.status == 0
    [stopped] = json.loads(result.stdout)
    assert (stopped["process"], stopped["state"], stopped["id"]) == ("web.2", "stopped", None)
    assert [each["state"] for each in served.ps()] == ["running", "stopped", "running"]


def test_stop_without_waiting(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    assert served.run("stop", "web", "--no-wait").stdout == "web.1 is to stop\n"
    wait_until(lambda: served.state("web.1") == "stopped", "the stop")


def test_restart_returns_when_it_is_replaced(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n", settings={"*": {"numprocesses": 2}})
    before = [each["os_pid"] for each in served.ps()]
    result = served.run("restart", "web")
    after = {each["process"]: each["os_pid"] for each in served.ps()}
    assert result.status == 0
    assert sorted(result.lines) == [f"{name} started (pid {pid})" for name, pid in after.items()]
    assert set(before).isdisjoint(after.values()) and not any(map(is_alive, before))
    [one] = json.loads(served.run("restart", "web.2", "--json").stdout)
    assert one["process"] == "web.2" and one["os_pid"] != after["web.2"]
    assert served.ps("web.1")[0]["os_pid"] == after["web.1"]


@pytest.mark.parametrize(
    "verb", [("stop", "web.2"), ("scale", "web=1"), ("signal", "KILL", "web.2")]
)
def test_restart_ends_when_one_does_not_start(serve: Serve, verb: tuple[str, ...]) -> None:
    slow = "trap 'sleep 1; exit 0' TERM; echo trap is set; while :; do sleep 0.05; done"
    served = serve(f"web: {slow}\n", settings={"*": {"numprocesses": 2}})
    wait_until(lambda: served.run("logs").stdout.count("trap is set") == 2, "the traps")
    restarting = served.spawn("restart", "web")
    wait_until(lambda: served.state("web.1") == "stopping", "the restart")
    assert served.run(*verb, "--no-wait" if verb[0] != "signal" else "--tree").status == 0
    restarting.read_until(r"web\.2 ended meanwhile, or was stopped")
    assert restarting.wait() == 1
    assert "web.1 started" in restarting.text


def test_restart_starts_what_is_stopped_or_has_ended(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\nonce: echo done\n")
    served.run("stop", "web")
    wait_until(lambda: served.state("once.1") == "exited", "the end")
    result = served.run("restart", "web", "once")
    assert result.status == 0 and len(result.lines) == 2
    assert served.state("web.1") == "running"
    assert served.run("logs", "once", "--no-prefix").stdout == "done\ndone\n"
    served.run("stop", "web")
    refused = served.run("restart", "web.1")
    assert (refused.status, refused.error()) == (
        1,
        "web.1 isn't running (`gaffer restart web` starts all that aren't)",
    )


def test_restart_of_what_can_not_be_executed_fails(serve: Serve) -> None:
    served = serve(
        {"Procfile": "tool: ./tool\n", "tool": f"#!/bin/sh\n{STAYS}\n"},
        settings={"tool": {"shell": False}},
    )
    served.project.path("tool").unlink()
    result = served.run("restart", "tool")
    assert result.status == 1 and result.stdout == ""
    assert result.stderr.startswith("gaffer: tool.1 "), result


def test_restart_without_waiting(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    [before] = served.ps()
    assert served.run("restart", "--no-wait").stdout == "web.1 is to restart\n"
    wait_until(lambda: served.ps()[0]["os_pid"] not in (None, before["os_pid"]), "the restart")


# ---- scale, signal, send


def test_scale(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\nworker: {STAYS}\n")
    result = served.run("scale", "web=3", "worker=0")
    assert (result.status, result.lines) == (
        0,
        ["web: 3 running (1 before)", "worker: 0 running (1 before)"],
    )
    assert [each["port"] for each in served.ps()] == [5000, 5001, 5002]
    assert served.run("scale", "web=-1").stdout == "web: 2 running (3 before)\n"
    assert served.run("scale", "worker=+2").stdout == "worker: 2 running (0 before)\n"
    assert served.run("scale", "*=1").lines == [
        "web: 1 running (2 before)",
        "worker: 1 running (2 before)",
    ]
    assert served.run("scale", "web=1").stdout == "web: 1 running, as before\n"
    [web] = json.loads(served.run("scale", "web=2", "--json").stdout)
    assert (web["name"], web["running"]) == ("project:web", 2)
    served.run("stop", "web")
    assert served.run("scale", "web=1").stdout == "web: 1, when it is started again\n"


@pytest.mark.parametrize("word", ["web", "web=", "web=x", "=3", "web=1.5", "web=--1"])
def test_scale_takes_numbers(runtime: str, project: MakeProject, word: str) -> None:
    result = project({}).run("scale", word)
    assert (result.status, result.error()) == (
        2,
        f"scale takes NAME=N, not {word!r} (web=3, web=+1, web=-1)",
    )


def test_scale_to_what_fails(serve: Serve) -> None:
    served = serve("web: exec sleep 0.2$PORT; exit 4\n", settings={"web": {"numprocesses": 0}})
    refused = served.run("scale", "web=501")
    assert refused.status == 1 and "500" in refused.error()


@pytest.mark.parametrize("name", ["HUP", "SIGHUP", "1", "sighup"])
def test_signal(serve: Serve, name: str) -> None:
    served = serve(f"web: {TRAPS}\nworker: {STAYS}\n")
    wait_until(lambda: "trap is set" in served.run("logs").stdout, "the trap")
    [web, _] = served.ps()
    result = served.run("signal", name, "web")
    assert (result.status, result.stdout) == (0, f"web.1 got SIGHUP (pid {web['os_pid']})\n")
    wait_until(lambda: "got hup" in served.run("logs").stdout, "the signal")


def test_signal_that_there_is_not(runtime: str, project: MakeProject) -> None:
    result = project({}).run("signal", "HPU", "web")
    assert (result.status, result.error()) == (
        2,
        "there is no signal 'HPU' (did you mean 'SIGHUP'?)",
    )


def test_signal_of_what_does_not_run(serve: Serve) -> None:
    served = serve("web: exit 0\n")
    wait_until(lambda: served.state("web.1") == "exited", "the end")
    assert served.run("signal", "HUP", "web").error() == "web.1 isn't running"


def test_send(serve: Serve) -> None:
    served = serve('web: while read -r line; do echo "got [$line]"; done\nnone: exec sleep 600\n')
    assert served.run("send", "web", "yes").status == 0
    assert served.run("send", "web", "two", "words").status == 0
    assert served.run("send", "--raw", "web", "no ").status == 0
    assert served.run("send", "web", "newline", "--json").stdout == (
        '{"bytes": 8, "processes": ["web.1"]}\n'
    )
    served.shell("printf 'from a file\\nlast\\n' | $gaffer send web -")
    text = ["got [yes]", "got [two words]", "got [no newline]", "got [from a file]", "got [last]"]
    wait_until(lambda: served.run("logs", "web", "--no-prefix").lines == text, "the lines")


def test_send_to_what_takes_no_input(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n", has_input=False)
    result = served.run("send", "web", "yes")
    assert (result.status, result.error()) == (1, "web.1 takes no input")


# ---- down, open


def test_down_returns_when_all_is_gone(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\nworker: sleep 600 & wait\n")
    pids = [each["os_pid"] for each in served.ps()] + [served.running.pid]
    result = served.run("down", "--json")
    assert json.loads(result.stdout) == {"ended": True, "gaffers": [served.running.pid]}
    assert not any(map(is_alive, pids))
    assert served.running.wait() == 0


def test_down_kills_what_does_not_stop(serve: Serve) -> None:
    stubborn = "trap '' TERM; echo trap is set; while :; do sleep 0.05; done"
    served = serve(f"web: {stubborn}\n", settings={"web": {"stop_timeout": 600.0}})
    wait_until(lambda: "trap is set" in served.run("logs").stdout, "the trap")
    [web] = served.ps()
    result = served.run("down", "--timeout", "0.2")
    assert result.status == 0, result
    assert result.stderr == "gaffer: not within 0.2 s: killing what is left\n"
    assert not is_alive(web["os_pid"]) and not is_alive(served.running.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no other way here")
def test_down_without_pidfds(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    down = served.spawn("down", env={"GAFFER_WITHOUT": "pidfd,proc"})
    assert served.running.wait() == 0  # reaped: until then it has its number
    assert down.wait() == 0 and down.text == f"gaffer has ended (pid {served.running.pid})\n"


def test_open(serve: Serve) -> None:
    served = serve(
        {"Procfile": f"web: {STAYS}\n", "browser": "#!/bin/sh\necho $1 > opened\n"}, tcp="0"
    )
    browser = {"BROWSER": str(served.project.path("browser"))}
    result = served.run("open", "--print", env=browser)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=\w+\n", result.stdout)
    assert not served.project.path("opened").exists()
    assert served.run("open", env=browser).stdout == result.stdout
    wait_until(served.project.path("opened").exists, "the browser")
    assert served.project.path("opened").read_text() == result.stdout
    assert json.loads(served.run("open", "--json").stdout) == {"urls": [result.stdout.strip()]}


def test_open_without_a_web_page(serve: Serve) -> None:
    result = serve(f"web: {STAYS}\n").run("open")
    assert result.status == 1 and "`gaffer start --http 8080`" in result.error()


def test_a_gaffer_that_is_halted_says_nothing(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    os.kill(served.running.pid, signal.SIGSTOP)
    try:
        result = served.run("__complete", "stop", "")
        assert (result.status, result.stdout) == (0, "")
    finally:
        os.kill(served.running.pid, signal.SIGCONT)


def test_names_that_would_do_something_to_a_terminal(serve: Serve) -> None:
    served = serve(f"web: {STAYS}\n")
    result = served.run("stop", "we\x1b[2Jb")
    assert result.status == 1 and "\x1b" not in result.stderr
