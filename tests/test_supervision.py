"""How processes are kept alive and brought to an end: slots, restarts, flapping, groups, timeouts."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from conftest import Capture, Event, ManagerDriver, is_alive, session_members

from gaffer_procfile.posix import system
from gaffer_procfile.restart import BackOff
from gaffer_procfile.slots import STOPPED
from gaffer_procfile.state import FlappingInfo
from gaffer_procfile.supervisor import AT_ONCE

SLEEP = "exec sleep 60"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.02; done"

# Binds $PORT without SO_REUSEADDR: two at once can't. A bound socket that never was connected
# leaves nothing behind that would keep the next one waiting.
BINDER = """
import os, signal, socket
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
listener = socket.socket()
try:
    listener.bind(("127.0.0.1", int(os.environ["PORT"])))
except OSError:
    os._exit(98)
listener.listen()
os.write(1, b"bound")
while True:
    signal.pause()
"""


def slots(driver: ManagerDriver, name: str) -> list[int]:
    return sorted(process.instance for process in driver.manager.processes[name].running)


def free_ports(count: int) -> int:
    """The first of `count` successive ports that are free now."""
    while True:
        sockets = [socket.socket()]
        sockets[0].bind(("127.0.0.1", 0))
        first: int = sockets[0].getsockname()[1]
        try:
            for port in range(first + 1, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        else:
            return first
        finally:
            for each in sockets:
                each.close()


# ---- restarts


def test_a_process_that_ends_is_started_again_in_its_slot(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2, port=7000, redirect_output=["out"])
    victim = driver.of("spawn")[0] if driver.of("spawn") else driver.run_until_event("spawn")
    os.kill(victim["os_pid"], signal.SIGKILL)
    event = driver.run_until_event("exit")
    assert (event["exit_status"], event["term_signal"]) == (0, signal.SIGKILL)
    again = driver.run_until_event("spawn", count=3)
    assert (again["pid"], again["instance"]) == (3, 1)
    assert slots(driver, "web") == [1, 2]
    assert driver.of("stop_pid") == []  # nobody stopped it


@pytest.mark.parametrize(
    ("restart", "script", "again"),
    [
        ("always", "exit 0", True),
        ("on-failure", "exit 0", False),
        ("on-failure", "exit 1", True),
        ("on-failure", "kill -9 $$", True),
        ("never", "exit 1", False),
    ],
)
def test_restart_policies(driver: ManagerDriver, restart: str, script: str, again: bool) -> None:
    driver.sh("web", script, restart=restart)
    driver.run_until_event("exit")
    if again:
        driver.run_until_event("spawn", count=3)
    else:
        driver.run_for(0.05)
        assert len(driver.of("spawn")) == 1
        assert driver.manager.get_process_status("web")["active"] == "active"
        driver.manager.start_process("web")  # a person may
        driver.run_until_event("spawn", count=2)


def test_ttin_does_not_start_what_has_ended_for_good(driver: ManagerDriver) -> None:
    driver.sh("web", "exit 0", restart="never")
    driver.run_until_event("exit")
    driver.manager.ttin("web")
    driver.run_until_event("exit", count=2)
    assert [event["instance"] for event in driver.of("spawn")] == [1, 2]


def test_one_after_the_other_also_if_asked_again_meanwhile(driver: ManagerDriver) -> None:
    script = "trap 'sleep 0.1; exit' TERM; echo ready; while :; do sleep 0.01; done"
    ready = Capture()
    driver.manager.subscribe(
        "spawn", lambda _, it: driver.manager.get_process(it["pid"]).monitor_io("out", ready)
    )
    driver.sh("web", script, numprocesses=2, redirect_output=["out"])
    driver.run_until(lambda: ready.data.count(b"ready") == 2)
    driver.manager.restart_process("web")
    driver.manager.restart_process("web")
    driver.run_until_event("spawn", count=4)
    told = [it["event"] for it in driver.events if it["event"] in ("stop_pid", "spawn")]
    assert told == ["spawn", "spawn", "stop_pid", "spawn", "stop_pid", "spawn"]


SLOW = "trap 'sleep 0.3; exit' TERM; echo ready; while :; do sleep 0.02; done"


def test_a_stop_of_one_that_is_being_restarted(driver: ManagerDriver) -> None:
    """Its successor is called off, and the others of the template are restarted all the same."""
    ready = Capture()
    driver.manager.subscribe(
        "spawn", lambda _, it: driver.manager.get_process(it["pid"]).monitor_io("out", ready)
    )
    driver.sh("web", SLOW, numprocesses=2, redirect_output=["out"])
    driver.run_until(lambda: ready.data.count(b"ready") == 2)
    first, second = driver.of("spawn")
    driver.manager.restart_process("web")
    driver.run_until_event("stop_pid")
    driver.manager.stop_process(first["pid"])
    driver.run_until_event("spawn", count=3)
    assert driver.of("spawn")[2]["instance"] == second["instance"]
    driver.run_until(lambda: driver.manager.processes["web"].slots[1].state == STOPPED)
    driver.manager.restart_process("web")
    driver.run_until(lambda: slots(driver, "web") == [1, 2])


def test_a_restart_of_one_that_is_being_stopped(driver: ManagerDriver) -> None:
    ready = Capture()
    driver.manager.subscribe(
        "spawn", lambda _, it: driver.manager.get_process(it["pid"]).monitor_io("out", ready)
    )
    driver.sh("web", SLOW, redirect_output=["out"])
    driver.run_until(lambda: ready.data.count(b"ready") == 1)
    [first] = driver.of("spawn")
    driver.manager.stop_process(first["pid"])
    driver.run_until_event("stop_pid")
    driver.manager.restart_process(first["pid"])
    driver.run_until_event("spawn", count=2)
    driver.manager.stop_process("web")
    driver.run_until_event("exit", count=2)
    driver.manager.restart_process(first["pid"])  # it has ended: that is no error, and nothing
    assert slots(driver, "web") == []


# ---- flapping


def test_flapping_stops_retries_and_gives_up(driver: ManagerDriver) -> None:
    info = FlappingInfo(attempts=2, window=5.0, retry_in=0.05, max_retry=2)
    driver.sh("web", "exit 1", flapping=info)
    driver.run_until_event("flap", count=3)
    driver.run_for(0.2)
    assert driver.kinds("web") == [
        "create", "start",
        *["spawn", "exit"] * 2, "flap", "stop",
        "start", *["spawn", "exit"] * 2, "flap", "stop",
        "start", *["spawn", "exit"] * 2, "flap", "stop",
    ]  # fmt: skip
    assert driver.manager.get_process_status("web")["active"] == "stopped"


def test_a_retry_waits_its_time(driver: ManagerDriver) -> None:
    driver.sh("web", "exit 1", flapping=FlappingInfo(1, 5.0, 0.2, 1))
    driver.run_until_event("flap")
    start = time.monotonic()
    driver.run_until_event("start", count=2)
    assert time.monotonic() - start > 0.19


@pytest.mark.parametrize("by", ["stop_process", "remove_process"])
def test_a_retry_is_called_off(driver: ManagerDriver, by: str) -> None:
    driver.sh("web", "exit 1", flapping=FlappingInfo(1, 5.0, 0.05, 5))
    driver.run_until_event("flap")
    getattr(driver.manager, by)("web")
    driver.run_for(0.2)
    assert len(driver.of("spawn")) == 1


def test_the_managers_stop_calls_a_retry_off(driver: ManagerDriver) -> None:
    driver.sh("web", "exit 1", flapping=FlappingInfo(1, 5.0, 60, 5))
    driver.run_until_event("flap")
    driver.stop()
    assert len(driver.of("spawn")) == 1
    assert driver.manager.processes["web"].retry_timer is None


def test_starting_by_hand_before_the_retry(driver: ManagerDriver) -> None:
    driver.sh("web", "exit 1", flapping=FlappingInfo(2, 5.0, 0.1, 5))
    driver.run_until_event("flap")
    driver.manager.update_process("web", "/bin/sleep", args=["60"], os_env=True)
    driver.run_until_event("spawn", count=3)
    driver.run_for(0.25)
    assert len(driver.of("spawn")) == 3


def test_others_of_a_template_that_flaps_are_stopped_too(driver: ManagerDriver) -> None:
    driver.sh(
        "web", 'test "$N" = 1 && exit 1; exec sleep 60', instance_env={"N": "{instance}"},
        numprocesses=2, flapping=FlappingInfo(2, 5.0, 60, 5),
    )  # fmt: skip
    driver.run_until_event("flap")
    driver.run_until_event("exit", count=3)
    assert driver.manager.running_processes() == {}


def test_one_that_flaps_is_not_said_to_be_started_again(driver: ManagerDriver) -> None:
    driver.sh("web", "exit 1", flapping=FlappingInfo(1, 5.0, 60, 5), back_off=BackOff())
    event = driver.run_until_event("exit")
    assert event["then"] == "stopped"
    assert "delay" not in event


# ---- slots and ports


def test_the_lowest_free_slot_is_taken_and_the_highest_given_up(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=3)
    assert driver.manager.ttou("web", 2) == 1
    driver.run_until_event("exit", count=2)
    assert [event["instance"] for event in driver.of("reap")] == [3, 2]
    assert slots(driver, "web") == [1]
    assert driver.manager.ttin("web", 3) == 4
    assert slots(driver, "web") == [1, 2, 3, 4]
    assert driver.manager.ttou("web", 10) == 0
    driver.run_until_event("exit", count=6)
    assert slots(driver, "web") == []
    assert driver.manager.ttin("web") == 1
    assert slots(driver, "web") == [1]


def test_many_are_started_over_some_turns(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    driver.run_until_event("spawn")
    counts = [1 + AT_ONCE]

    def look() -> None:
        counts.append(len(driver.manager.running))
        if counts[-1] < 30:
            driver.loop.call_soon(look)

    driver.manager.ttin("web", 29)
    assert len(driver.manager.running) == 1 + AT_ONCE
    driver.loop.call_soon(look)
    driver.run_until(lambda: counts[-1] == 30)
    assert max(more - before for before, more in itertools.pairwise(counts)) <= AT_ONCE
    assert slots(driver, "web") == list(range(1, 31))


@pytest.mark.parametrize("by", ["stop_process", "remove_process", "ttou"])
def test_what_was_to_be_started_later_may_be_called_off(driver: ManagerDriver, by: str) -> None:
    driver.sh("web", SLEEP)
    driver.run_until_event("spawn")
    driver.manager.ttin("web", 29)
    wanted = ("web", 29) if by == "ttou" else ("web",)
    getattr(driver.manager, by)(*wanted)
    left = 1 if by == "ttou" else 0
    driver.run_until(lambda: len(driver.of("exit")) == 1 + AT_ONCE - left)
    driver.run_for(0.05)
    assert len(driver.of("spawn")) == 1 + AT_ONCE
    assert len(driver.manager.running) == left


def test_each_instance_has_its_port_and_environment(driver: ManagerDriver) -> None:
    driver.sh(
        "web", "echo $PORT $PS", port=7000, instance_env={"PS": "web.{instance}"},
        numprocesses=3, restart="never", redirect_output=["out"],
    )  # fmt: skip
    captures = [driver.capture(process) for process in driver.manager.processes["web"].running]
    driver.run_until(lambda: all(capture.ended for capture in captures))
    assert [capture.data for capture in captures] == [
        b"7000 web.1\n",
        b"7001 web.2\n",
        b"7002 web.3\n",
    ]


def test_no_two_processes_ever_share_a_port(driver: ManagerDriver) -> None:
    """Through restarts, ttin and ttou: one that couldn't bind its port exits with 98."""
    first = free_ports(3)
    bound: list[int] = []

    def hear(_label: str, message: Event) -> None:
        if message["data"]:
            bound.append(message["pid"])

    def watch(_evtype: str, event: Event) -> None:
        process = driver.manager.running_processes().get(event["pid"])
        if process is not None:  # else it was told to stop already
            process.monitor_io("out", hear)

    driver.manager.subscribe("spawn", watch)
    driver.add(
        "web", sys.executable, args=["-S", "-E", "-c", BINDER], port=first, numprocesses=2,
        redirect_output=["out"],
    )  # fmt: skip
    driver.run_until(lambda: len(bound) == 2)
    driver.manager.restart_process("web")
    driver.run_until(lambda: len(bound) == 4)
    driver.manager.ttin("web")
    driver.manager.restart_process("web")
    driver.manager.ttou("web", 2)
    driver.manager.ttin("web", 2)
    driver.manager.stop_process("web")
    driver.manager.start_process("web")
    driver.run_until(lambda: len(set(bound) & set(driver.manager.running_processes())) == 3)
    assert [event for event in driver.of("exit") if event["exit_status"] == 98] == []


def test_a_slot_waits_for_the_grandchildren_of_the_one_before(driver: ManagerDriver) -> None:
    """The leader ends at once, a child of its that holds the port only after a while."""
    script = (
        "(trap 'sleep 0.2; exit 0' TERM; echo ready; while :; do sleep 0.02; done) & "
        "trap 'exit 0' TERM; wait"
    )
    driver.sh("web", script, redirect_output=["out"])
    process = driver.process("web")
    capture = driver.capture(process)
    driver.run_until(lambda: capture.data)
    members: list[list[int]] = []
    driver.manager.subscribe("spawn", lambda *_: members.append(session_members(process.pid)))
    driver.manager.restart_process("web")
    driver.run_until_event("exit")
    assert session_members(process.pid), "the grandchild is gone already: nothing is shown"
    driver.run_until_event("spawn", count=2)
    assert members == [[]]


# ---- stopping


def test_one_that_does_not_stop_is_killed_after_its_time(driver: ManagerDriver) -> None:
    driver.sh("web", STUBBORN, stop_timeout=0.2, redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)
    start = time.monotonic()
    driver.manager.stop_process("web")
    event = driver.run_until_event("exit")
    assert event["term_signal"] == signal.SIGKILL
    assert 0.19 < time.monotonic() - start < 3


def test_what_runs_stops_by_the_settings_that_it_was_started_with(driver: ManagerDriver) -> None:
    driver.sh("web", STUBBORN, stop_timeout=0.2, redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)
    start = time.monotonic()
    driver.manager.update_process("web", "/bin/sleep", args=["60"], os_env=True, stop_timeout=60)
    event = driver.run_until_event("exit")
    assert event["term_signal"] == signal.SIGKILL
    assert 0.19 < time.monotonic() - start < 3
    driver.run_until_event("spawn", count=2)


def test_graceful_timeout_is_the_same_setting(driver: ManagerDriver) -> None:
    driver.sh("web", STUBBORN, graceful_timeout=0.05, redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)
    driver.manager.stop_process(1)
    assert driver.run_until_event("exit")["term_signal"] == signal.SIGKILL


def test_one_that_stops_in_time_is_not_killed(driver: ManagerDriver) -> None:
    script = "trap 'sleep 0.1; exit 3' TERM; echo; while :; do sleep 0.02; done"
    driver.sh("web", script, stop_timeout=30, redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)
    driver.manager.stop_process("web")
    assert driver.run_until_event("exit")["exit_status"] == 3


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGQUIT])
def test_stop_signal(driver: ManagerDriver, stop_signal: int) -> None:
    driver.sh("web", SLEEP, stop_signal=stop_signal)
    driver.manager.stop_process("web")
    assert driver.run_until_event("exit")["term_signal"] == stop_signal


@pytest.fixture(params=["", "pidfd", "pidfd,proc"])
def without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the platform lacks."""
    monkeypatch.setattr(system, "_WITHOUT", frozenset(request.param.split(",")))


stop_tree = pytest.mark.parametrize("stop_tree", [True, False])


@stop_tree
@pytest.mark.usefixtures("without")
def test_grandchildren_are_stopped_given_their_time_and_killed(
    driver: ManagerDriver, tmp_path: Path, stop_tree: bool
) -> None:
    told = tmp_path / "told"
    stubborn = f"trap ': > {told}' TERM; echo \\$\\$; while :; do sleep 0.02; done"
    script = f'/bin/sh -c "{stubborn}" & trap "exit 0" TERM; wait'
    driver.sh("web", script, stop_timeout=0.3, stop_tree=stop_tree, redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)
    grandchild = int(capture.data)
    driver.manager.stop_process("web")
    driver.run_until_event("exit")
    driver.run_until(told.exists)  # it got the stop signal
    assert is_alive(grandchild)  # and has its time
    driver.run_until(lambda: not is_alive(grandchild), deadline=5)


@stop_tree
@pytest.mark.usefixtures("without")
def test_the_managers_stop_waits_for_the_grandchildren(
    driver: ManagerDriver, stop_tree: bool
) -> None:
    script = (
        "(trap 'sleep 0.1; echo last words; exit 0' TERM; echo $$; while :; do sleep 0.02; done) & "
        "trap 'exit 0' TERM; wait"
    )
    driver.sh("web", script, stop_tree=stop_tree, redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)
    driver.stop()
    assert b"last words" in capture.data


# A pool as those have it that end it themselves: a worker that finishes when its parent says so, by a
# signal of their own, and breaks off when it is told to stop. It prints its number.
WORKER = """
over=
trap 'echo broken; over=1' TERM
trap 'echo finished; over=1' USR1
sh -c 'echo $PPID'
while [ -z "$over" ]; do sleep 0.02; done
"""


def pool(after: str = "wait", worker: str = WORKER) -> str:
    """A process that has such a worker; when that has been told it does what `after` says."""
    return f"trap 'kill -USR1 $!; {after}; exit 0' TERM; ({worker}) & wait"


def workers(driver: ManagerDriver, name: str, count: int) -> tuple[list[Capture], list[int]]:
    """What the `count` processes of a template write, and the numbers of their workers."""
    captures = [driver.capture(process) for process in driver.manager.processes[name].running]
    assert len(captures) == count
    driver.run_until(lambda: all(capture.data for capture in captures))
    return captures, [int(capture.data) for capture in captures]


@pytest.mark.usefixtures("without")
def test_without_stop_tree_a_process_ends_its_workers_itself(driver: ManagerDriver) -> None:
    driver.sh("web", pool(), stop_tree=False, redirect_output=["out"])
    [capture], _ = workers(driver, "web", 1)
    driver.stop()
    assert capture.data.split()[1:] == [b"finished"]
    assert driver.run_until_event("exit")["exit_status"] == 0
    assert driver.of("kill") == []


@pytest.mark.usefixtures("without")
def test_without_stop_tree_the_whole_tree_is_killed_after_the_time(driver: ManagerDriver) -> None:
    script = f"({STUBBORN.replace('ready', '$!')}) & {STUBBORN.replace('ready', '$!')}"
    driver.sh("web", script, stop_timeout=0.2, stop_tree=False, redirect_output=["out"])
    process = driver.process("web")
    capture = driver.capture(process)
    driver.run_until(lambda: capture.data.count(b"\n") == 2)
    driver.manager.stop_process("web")
    driver.run_until(lambda: process.closed)
    assert driver.run_until_event("exit")["term_signal"] == signal.SIGKILL
    assert session_members(process.pid) == []


def test_without_stop_tree_a_hurry_kills_the_whole_tree(driver: ManagerDriver) -> None:
    script = pool("while :; do sleep 0.02; done", WORKER.replace("finished; over=1", "finished"))
    driver.sh("web", script, stop_timeout=600, stop_tree=False, redirect_output=["out"])
    process = driver.process("web")
    [capture], [worker] = workers(driver, "web", 1)
    driver.manager.stop(lambda _manager: driver._note_stopped())
    driver.run_until(lambda: b"finished" in capture.data)
    assert is_alive(worker) and is_alive(process.pid)
    driver.manager.kill()
    driver.run_until(lambda: driver.is_stopped)
    assert b"broken" not in capture.data
    assert not is_alive(worker)
    assert driver.of("exit")[0]["term_signal"] == signal.SIGKILL


def test_without_stop_tree_one_is_restarted_scaled_down_stopped(driver: ManagerDriver) -> None:
    driver.sh("web", pool(), numprocesses=3, stop_tree=False, redirect_output=["out"])
    captures, pids = workers(driver, "web", 3)
    left: list[bool] = []
    driver.manager.subscribe("spawn", lambda *_: left.append(is_alive(pids[0])))
    driver.run_until_event("spawn", count=3)
    left.clear()
    driver.manager.restart_process(1)
    driver.run_until_event("spawn", count=4)
    assert left == [False]
    driver.manager.ttou("web")
    driver.run_until(lambda: not is_alive(pids[2]))
    driver.manager.stop_process(2)
    driver.run_until_event("exit", count=3)
    assert [capture.data.split()[1:] for capture in captures] == [[b"finished"]] * 3
    assert slots(driver, "web") == [1]


@pytest.mark.usefixtures("without")
def test_without_stop_tree_a_shell_in_front_ends_and_all_others_are_told(
    driver: ManagerDriver,
) -> None:
    # Some shells become the last command of a line, so that one isn't the last.
    script = f"cd / && ( ({WORKER}) & wait ); true"
    driver.sh("web", script, stop_tree=False, redirect_output=["out"])
    [capture], [worker] = workers(driver, "web", 1)
    driver.stop()
    assert not is_alive(worker)
    assert b"broken" in capture.data


@stop_tree
@pytest.mark.usefixtures("without")
def test_nothing_is_left_of_what_is_detached_when_that_was_told_to_stop(
    driver: ManagerDriver, stop_tree: bool
) -> None:
    script = f"({STUBBORN}) & trap 'exit 0' TERM; wait"
    driver.sh(
        "web", script, detach=True, stop_timeout=0.2, stop_tree=stop_tree, redirect_output=["out"]
    )
    process = driver.process("web")
    capture = driver.capture(process)
    driver.run_until(lambda: capture.data)
    driver.manager.stop_process("web")
    driver.run_until(lambda: process.closed)
    assert session_members(process.pid) == []
    assert len(driver.of("kill")) == 1


def test_what_a_process_left_behind_is_stopped_before_its_successor(driver: ManagerDriver) -> None:
    script = "sleep 60 & echo $!; sleep 0.05; exit 1"
    driver.sh("web", script, redirect_output=["out"])
    process = driver.process("web")
    capture = driver.capture(process)
    alive: list[bool] = []
    driver.manager.subscribe("spawn", lambda *_: alive.append(is_alive(int(capture.data))))
    driver.run_until(lambda: capture.data)
    alive.clear()
    driver.run_until_event("spawn", count=2)
    assert alive == [False]


def test_what_ended_for_good_left_behind_is_stopped_with_the_template(
    driver: ManagerDriver,
) -> None:
    driver.sh("web", "sleep 60 & echo $!; exit 0", restart="never", redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until_event("exit")
    driver.run_until(lambda: capture.data)
    grandchild = int(capture.data)
    assert is_alive(grandchild)
    driver.manager.stop_process("web")
    driver.run_until(lambda: not is_alive(grandchild))


def test_a_stop_that_comes_with_the_exit(driver: ManagerDriver) -> None:
    """Many short lives, stopped at any moment: what is told is told once, and all of it ends."""
    for round_number in range(20):
        name = f"web{round_number}"
        driver.sh(name, "exit 0", numprocesses=3)
        driver.run_until_event("exit", name)
        driver.manager.remove_process(name)
    driver.stop()
    spawned = sorted(event["pid"] for event in driver.of("spawn"))
    assert sorted(event["pid"] for event in driver.of("exit")) == spawned
    assert driver.manager.running == {}


def test_output_of_a_child_is_told_before_its_exit(driver: ManagerDriver) -> None:
    order: list[str] = []
    driver.sh("web", "head -c 50000 /dev/zero", restart="never", redirect_output=["out"])
    driver.process("web").monitor_io("out", lambda *_: order.append("output"))
    driver.manager.subscribe("exit", lambda *_: order.append("exit"))
    driver.run_until(lambda: "exit" in order)
    assert order[-1] == "exit"
    assert "output" in order


def test_a_hundred_lives_leave_nothing(driver: ManagerDriver) -> None:
    before = len(os.listdir("/dev/fd"))
    driver.add("web", "/bin/true", numprocesses=4)
    driver.run_until_event("exit", count=100)
    driver.manager.stop_process("web")
    driver.run_until(lambda: len(driver.of("exit")) == len(driver.of("spawn")))
    driver.run_for(0.02)
    assert len(os.listdir("/dev/fd")) <= before
    assert all(slot.process is None for slot in driver.manager.processes["web"].slots.values())
