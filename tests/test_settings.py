"""What a template's settings do to its processes."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from conftest import (
    ManagerDriver,
    end_what_was_let_go,
    is_alive,
)

SLEEP = "exec sleep 60"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")


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
        process.kill(signal.SIGTERM, tree=True)
        process.stop()
