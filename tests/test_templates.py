"""The manager's methods on templates and groups."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from conftest import (
    ManagerDriver,
    is_alive,
)

from gaffer_procfile.manager import Process, ProcessState

SLEEP = "exec sleep 60"


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


@pytest.mark.parametrize("group", [None, "api"])
def test_an_update_leaves_the_group(driver: ManagerDriver, group: str | None) -> None:
    manager = driver.manager
    driver.sh("web", SLEEP, start=False, group=group)
    manager.update_process("web", SLEEP, start=False, group="shop")
    assert manager.processes["web"].group == group
    manager.remove_process("web")
    assert manager.get_groups() == []


def test_a_group_by_its_setting(driver: ManagerDriver) -> None:
    driver.sh("web", SLEEP, group="api")
    assert driver.manager.get_groups() == ["api"]
    driver.manager.stop_group("api")
    driver.run_until_event("exit", "web")
    driver.manager.update_process("web", "sleep 60", group="other")
    assert driver.manager.get_group("api") == ["web"]
    driver.manager.remove_process("web")
    assert driver.manager.get_groups() == []


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


def test_no_instance_has_a_port_that_does_not_exist(driver: ManagerDriver) -> None:
    driver.sh("web", "exec sleep 100", port=65534)
    assert driver.manager.ttin("web") == 2
    message = "the port of the last instance would be 65536, past 65535"
    with pytest.raises(ValueError, match=message):
        driver.manager.ttin("web")
    assert driver.manager.get_process_status("web")["max_processes"] == 2
    assert driver.manager.ttou("web", 5) == 0


@pytest.mark.parametrize("detach", [False, True])
def test_a_template_of_a_removed_ones_name_waits_for_what_is_left_of_it(
    driver: ManagerDriver, detach: bool
) -> None:
    script = "trap 'sleep 0.3; exit' TERM; echo up; sleep 100"
    driver.sh("web", script, redirect_output=["out"], detach=detach)
    output = driver.capture(driver.process("web"))
    driver.run_until(lambda: output.data)
    driver.manager.remove_process("web")
    driver.sh("web", "exec sleep 100")
    driver.run_until_event("spawn", "web", count=2)
    kinds = [kind for kind in driver.kinds("web") if kind in ("spawn", "stop_pid", "exit")]
    assert kinds == ["spawn", "stop_pid", "exit", "spawn"]


def test_of_two_successors_the_last_one_runs(driver: ManagerDriver) -> None:
    driver.sh("web", "trap 'sleep 0.2; exit' TERM; echo up; sleep 100", redirect_output=["out"])
    output = driver.capture(driver.process("web"))
    driver.run_until(lambda: output.data)
    driver.manager.remove_process("web")
    driver.sh("web", "exec sleep 101")
    driver.manager.remove_process("web")
    driver.sh("web", "exec sleep 102")
    driver.run_until_event("spawn", "web", count=2)
    assert driver.process("web").args == ["-c", "exec sleep 102"]
    driver.stop()
    assert len(driver.of("spawn")) == 2


@pytest.mark.parametrize("method", ["ttin", "ttou"])
@pytest.mark.parametrize("change", [1.5, None, "2"])
def test_a_change_that_is_no_number_changes_nothing(
    driver: ManagerDriver, method: str, change: Any
) -> None:
    driver.sh("web", SLEEP)
    with pytest.raises(TypeError):
        getattr(driver.manager, method)("web", change)
    assert driver.manager.get_process_status("web")["max_processes"] == 1
