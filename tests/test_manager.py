"""The manager's public methods and events, as its contract has them."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from typing import Any

import pytest
from conftest import (
    DEADLINE,
    Event,
    ManagerDriver,
    close_loop,
    end_what_was_let_go,
    is_alive,
    new_loop,
)

from gaffer_procfile.manager import Manager, Process, ProcessState

SLEEP = "exec sleep 60"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


class Recorder:
    """An app that keeps what the manager asked of it."""

    def __init__(self, name: str = "app", calls: list[str] | None = None) -> None:
        self.name = name
        self.calls: list[str] = [] if calls is None else calls
        self.started_with: tuple[Any, Any] | None = None

    def start(self, loop: Any, manager: Manager) -> None:
        self.started_with = (loop, manager)
        self.calls.append(f"start {self.name}")

    def stop(self) -> None:
        self.calls.append(f"stop {self.name}")

    def restart(self) -> None:
        self.calls.append(f"restart {self.name}")


class Broken(Recorder):
    def stop(self) -> None:
        raise LookupError("of the app")

    restart = stop


# ---- the manager itself


def test_the_loop_is_the_one_that_was_given(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(loop=raw)
    assert manager.loop is raw
    assert (manager.started, manager.stopping) == (False, False)
    manager.start()
    assert manager.started
    manager.stop()
    manager.run()
    assert not manager.started
    close_loop(loop_kind, raw)


def test_run_needs_start(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    with pytest.raises(RuntimeError, match="started"):
        manager.run()
    manager.start()
    manager.stop()
    manager.run()
    close_loop(loop_kind, raw)


def test_run_ends_with_the_manager(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    stopped: list[Manager] = []
    manager.start()
    manager.add_process("web", "/bin/sleep", args="60", os_env=True, numprocesses=2)
    manager.subscribe_once("spawn", lambda *_: manager.stop(stopped.append))
    manager.run()
    assert stopped == [manager]
    assert not manager.running
    close_loop(loop_kind, raw)


def test_a_stopped_manager_is_not_started_again(driver: ManagerDriver) -> None:
    driver.stop()
    with pytest.raises(RuntimeError, match="stopped"):
        driver.manager.start()


def test_apps(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    calls: list[str] = []
    apps = [Recorder("one", calls), Recorder("two", calls)]
    manager = Manager(raw)
    manager.start(apps=apps)
    assert [app.started_with for app in apps] == [(raw, manager)] * 2
    manager.subscribe("exit", lambda *_: calls.append("exit"))
    manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
    manager.restart()
    manager.subscribe_once("stop_pid", lambda *_: manager.stop(lambda _: calls.append("stopped")))
    manager.run()
    assert calls[:4] == ["start one", "start two", "restart one", "restart two"]
    # The apps are there until the last process has ended.
    assert calls[-3:] == ["stop one", "stop two", "stopped"]
    assert set(calls[4:-3]) == {"exit"}
    close_loop(loop_kind, raw)


def test_an_app_and_a_callback_that_raise_are_logged_and_stop_nobody(
    loop_kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw = new_loop(loop_kind)
    calls: list[str] = []
    manager = Manager(raw)
    manager.start(apps=[Broken("broken", calls), Recorder("after", calls)])

    def fail(_manager: Manager) -> None:
        raise LookupError("of the callback")

    manager.restart(fail)
    manager.stop(fail)
    manager.stop(lambda _manager: calls.append("told"))
    with caplog.at_level(logging.ERROR, "gaffer_procfile"):
        manager.run()
    assert calls == ["start broken", "start after", "restart after", "stop after", "told"]
    assert caplog.text.count("LookupError: of the app") == 2
    assert caplog.text.count("LookupError: of the callback") == 2
    close_loop(loop_kind, raw)


def test_stop_before_any_process(driver: ManagerDriver) -> None:
    driver.stop()
    assert driver.events == []


def test_stop_twice_tells_both(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    told: list[int] = []
    driver.manager.stop(lambda _: told.append(1))
    driver.manager.stop(lambda _: told.append(2))
    driver.stop()
    assert told == [1, 2]
    assert len(driver.of("stop")) == len(driver.of("exit")) == 1


def test_stop_from_a_listener(driver: ManagerDriver) -> None:
    told: list[Manager] = []
    driver.manager.subscribe("exit", lambda *_: driver.manager.stop(told.append))
    driver.sh("one", "exit 0")
    driver.sh("two", SLEEP)
    driver.run_until(lambda: told)
    assert {event["name"] for event in driver.of("exit")} == {"one", "two"}
    driver.is_stopped = True


def test_the_last_exits_are_told_before_the_end(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=5)
    exits_at_end: list[int] = []
    driver.manager.stop(lambda _: exits_at_end.append(len(driver.of("exit"))))
    driver.stop()
    assert exits_at_end == [5]


def test_after_stop_nothing_is_started(driver: ManagerDriver) -> None:
    driver.sh("old", SLEEP)
    driver.stop()
    driver.manager.add_process("new", "/bin/sleep", args=["60"])
    driver.manager.start_process("old")
    driver.manager.ttin("old")
    driver.manager.restart_process("old")
    driver.manager.restart()
    driver.run_for(0.02)
    assert driver.manager.running_processes() == {}


def test_restart_during_stop_starts_nothing(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    driver.run_until_event("spawn")
    driver.manager.stop()
    driver.manager.restart()
    driver.stop()
    assert len(driver.of("spawn")) == 1
    assert driver.manager.processes["web"].stopped


def test_restart_replaces_all_and_tells(driver: ManagerDriver) -> None:
    driver.sh("a", SLEEP, numprocesses=2)
    driver.sh("b", SLEEP)
    driver.sh("c", SLEEP, start=False)
    told: list[set[int]] = []
    driver.manager.restart(lambda manager: told.append(set(manager.running_processes())))
    driver.run_until(lambda: told)
    assert told == [{4, 5, 6, 7}]
    assert len(driver.of("exit")) == 3
    driver.manager.restart(lambda _: told.append(set()))
    driver.run_until(lambda: len(told) == 2)


def test_restart_with_no_process_tells(driver: ManagerDriver) -> None:
    told: list[Manager] = []
    driver.manager.restart(told.append)
    driver.run_until(lambda: told == [driver.manager])


def test_wakeup_alone_is_harmless(driver: ManagerDriver) -> None:
    driver.manager.wakeup()
    driver.run_for(0)
    assert driver.events == []


# ---- events and their payloads


def test_events_of_a_life(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    pids = [process.pid for process in driver.manager.running_processes().values()]
    first = {"pid": 1, "os_pid": pids[0], "instance": 1}
    second = {"pid": 2, "os_pid": pids[1], "instance": 2}
    driver.run_until_event("spawn", count=2)
    assert driver.events == [
        {"event": "create", "name": "web"},
        {"event": "start", "name": "web"},
        {"event": "spawn", "name": "web", "detached": False, **first},
        {"event": "spawn", "name": "web", "detached": False, **second},
    ]
    driver.events.clear()
    assert driver.manager.ttou("web") == 1
    driver.run_until_event("exit")
    assert driver.events == [
        {"event": "update", "name": "web"},
        {"event": "reap", "name": "web", **second},
        {"event": "exit", "name": "web", "exit_status": 0, "term_signal": 15, **second},
    ]
    driver.events.clear()
    driver.manager.remove_process("web")
    driver.run_until_event("exit")
    assert driver.events[:3] == [
        {"event": "stop", "name": "web"},
        {"event": "stop_pid", "name": "web", **first},
        {"event": "delete", "name": "web"},
    ]


def test_every_event_has_its_twin(driver: ManagerDriver) -> None:
    all_events: list[tuple[str, Event]] = []
    own: list[str] = []
    driver.manager.on(".", lambda evtype, event: all_events.append((evtype, event)))
    driver.manager.on("proc.g:web", lambda evtype, _event: own.append(evtype))
    driver.manager.on("proc.g:other", lambda evtype, _event: own.append(evtype))
    driver.sh("g:web", SLEEP)
    driver.manager.restart_process("g:web")
    driver.run_until_event("spawn", count=2)
    driver.manager.remove_process("g:web")
    driver.run_until_event("exit", count=2)
    assert own
    plain = [(evtype, event) for evtype, event in all_events if not evtype.startswith("proc.")]
    twins = [(evtype, event) for evtype, event in all_events if evtype.startswith("proc.")]
    assert [evtype for evtype, _ in twins] == own
    for (evtype, event), (twin, twin_event) in zip(plain, twins, strict=True):
        assert event["event"] == evtype
        assert twin == twin_event["event"] == f"proc.g:web.{evtype}"
        assert {**event, "event": twin} == twin_event


def test_subscribe_once_and_unsubscribe(driver: ManagerDriver) -> None:
    once: list[str] = []
    left: list[str] = []

    def leave(evtype: str, _event: Event) -> None:
        left.append(evtype)

    driver.manager.once("spawn", lambda evtype, _event: once.append(evtype))
    driver.manager.subscribe("spawn", leave)
    driver.sh("web", SLEEP, numprocesses=3)
    driver.run_until_event("spawn", count=3)
    assert (once, left) == (["spawn"], ["spawn"] * 3)
    driver.manager.unsubscribe("spawn", leave)
    driver.manager.ttin("web")
    driver.run_until_event("spawn", count=4)
    assert len(left) == 3


def test_a_listener_that_raises_harms_nobody(
    driver: ManagerDriver, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_evtype: str, _event: Event) -> None:
        raise LookupError("of the listener")

    for evtype in ("spawn", "exit", "."):
        driver.manager.subscribe(evtype, fail)
    with caplog.at_level(logging.CRITICAL + 1, "gaffer_procfile.events"):
        driver.sh("web", "exit 1")
        driver.run_until_event("spawn", count=3)
        driver.stop()


@pytest.mark.parametrize(
    ("cmd", "settings", "status", "reason"),
    [
        ("gaffer-no-such", {}, 127, "command not found: gaffer-no-such"),
        ("", {}, 127, "empty command"),
        ("/etc/passwd", {}, 126, "not executable: /etc/passwd (Permission denied)"),
        ("true", {"cwd": "/no/such"}, 126, "no such directory: /no/such"),
    ],
)
def test_a_command_that_cannot_be_executed_raises_nothing(
    driver: ManagerDriver, cmd: str, settings: dict[str, Any], status: int, reason: str
) -> None:
    driver.add("web", cmd, restart="never", **settings)
    assert driver.manager.running_processes() == {}
    event = driver.run_until_event("exit")
    assert event == {
        "event": "exit",
        "name": "web",
        "pid": 1,
        "exit_status": status,
        "term_signal": 0,
        "os_pid": None,
        "instance": 1,
        "reason": reason,
    }
    assert driver.kinds() == ["create", "start", "exit"]


# ---- templates


def test_add_process_returns_with_the_processes_running(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    for process in driver.manager.running_processes().values():
        assert process.pid is not None
        assert is_alive(process.pid)


def test_a_name_is_taken_once(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    with pytest.raises(KeyError, match="'web'"):
        driver.sh("web", "exit 0")
    assert driver.manager.get_process_status("web")["running"] == 1


def test_unknown_names_and_ids(driver: ManagerDriver) -> None:
    manager = driver.manager
    for method in (
        manager.start_process,
        manager.stop_process,
        manager.restart_process,
        manager.remove_process,
        manager.manage_process,
        manager.get_process,
        manager.get_process_info,
        manager.get_process_status,
        manager.get_process_stats,
        manager.ttin,
        manager.ttou,
    ):
        with pytest.raises(KeyError, match="'web'"):
            method("web")
    with pytest.raises(KeyError, match="'web'"):
        manager.update_process("web", "true")
    for monitor in (manager.monitor, manager.unmonitor):
        for key in ("web", 77):
            with pytest.raises(KeyError, match=str(key)):
                monitor(key, print)
    for lookup in (manager.get_process, manager.get_process_stats):
        with pytest.raises(KeyError, match="77"):
            lookup(77)
    manager.send_signal("web", signal.SIGTERM)
    manager.send_signal(77, signal.SIGTERM)
    manager.stop_process(77)
    assert manager.get_process_state("web") is None


def test_what_is_known_of_a_template(driver: ManagerDriver) -> None:
    driver.sh("g:web", SLEEP, numprocesses=2, stop_timeout=5, restart="never")
    manager = driver.manager
    assert manager.get_process_info("g:web") == {
        "name": "g:web",
        "cmd": "/bin/sh",
        "args": ["-c", SLEEP],
        "group": "g",
        "numprocesses": 2,
        "stop_timeout": 5,
        "restart": "never",
        "os_env": True,
    }
    assert manager.get_process_status("g:web") == {
        "active": "active",
        "running": 2,
        "max_processes": 2,
    }
    state, process = manager.get_process("g:web"), manager.get_process(2)
    assert isinstance(state, ProcessState)
    assert isinstance(process, Process)
    assert state is manager.get_process_state("g:web") is manager.processes["g:web"]
    assert state.pids == [1, 2]
    assert process.id == 2
    manager.stop_process("g:web")
    assert manager.get_process_status("g:web") == {
        "active": "stopped",
        "running": 0,
        "max_processes": 2,
    }


def test_what_is_given_out_is_a_copy(driver: ManagerDriver) -> None:
    driver.sh("g:web", SLEEP)
    driver.manager.running_processes().clear()
    driver.manager.get_groups().clear()
    driver.manager.get_group("g").clear()
    assert len(driver.manager.running_processes()) == 1
    assert driver.manager.get_groups() == ["g"]
    assert driver.manager.get_group("g") == ["g:web"]


def test_stats(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    driver.sh("none", SLEEP, start=False)
    stats = driver.manager.get_process_stats("web")
    assert stats["name"] == "web"
    assert [info["pid"] for info in stats["stats"]] == [1, 2]
    assert stats["mem"] == pytest.approx(sum(info["mem"] for info in stats["stats"]))
    assert driver.manager.get_process_stats(1)["os_pid"] == driver.process("web").pid
    assert [stats["name"] for stats in driver.manager.processes_stats()] == ["web", "none"]
    assert driver.manager.get_process_stats("none") == {
        "name": "none",
        "stats": [],
        "cpu": 0,
        "mem": 0,
    }


def test_start_false_waits_for_start_process(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, start=False)
    driver.run_for(0.01)
    assert driver.kinds() == ["create"]
    driver.manager.manage_process("web")
    driver.manager.ttin("web")
    assert driver.manager.running_processes() == {}
    driver.manager.start_process("web")
    assert len(driver.manager.running_processes()) == 2


def test_start_processes_and_stop_processes(driver: ManagerDriver) -> None:
    for name in ("a", "b"):
        driver.sh(name, SLEEP, start=False)
    driver.manager.start_processes()
    assert len(driver.manager.running_processes()) == 2
    driver.manager.start_processes()
    assert len(driver.manager.running_processes()) == 2
    driver.manager.stop_processes()
    driver.run_until_event("exit", count=2)
    assert driver.manager.running_processes() == {}
    assert len(driver.of("spawn")) == 2


def test_stop_process_by_name_and_start_again(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    driver.manager.stop_process("web")
    driver.manager.stop_process("web")
    driver.run_until_event("exit", count=2)
    driver.run_for(0.05)
    assert (len(driver.of("stop")), len(driver.of("stop_pid"))) == (1, 2)
    assert driver.manager.get_process_status("web")["active"] == "stopped"
    assert len(driver.of("spawn")) == 2
    driver.manager.start_process("web")
    driver.run_until_event("spawn", count=4)
    assert driver.manager.get_process_status("web")["running"] == 2


def test_start_right_after_stop_waits_for_those_who_leave(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    driver.manager.stop_process("web")
    driver.manager.start_process("web")
    driver.run_until_event("spawn", count=4)
    spawned = [event["pid"] for event in driver.of("spawn")]
    assert spawned == [1, 2, 3, 4]
    live = 0
    for event in driver.events:
        live += {"spawn": 1, "exit": -1}.get(event["event"], 0)
        assert live <= 2


def test_a_process_stopped_by_id_stays_stopped(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=3)
    driver.manager.stop_process(2)
    event = driver.run_until_event("exit")
    assert event["pid"] == 2
    driver.manager.manage_process("web")
    driver.run_for(0.05)
    assert sorted(driver.manager.running_processes()) == [1, 3]
    assert driver.manager.get_process_status("web") == {
        "active": "active",
        "running": 2,
        "max_processes": 3,
    }
    driver.manager.start_process("web")
    assert sorted(driver.manager.running_processes()) == [1, 3, 4]
    assert driver.process("web", 2).instance == 2


def test_update_process(driver: ManagerDriver) -> None:
    driver.sh("g:web", SLEEP, numprocesses=2, redirect_output=["out"])
    driver.manager.update_process("g:web", "/bin/sleep", args=["50"], os_env=True)
    driver.run_until_event("spawn", count=3)
    assert driver.manager.get_process_info("g:web") == {
        "name": "g:web",
        "cmd": "/bin/sleep",
        "args": ["50"],
        "group": "g",
        "os_env": True,
    }
    driver.run_until_event("exit", count=2)
    driver.run_for(0.03)
    assert driver.kinds()[4:9] == ["stop", "stop_pid", "stop_pid", "update", "start"]
    assert driver.manager.get_process_status("g:web")["running"] == 1
    assert driver.process("g:web").cmd == "/bin/sleep"
    assert driver.manager.get_group("g") == ["g:web"]


def test_update_process_without_start(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP)
    driver.manager.update_process("web", "/bin/sleep", args=["50"], os_env=True, start=False)
    driver.run_until_event("exit")
    driver.run_for(0.03)
    assert driver.manager.get_process_status("web")["active"] == "stopped"


def test_remove_process_while_it_runs(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    driver.manager.remove_process("web")
    assert driver.manager.processes == {}
    driver.sh("web", SLEEP)  # the name is free at once
    driver.run_until_event("exit", count=2)
    driver.run_for(0.03)
    assert sorted(driver.manager.running_processes()) == [3]


def test_stop_waits_for_those_of_removed_templates(driver: ManagerDriver) -> None:
    script = "trap 'sleep 0.1; exit 5' TERM; echo; while :; do sleep 0.01; done"
    driver.sh("web", script, redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.data)
    driver.manager.remove_process("web")
    driver.stop()
    assert driver.of("exit")[0]["exit_status"] == 5


def test_restart_process(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=3)
    driver.manager.restart_process("web")
    driver.run_until_event("spawn", count=6)
    driver.run_until_event("exit", count=3)
    order = [(e["event"], e["pid"]) for e in driver.events if "pid" in e]
    rest = order[3:]
    # One after the other, each slot in turn, and never one too many.
    assert [pair for pair in rest if pair[0] == "spawn"] == [("spawn", n) for n in (4, 5, 6)]
    for old, new in ((1, 4), (2, 5), (3, 6)):
        assert (
            rest.index(("stop_pid", old)) < rest.index(("exit", old)) < rest.index(("spawn", new))
        )
    assert rest.index(("spawn", 4)) < rest.index(("stop_pid", 2))
    assert [p.instance for p in driver.manager.processes["web"].running] == [1, 2, 3]


def test_restarting_what_was_stopped_starts_it(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, start=False)
    driver.manager.restart_process("web")
    driver.run_until_event("spawn")


def test_restart_twice_at_once(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, numprocesses=2)
    driver.manager.restart_process("web")
    driver.manager.restart_process("web")
    driver.run_until(
        lambda: len(driver.of("exit")) >= 2 and len(driver.manager.running_processes()) == 2
    )
    assert not {1, 2} & set(driver.manager.running_processes())


def test_send_signal(driver: ManagerDriver) -> None:
    script = "trap 'echo usr1' USR1; echo ready; while :; do sleep 0.01; done"
    driver.sh("web", script, numprocesses=2, redirect_output=["out"])
    captures = [driver.capture(driver.process("web", index)) for index in range(2)]
    driver.run_until(lambda: all(b"ready" in capture.data for capture in captures))
    driver.manager.send_signal(1, signal.SIGUSR1)
    driver.run_until(lambda: captures[0].data == b"ready\nusr1\n")
    assert captures[1].data == b"ready\n"
    driver.manager.send_signal("web", signal.SIGUSR1)
    driver.run_until(lambda: all(b"usr1" in capture.data for capture in captures))


def test_process_ids_are_counted(driver: ManagerDriver) -> None:
    assert [driver.manager.get_process_id() for _ in range(3)] == [1, 2, 3]
    assert driver.manager.max_process_id == 3
    driver.sh("web", SLEEP)
    assert list(driver.manager.running_processes()) == [4]


# ---- groups


def test_groups(driver: ManagerDriver) -> None:
    manager = driver.manager
    for name in ("api:web", "api:worker", "shop:web", "single"):
        driver.sh(name, SLEEP)
    assert manager.get_groups() == ["api", "shop"]
    assert manager.get_group("api") == ["api:web", "api:worker"]
    assert manager.processes["single"].group is None
    manager.stop_group("api")
    driver.run_until_event("exit", count=2)
    assert {e["name"] for e in driver.of("exit")} == {"api:web", "api:worker"}
    manager.start_group("api")
    assert len(manager.running_processes()) == 4
    manager.restart_group("shop")
    driver.run_until_event("exit", "shop:web")
    driver.run_until_event("spawn", "shop:web", count=2)
    manager.remove_group("api")
    assert manager.get_groups() == ["shop"]
    assert list(manager.processes) == ["shop:web", "single"]
    driver.run_until_event("exit", count=5)


def test_a_group_is_gone_with_its_last_template(driver: ManagerDriver) -> None:
    driver.sh("api:web", SLEEP)
    driver.sh("api:worker", SLEEP)
    driver.manager.remove_process("api:web")
    assert driver.manager.get_group("api") == ["api:worker"]
    driver.manager.remove_process("api:worker")
    assert driver.manager.get_groups() == []


def test_unknown_groups(driver: ManagerDriver) -> None:
    manager = driver.manager
    for method in (
        manager.get_group,
        manager.start_group,
        manager.stop_group,
        manager.restart_group,
        manager.remove_group,
    ):
        with pytest.raises(KeyError, match="'api'"):
            method("api")


# ---- settings that a process shows


def output_of(driver: ManagerDriver, script: str, **settings: Any) -> str:
    driver.sh("web", script, restart="never", redirect_output=["out"], **settings)
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.ended)
    return capture.data.decode()


@needs_root
@pytest.mark.parametrize("by_name", [True, False])
def test_uid_and_gid(driver: ManagerDriver, by_name: bool) -> None:
    import grp
    import pwd

    user, group = pwd.getpwnam("nobody"), grp.getgrnam("daemon")
    uid, gid = ("nobody", "daemon") if by_name else (user.pw_uid, group.gr_gid)
    lines = output_of(driver, "id -u; id -g; id -G", uid=uid, gid=gid).splitlines()
    assert lines[:2] == [str(user.pw_uid), str(group.gr_gid)]
    expected = set(os.getgrouplist("nobody", group.gr_gid))
    assert {int(number) for number in lines[2].split()} == expected


def test_cwd_env_args(driver: ManagerDriver, tmp_path: Any) -> None:
    driver.add(
        "web", "/bin/sh -c", args="'pwd; echo $0 $1 $A' $A b", env={"A": "x"}, os_env=False,
        cwd=str(tmp_path), restart="never", redirect_output=["out"],
    )  # fmt: skip
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.ended)
    assert capture.data.decode().split() == [str(tmp_path.resolve()), "x", "b", "x"]


def test_shell(driver: ManagerDriver) -> None:
    driver.add("web", "echo $((6 * 7))", shell=True, restart="never", redirect_output=["out"])
    capture = driver.capture(driver.process("web"))
    driver.run_until(lambda: capture.ended)
    assert capture.data == b"42\n"


def test_input_through_the_manager(driver: ManagerDriver) -> None:
    driver.add("cat", "cat", redirect_input=True, redirect_output=["out"])
    capture = driver.capture(driver.process("cat"))
    driver.process("cat").write(b"hello\n")
    driver.run_until(lambda: capture.data == b"hello\n")


def test_custom_streams_and_channels_through_the_manager(driver: ManagerDriver) -> None:
    reader, writer = os.pipe()
    driver.sh(
        "web", "read line <&3; echo $line >&4", custom_streams=["s"], custom_channels=[writer],
        restart="never",
    )  # fmt: skip
    driver.process("web").streams["s"].write(b"through both\n")
    driver.run_until_event("exit")
    assert os.read(reader, 100) == b"through both\n"
    os.close(reader)
    os.close(writer)


def test_detached_processes_outlive_the_manager(driver: ManagerDriver) -> None:
    driver.sh("away", SLEEP, detach=True)
    driver.sh("web", SLEEP)
    away = driver.process("away")
    spawn = driver.run_until_event("spawn", "away")
    assert spawn["detached"] is True
    driver.stop()
    try:
        assert is_alive(spawn["os_pid"])
        assert [event["name"] for event in driver.of("exit")] == ["web"]
    finally:
        end_what_was_let_go(away)


def test_a_detached_process_is_not_started_again(driver: ManagerDriver) -> None:
    driver.sh("away", "exit 1", detach=True)
    driver.run_until_event("exit")
    driver.run_for(0.05)
    assert len(driver.of("spawn")) == 1


def test_the_default_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = new_loop("selectors")
    monkeypatch.setattr("gaffer_procfile.manager.default_loop", lambda: chosen)
    manager = Manager()
    assert manager.loop is chosen
    manager.start()
    manager.stop()
    manager.run()


def test_a_running_asyncio_program_may_embed_it() -> None:
    import asyncio

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        stopped, exits = loop.create_future(), []
        manager = Manager(loop)
        manager.start()
        manager.subscribe("exit", lambda _evtype, event: exits.append(event["name"]))
        manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
        manager.stop(lambda _: stopped.set_result(None))
        await asyncio.wait_for(stopped, DEADLINE)
        return exits

    assert asyncio.run(main()) == ["web"]


def test_the_pid_of_a_process_that_was_reaped_is_never_signalled(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.sh("web", "exit 0", restart="never")
    process = driver.process("web")
    driver.run_until_event("exit")

    def refuse(*_args: int) -> None:
        raise AssertionError("signalled a pid that may be somebody else's")

    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", refuse)
        patch.setattr(os, "killpg", refuse)
        process.kill(signal.SIGTERM)
        process.kill(signal.SIGTERM, group=True)
        process.stop()


def test_stop_in_a_thread_ends_a_loop_that_sleeps(loop_kind: str) -> None:
    raw = new_loop(loop_kind)
    manager = Manager(raw)
    manager.start()
    manager.add_process("web", "/bin/sleep", args=["60"], os_env=True)
    stopper = threading.Timer(0.05, manager.stop)
    stopper.start()
    start = time.monotonic()
    manager.run()
    stopper.join()
    assert time.monotonic() - start < DEADLINE / 2
    close_loop(loop_kind, raw)
