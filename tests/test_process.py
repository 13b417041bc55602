"""Process: its life, its command, its signals and its group."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
from conftest import (
    DEADLINE,
    Capture,
    LoopDriver,
    Made,
    close_loop,
    end_what_was_let_go,
    is_alive,
    new_loop,
    open_descriptors,
)

from gaffer_procfile.loop import adapt
from gaffer_procfile.posix import system
from gaffer_procfile.process import Process


def test_what_it_is_from_beginning_to_end(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "read line; exit 3", redirect_input=True, group="g")
    process = made.process
    assert (process.id, process.name, process.group, process.cmd) == (7, "web", "g", "/bin/sh")
    assert process.args == ["-c", "read line; exit 3"]
    assert (process.pid, process.status, process.active, process.closed) == (
        None,
        "created",
        False,
        False,
    )
    process.spawn()
    assert process.pid is not None
    assert is_alive(process.pid)
    assert (process.status, process.active) == ("running", True)
    info = process.info
    assert {key: info[key] for key in ("pid", "os_pid", "name", "active", "status")} == {
        "pid": 7,
        "os_pid": process.pid,
        "name": "web",
        "active": True,
        "status": "running",
    }
    assert info["mem_info1"] > 0
    assert "web" in repr(process)
    process.write(b"\n")
    loop_driver.run_until(lambda: made.closed)
    assert (process.status, process.active, process.closed) == ("exited", False, True)
    assert made.exits == [(3, 0)]
    assert len(made.gone) == len(made.closed) == 1
    assert "cpu" not in process.info


def test_it_is_started_once(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "exit 0").run()
    with pytest.raises(RuntimeError, match="started before"):
        made.process.spawn()


def test_the_constructors_order_of_arguments(loop_driver: LoopDriver) -> None:
    exits: list[tuple[object, ...]] = []
    process = Process(
        loop_driver.raw, 1, "n", "/bin/sh", "g", "-c 'exit 5'", {}, None, None, "/", False, False,
        [], False, [], [], lambda *args: exits.append(args),
    )  # fmt: skip
    process.spawn()
    loop_driver.run_until(lambda: exits)
    assert exits == [(process, 5, 0)]


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"redirect_output": ["a", "b", "c"]}, ValueError),
        ({"args": "an 'unclosed quote"}, ValueError),
        ({"uid": "no-such-user"}, ValueError),
        ({"gid": "no-such-group"}, ValueError),
    ],
)
def test_bad_arguments(
    loop_driver: LoopDriver, kwargs: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        Process(loop_driver.raw, 1, "n", "/bin/true", **kwargs)


def test_killed_by_a_signal(loop_driver: LoopDriver) -> None:
    assert Made(loop_driver, "kill -9 $$").run().exits == [(0, signal.SIGKILL)]


def test_variables_in_the_command(loop_driver: LoopDriver) -> None:
    process = Process(
        loop_driver.raw, 1, "web", "$SHELL_ -c", args=["echo $A ${B} $$ $C", "x"],
        env={"SHELL_": "/bin/sh", "A": "1", "B": "2 3"}, redirect_output=["out"],
    )  # fmt: skip
    capture = Capture()
    process.monitor_io("out", capture)
    process.spawn()
    loop_driver.run_until(lambda: process.closed)
    words = capture.data.decode().split()
    assert words[:3] == ["1", "2", "3"]
    assert words[3].isdigit()


def test_shell(loop_driver: LoopDriver) -> None:
    process = Process(
        loop_driver.raw, 1, "web", "A=local; echo $A | tr a-z A-Z; echo", args=["$A", "b  c"],
        env={"A": "env", "PATH": "/bin:/usr/bin"}, shell=True, redirect_output=["out"],
    )  # fmt: skip
    capture = Capture()
    process.monitor_io("out", capture)
    process.spawn()
    loop_driver.run_until(lambda: process.closed)
    assert capture.data == b"LOCAL\n$A b  c\n"


@pytest.mark.parametrize(
    ("cmd", "settings", "status", "reason"),
    [
        ("gaffer-no-such-command", {}, 127, "command not found: gaffer-no-such-command"),
        ("", {}, 127, "empty command"),
        ("/etc/passwd", {}, 126, "not executable: /etc/passwd (Permission denied)"),
        ("/bin/true", {"cwd": "/no/such"}, 126, "no such directory: /no/such"),
    ],
)
def test_commands_that_cannot_be_executed(
    loop_driver: LoopDriver, cmd: str, settings: dict[str, Any], status: int, reason: str
) -> None:
    before = open_descriptors()
    exits: list[tuple[int, int]] = []
    process = Process(
        loop_driver.raw, 1, "web", cmd, redirect_output=["out"], redirect_input=True,
        custom_streams=["s"], on_exit_cb=lambda _p, *args: exits.append(args), **settings,
    )  # fmt: skip
    process.spawn()
    assert exits == []
    process.write(b"nobody reads this")
    loop_driver.run_until(lambda: process.closed)
    assert exits == [(status, 0)]
    assert (process.reason, process.pid) == (reason, None)
    assert open_descriptors() == before


def test_a_command_that_cannot_be_split_leaves_nothing_open(loop_driver: LoopDriver) -> None:
    before = open_descriptors()
    with pytest.raises(ValueError, match="quotation"):
        Process(loop_driver.raw, 1, "web", "an 'unclosed quote", redirect_output=["out"]).spawn()
    assert open_descriptors() == before


def test_no_descriptor_stays_open(loop_driver: LoopDriver) -> None:
    before = open_descriptors()
    for _ in range(3):
        made = Made(
            loop_driver, "exit 0", redirect_output=["a", "b"], redirect_input=True,
            custom_streams=["c"],
        ).run()  # fmt: skip
        assert made.exits == [(0, 0)]
    assert open_descriptors() == before


def test_stop_signals_the_whole_group(loop_driver: LoopDriver) -> None:
    script = (
        "(trap 'echo child; exit 0' TERM; echo ready; while :; do sleep 0.01; done) & "
        "trap 'wait; echo parent; exit 0' TERM; wait"
    )
    made = Made(loop_driver, script, redirect_output=["out"])
    made.process.spawn()
    loop_driver.run_until(lambda: b"ready" in made.capture.data)
    made.process.stop()
    assert made.process.status == "stopping"
    loop_driver.run_until(lambda: made.closed)
    assert {b"child", b"parent"} <= set(made.capture.data.splitlines())


@pytest.mark.parametrize("without", ["", "pidfd", "pidfd,proc"])
def test_without_stop_tree_the_others_are_told_when_it_has_ended(
    loop_driver: LoopDriver, monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    monkeypatch.setattr(system, "_WITHOUT", frozenset(without.split(",")))
    script = (
        "(trap 'echo worker; exit 0' TERM; echo ready; while :; do sleep 0.01; done) & "
        "trap 'echo parent; read line; exit 3' TERM; wait"
    )
    made = Made(loop_driver, script, redirect_output=["out"], redirect_input=True, stop_tree=False)
    made.process.spawn()
    loop_driver.run_until(lambda: b"ready" in made.capture.data)
    made.process.stop()
    loop_driver.run_until(lambda: b"parent" in made.capture.data)
    loop_driver.run_for(0.1)
    assert made.capture.data.split() == [b"ready", b"parent"]
    made.process.write(b"\n")
    loop_driver.run_until(lambda: made.closed)
    assert made.capture.data.split() == [b"ready", b"parent", b"worker"]
    assert made.exits == [(3, 0)]


def test_without_stop_tree_what_was_left_behind_is_told(loop_driver: LoopDriver) -> None:
    script = "sleep 60 & echo $!; exit 3"
    made = Made(loop_driver, script, redirect_output=["out"], stop_tree=False)
    made.process.spawn()
    loop_driver.run_until(lambda: made.exits)
    other = int(made.capture.data)
    assert is_alive(other)
    made.process.stop()
    loop_driver.run_until(lambda: made.closed)
    assert not is_alive(other)


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_stop_signal(loop_driver: LoopDriver, stop_signal: int) -> None:
    made = Made(loop_driver, "exec sleep 60", stop_signal=stop_signal)
    made.process.spawn()
    made.process.stop()
    loop_driver.run_until(lambda: made.closed)
    assert made.exits == [(0, stop_signal)]


def test_kill_signals_the_process_alone_or_its_group(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "sleep 60 & echo $!; wait", redirect_output=["out"])
    made.process.spawn()
    loop_driver.run_until(lambda: made.capture.data)
    grandchild = int(made.capture.data)
    made.process.kill(signal.SIGKILL)
    loop_driver.run_until(lambda: made.exits)
    assert made.exits == [(0, signal.SIGKILL)]
    assert is_alive(grandchild)
    made.process.kill(signal.SIGKILL)  # it is gone: nobody else is signalled
    assert is_alive(grandchild)
    made.process.kill(signal.SIGKILL, tree=True)
    loop_driver.run_until(lambda: not is_alive(grandchild))
    made.process.stop()
    loop_driver.run_until(lambda: made.closed)


def test_close_lets_go_of_one_that_goes_on(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "echo last words; exec sleep 60", redirect_output=["out"])
    made.process.spawn()
    pid = made.process.pid
    assert pid is not None
    loop_driver.run_until(lambda: made.capture.data)
    made.process.close()
    loop_driver.run_until(lambda: made.closed)
    assert is_alive(pid)
    assert made.exits == []
    end_what_was_let_go(made.process)


@pytest.mark.parametrize("which", ["on_exit_cb", "on_gone_cb", "on_closed_cb"])
def test_a_callback_that_raises_holds_up_nothing(loop_driver: LoopDriver, which: str) -> None:
    def fail(*_args: Any) -> None:
        raise LookupError("of the callback")

    callback: Any = {which: fail}
    process = Process(loop_driver.raw, 1, "n", "/bin/true", redirect_output=["out"], **callback)
    process.spawn()
    with pytest.raises((LookupError, AssertionError), match="of the callback"):
        loop_driver.run_until(lambda: process.closed)  # asyncio logs it: that fails the driver
    loop_driver.faults.clear()
    loop_driver.run_until(lambda: process.closed)
    assert process.gone


@pytest.mark.parametrize(
    "kwargs",
    [{"redirect_output": ["a", "b", "c"]}, {"uid": "no-such-user"}, {"args": "an 'unclosed"}],
)
def test_one_that_is_refused_keeps_no_loop_running(loop_kind: str, kwargs: dict[str, Any]) -> None:
    raw = new_loop(loop_kind)
    loop = adapt(raw)
    with pytest.raises(ValueError):  # noqa: PT011 - which one is told elsewhere
        Process(raw, 1, "n", "/bin/true", **kwargs)
    late: list[bool] = []

    def end() -> None:
        late.append(True)
        loop.stop()

    watchdog = threading.Timer(DEADLINE / 5, loop.call_soon_threadsafe, (end,))
    watchdog.start()
    loop.call_soon(loop.close)
    loop.run()
    watchdog.cancel()
    watchdog.join()
    assert not late
    close_loop(loop_kind, raw)
