"""The template: its settings, its slots, its environment, and when to give up."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from conftest import LoopDriver, ManagerDriver

from gaffer_procfile.manager import FlappingInfo, Manager, Process, ProcessState, ProcessTracker
from gaffer_procfile.restart import BackOff, ExitHistory, is_restarted


def test_where_the_classes_are_found() -> None:
    from gaffer_procfile import events, manager, process, state

    assert manager.FlappingInfo is state.FlappingInfo is FlappingInfo
    assert manager.ProcessState is state.ProcessState
    assert manager.ProcessTracker is state.ProcessTracker
    assert manager.Process is process.Process
    assert events.EventEmitter.__module__ == "gaffer_procfile.events"
    assert manager.Manager is Manager


def test_defaults() -> None:
    state = ProcessState("web", "run")
    assert (state.name, state.cmd, state.settings, state.group) == ("web", "run", {}, None)
    assert (state.numprocesses, state.restart, state.detach) == (1, "always", False)
    assert (state.graceful_timeout, state.flapping, state.stopped) == (30, None, False)
    assert (state.active, state.pids, state.list_processes()) == (True, [], [])
    assert "web" in repr(state)


def test_flapping_info() -> None:
    info = FlappingInfo()
    assert (info.attempts, info.window, info.retry_in, info.max_retry) == (2, 1.0, 7.0, 5)
    assert repr(FlappingInfo(3, 2.0, 1.0, 4)) == (
        "FlappingInfo(attempts=3, window=2.0, retry_in=1.0, max_retry=4)"
    )


BAD_SETTINGS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"numproceses": 2}, TypeError, "unknown setting of a process: numproceses"),
    ({"b": 1, "a": 1}, TypeError, "a, b"),
    ({"numprocesses": -1}, ValueError, "-1"),
    ({"numprocesses": "two"}, TypeError, "'two'"),
    ({"restart": "sometimes"}, ValueError, "'sometimes'"),
    ({"restart": True}, TypeError, "one of always, on-failure, never, not True"),
    ({"uid": "no-such-user"}, ValueError, "no-such-user"),
    ({"gid": "no-such-group"}, ValueError, "no-such-group"),
    ({"uid": 2**40}, ValueError, "uid is a number or a name"),
    ({"uid": -1}, ValueError, "uid is a number or a name, not -1"),
    ({"gid": 1.5}, TypeError, "gid is a number or a name"),
    ({"redirect_output": ["a", "b", "c"]}, ValueError, "two labels"),
    ({"redirect_output": ["o", "o"]}, ValueError, "another for stderr"),
    ({"redirect_output": "ab"}, TypeError, "a list"),
    ({"args": "an 'unclosed quote"}, ValueError, "args can't be split into words: .*quotation"),
    ({"args": [b"x"]}, TypeError, "args is a string or a list of strings"),
    ({"args": 5}, TypeError, "not 5"),
    ({"stop_signal": 999}, ValueError, "999"),
    ({"stop_signal": "TERM"}, TypeError, "'TERM'"),
    ({"stop_timeout": "soon"}, TypeError, "'soon'"),
    ({"stop_timeout": float("nan")}, ValueError, "stop_timeout is a number of seconds, not nan"),
    ({"stop_timeout": float("inf")}, ValueError, "inf"),
    ({"graceful_timeout": -1}, ValueError, "-1"),
    ({"env": {"A": "secret", "DEBUG": 1}}, TypeError, r"strings to strings, not \{'DEBUG': 1\}"),
    ({"env": {"A": None}}, TypeError, "'A': None"),
    ({"env": {1: "2"}}, TypeError, "1: '2'"),
    ({"env": ["A=1"]}, TypeError, "env is a mapping"),
    ({"instance_env": {"A": 5}}, TypeError, "instance_env is a mapping"),
    ({"cwd": 5}, TypeError, "cwd is a path, not 5"),
    ({"cwd": b"/tmp"}, TypeError, "cwd is a path"),
    ({"custom_channels": ["x"]}, TypeError, "custom_channels is a list of descriptors"),
    ({"custom_channels": [-1]}, ValueError, "descriptors"),
    ({"custom_streams": ["s", "s"]}, ValueError, "each another one"),
    ({"custom_streams": [1]}, TypeError, "a list of labels"),
    ({"port": "80"}, TypeError, "port is a number up to 65535, not '80'"),
    ({"port": 70000}, ValueError, "70000"),
    ({"port": 65535, "numprocesses": 3}, ValueError, "would be 65537"),
    ({"flapping": 5}, TypeError, "flapping is a FlappingInfo"),
    ({"flapping": FlappingInfo(attempts=0)}, ValueError, "FlappingInfo"),
    ({"flapping": FlappingInfo(window="long")}, ValueError, "window=long"),  # type: ignore[arg-type]
    ({"back_off": 3}, TypeError, "back_off is a BackOff"),
    ({"back_off": BackOff(attempts=-2)}, ValueError, "BackOff"),
    ({"depends_on": "db"}, TypeError, "a list of names"),
    ({"detach": "no"}, TypeError, "True or False"),
    ({"pty": (1,)}, ValueError, r"\(rows, columns\), not \(1,\)"),
    ({"pty": (24, 2**16)}, ValueError, "65536"),
    ({"tty": 80}, TypeError, "80"),
    ({"tty": True}, ValueError, "tty needs a label"),
]


@pytest.mark.parametrize(("settings", "error", "message"), BAD_SETTINGS)
def test_bad_settings(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ProcessState("web", "run", **settings)


def test_a_command_that_cannot_be_split() -> None:
    with pytest.raises(ValueError, match=r"cmd can't be split into words: .*quotation"):
        ProcessState("web", "an 'unclosed quote")
    with pytest.raises(TypeError, match="cmd is a string, not None"):
        ProcessState("web", None)  # type: ignore[arg-type]
    ProcessState("web", "for a shell 'it is an error of its own", shell=True)


@pytest.mark.parametrize(("settings", "error", "message"), BAD_SETTINGS)
def test_bad_settings_leave_nothing_half_added_or_half_changed(
    driver: ManagerDriver, settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        driver.manager.add_process("g:web", "run", **settings)
    assert driver.manager.processes == {}
    assert driver.manager.get_groups() == []
    driver.sh("ok", "exec sleep 60")
    before = driver.manager.get_process_info("ok")
    with pytest.raises(error, match=message):
        driver.manager.update_process("ok", "run", **settings)
    assert driver.manager.get_process_info("ok") == before
    driver.run_for(0)
    assert driver.kinds() == ["create", "start", "spawn"]


def test_none_stands_for_the_default() -> None:
    names = ("args", "env", "numprocesses", "redirect_output", "stop_signal", "restart", "flapping")
    state = ProcessState(
        "web", "run", graceful_timeout=5, stop_timeout=None, **dict.fromkeys(names)
    )
    assert state.settings == {"graceful_timeout": 5}
    assert (state.numprocesses, state.restart, state.graceful_timeout) == (1, "always", 5)


def test_environment_of_each_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_OS", "os")
    monkeypatch.setenv("BOTH", "os")
    state = ProcessState(
        "web",
        "run",
        env={"BOTH": "env", "PORT": "1"},
        os_env=True,
        port=5000,
        instance_env={"PS": "web.{instance}", "TWICE": "{instance}{instance}", "NONE": "{other}"},
    )
    env = state.environment(3)
    assert (env["FROM_OS"], env["BOTH"]) == ("os", "env")
    assert (env["PORT"], env["PS"], env["TWICE"], env["NONE"]) == ("5002", "web.3", "33", "{other}")


def test_without_os_env_the_environment_is_what_was_given() -> None:
    assert ProcessState("web", "run", env={"A": "1"}).environment(1) == {"A": "1"}
    assert ProcessState("web", "run").environment(1) == {}


def test_ttin_ttou_and_reset() -> None:
    state = ProcessState("web", "run", numprocesses=2)
    assert state.ttin() == 3
    assert state.ttin(4) == 7
    assert state.ttou() == 6
    assert state.ttou(5) == 1
    assert state.ttou(5) == 0
    assert state.ttin(-3) == 0
    assert state.ttin(3) == 3
    state.reset()
    assert state.numprocesses == 2


@pytest.mark.parametrize(
    ("restart", "exit_status", "term_signal", "again"),
    [
        ("always", 0, 0, True),
        ("always", 1, 0, True),
        ("always", 0, 9, True),
        ("on-failure", 0, 0, False),
        ("on-failure", 1, 0, True),
        ("on-failure", 0, 9, True),
        ("never", 0, 0, False),
        ("never", 1, 0, False),
        ("never", 0, 9, False),
    ],
)
def test_restart_policies(restart: str, exit_status: int, term_signal: int, again: bool) -> None:
    assert is_restarted(restart, exit_status, term_signal) is again


WELL, RETRY, GIVE_UP = (True, True), (False, True), (False, False)


@pytest.mark.parametrize(
    ("info", "exits", "verdicts"),
    [
        (FlappingInfo(2, 1.0, 7.0, 5), [0, 2, 4, 6], [WELL, WELL, WELL, WELL]),
        (FlappingInfo(2, 1.0, 7.0, 5), [0, 0.5], [WELL, RETRY]),
        (FlappingInfo(2, 1.0, 7.0, 5), [0, 1.0], [WELL, RETRY]),
        (FlappingInfo(3, 1.0, 7.0, 5), [0, 0.5, 1.1, 1.2], [WELL, WELL, WELL, RETRY]),
        (FlappingInfo(1, 1.0, 7.0, 1), [0, 0.1], [RETRY, GIVE_UP]),
        (FlappingInfo(2, 9.0, 1.0, 1), [0, 0, 1, 1], [WELL, RETRY, WELL, GIVE_UP]),
        (FlappingInfo(2, 1.0, 1.0, 0), [0, 0], [WELL, GIVE_UP]),
        # It ran for a while in between: the retries are counted anew.
        (FlappingInfo(1, 1.0, 1.0, 1), [0, 5, 10], [RETRY, GIVE_UP, GIVE_UP]),
        (
            FlappingInfo(2, 1.0, 0.1, 1),
            [0, 0, 0.1, 5, 5],
            [WELL, RETRY, WELL, WELL, RETRY],
        ),
    ],
)
def test_flapping(
    info: FlappingInfo, exits: list[float], verdicts: list[tuple[bool, bool]]
) -> None:
    history = ExitHistory(info)
    assert [history.add(now) for now in exits] == verdicts


def test_a_template_that_does_not_mind_flapping() -> None:
    state = ProcessState("web", "run")
    assert [state.count_exit(now) for now in (0, 0, 0)] == [True] * 3
    state.forgive()


def test_reset_forgives() -> None:
    state = ProcessState("web", "run", flapping=FlappingInfo(2, 1.0, 1.0, 5))
    assert state.count_exit(0)
    state.reset()
    assert state.count_exit(0)
    assert not state.count_exit(0)
    assert state.may_retry


def test_a_setup_that_fails_changes_nothing() -> None:
    state = ProcessState("web", "run", numprocesses=2)
    with pytest.raises(ValueError, match="sometimes"):
        state.setup("other", numprocesses=3, restart="sometimes")
    assert (state.cmd, state.numprocesses, state.restart) == ("run", 2, "always")


def test_make_process_for_a_slot(loop_driver: LoopDriver) -> None:
    state = ProcessState("g:web", "$PORT", group="g", args="a b", port=5000)
    process = state.make_process(loop_driver.raw, 9, None, instance=2)
    assert isinstance(process, Process)
    assert (process.id, process.instance, process.group) == (9, 2, "g")
    assert process.args == ["a", "b"]
    process.spawn()
    loop_driver.run_until(lambda: process.closed)
    assert process.reason == "command not found: 5001"


def test_the_tracker_kills_what_is_late_and_reports_when_all_are_gone(
    loop_driver: LoopDriver,
) -> None:
    tracker, done = ProcessTracker(loop_driver.raw), []
    state = ProcessState("web", "/bin/sh", args=["-c", "trap '' TERM; echo; while :; do sleep 1; done"],
                         os_env=True, redirect_output=["out"])  # fmt: skip
    exits: list[tuple[int, int]] = []
    ready: list[object] = []
    process = state.make_process(
        loop_driver.raw, 1, lambda _process, *args: exits.append(args), on_gone=tracker.uncheck
    )
    process.monitor_io("out", lambda *_: ready.append(True))
    tracker.on_done(lambda: done.append("nothing to wait for"))
    loop_driver.run_until(lambda: done)
    process.spawn()
    loop_driver.run_until(lambda: ready)
    process.stop()
    tracker.check(process, 0.1)
    tracker.check(process, 60)  # asked for already
    tracker.on_done(lambda: done.append("it is gone"))
    loop_driver.run_until(lambda: len(done) == 2)
    assert exits == [(0, signal.SIGKILL)]
    tracker.check(process, 0)  # gone already: not tracked
    tracker.on_done(lambda: done.append("still"))
    loop_driver.run_until(lambda: len(done) == 3)
    tracker.close()


def test_kill_all_waits_for_nobody(loop_driver: LoopDriver) -> None:
    tracker, done = ProcessTracker(loop_driver.raw), []
    state = ProcessState("web", "/bin/sleep", args=["60"], os_env=True)
    process = state.make_process(loop_driver.raw, 1, None, on_gone=tracker.uncheck)
    process.spawn()
    tracker.check(process, 60)
    tracker.on_done(lambda: done.append(True))
    loop_driver.run_for(0.02)
    assert done == []
    tracker.kill_all()
    loop_driver.run_until(lambda: done)
    tracker.close()


class Refused:
    """A process of another user's."""

    id = 1
    gone = unkillable = False

    def __init__(self) -> None:
        self.signals: list[int] = []

    def kill(self, signum: int, *, tree: bool) -> bool:
        assert tree
        self.signals.append(signum)
        return False


def test_who_can_not_be_killed_is_not_waited_for(loop_driver: LoopDriver) -> None:
    process: Any = Refused()
    kills: list[object] = []
    tracker, told = ProcessTracker(loop_driver.raw, kills.append), []
    tracker.check(process, 0.01, lambda: told.append("refused"))
    tracker.on_done(lambda: told.append("done"))
    loop_driver.run_until(lambda: len(told) == 2)
    assert process.unkillable
    tracker.kill_all()
    assert (kills, process.signals) == ([process], [signal.SIGKILL])
    tracker.close()
