"""Processes on pseudo-terminals: what they see, and that nothing they write is lost."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from conftest import Capture, ManagerDriver

ISATTY = "for fd in 0 1 2; do test -t $fd && echo $fd yes || echo $fd no; done"


def output_of(driver: ManagerDriver, script: str, **settings: Any) -> dict[str, bytes]:
    """What a script writes, by label, from its beginning to its end."""
    captures = {"out": Capture(), "err": Capture()}

    def listen(_evtype: str, event: dict[str, Any]) -> None:
        process = driver.manager.get_process(event["pid"])
        for label, capture in captures.items():
            process.monitor_io(label, capture)

    driver.manager.subscribe("proc.p.spawn", listen)
    settings = {"redirect_output": ("out", "err"), "restart": "never"} | settings
    driver.sh("p", script, **settings)
    driver.run_until(lambda: captures["out"].ended, what="the end of the output")
    driver.run_until_event("exit", "p")
    return {label: capture.data for label, capture in captures.items()}


def test_a_pty_for_each_output_and_no_controlling_terminal(driver: ManagerDriver) -> None:
    script = ISATTY + "; echo err >&2; (: </dev/tty) 2>/dev/null && echo controlled"
    assert output_of(driver, script, pty=True) == {
        "out": b"0 no\n1 yes\n2 yes\n",
        "err": b"err\n",
    }


def test_pipes_by_default(driver: ManagerDriver) -> None:
    assert output_of(driver, ISATTY)["out"] == b"0 no\n1 no\n2 no\n"


def test_a_tty_is_all_three_and_controls_the_session(driver: ManagerDriver) -> None:
    script = ISATTY + "; echo from tty >/dev/tty; echo err >&2"
    output = output_of(driver, script, tty=True)
    assert output["out"] == b"0 yes\n1 yes\n2 yes\nfrom tty\nerr\n"


@pytest.mark.parametrize("stop_tree", [True, False])
def test_a_shell_in_a_tty_is_hung_up_on(driver: ManagerDriver, stop_tree: bool) -> None:
    """An interactive one ignores SIGTERM."""
    driver.sh(
        "repl", "exec sh -i", tty=True, redirect_output=["out"], redirect_input=True,
        stop_timeout=60, stop_tree=stop_tree, env={"PS1": "ready "},
    )  # fmt: skip
    output = driver.capture(driver.process("repl"))
    driver.run_until(lambda: b"ready" in output.data)
    driver.stop()
    [told] = driver.of("exit")
    assert told["term_signal"] == signal.SIGHUP or told["exit_status"] in (0, 128 + signal.SIGHUP)
    assert driver.of("kill") == []


def test_a_tty_with_a_stop_signal_of_its_own_gets_that_alone(driver: ManagerDriver) -> None:
    script = "trap 'echo hangup' HUP; trap 'exit 7' INT; echo ready; while :; do sleep 0.02; done"
    driver.sh("web", script, tty=True, redirect_output=["out"], stop_signal=signal.SIGINT)
    output = driver.capture(driver.process("web"))
    driver.run_until(lambda: b"ready" in output.data)
    driver.stop()
    assert driver.of("exit")[0]["exit_status"] == 7
    assert b"hangup" not in output.data


def test_a_tty_takes_input_and_interrupts(driver: ManagerDriver) -> None:
    driver.sh(
        "p",
        "trap 'echo interrupted; exit 3' INT; echo ready; read line; echo got $line; "
        "while :; do sleep 0.05; done",
        tty=True,
        redirect_input=True,
        redirect_output=("out", "err"),
        restart="never",
    )
    process = driver.process("p")
    heard = driver.capture(process)
    driver.run_until(lambda: b"ready" in heard.data)
    process.write(b"hello\n")
    driver.run_until(lambda: b"got hello" in heard.data)
    assert b"hello\ngot hello" in heard.data  # who types sees it
    process.write(b"\x03")
    assert driver.run_until_event("exit", "p")["exit_status"] == 3
    assert b"interrupted" in heard.data


@pytest.mark.parametrize("kind", ["pty", "tty"])
def test_the_window_has_the_size_that_was_given_and_then_another(
    driver: ManagerDriver, kind: str
) -> None:
    script = "trap 'stty size <&1' WINCH; stty size <&1; while :; do sleep 0.05; done"
    driver.sh("p", script, redirect_output=("out", "err"), **{kind: (33, 101)})
    process = driver.process("p")
    heard = driver.capture(process, "out")
    driver.run_until(lambda: b"33 101\n" in heard.data)
    driver.call_until(lambda: process.set_window_size(20, 50), lambda: b"20 50\n" in heard.data)


@pytest.mark.parametrize("kind", ["pty", "tty"])
def test_what_is_written_last_is_complete(driver: ManagerDriver, kind: str) -> None:
    script = "seq 1 20000; printf 'the last words'"
    output = output_of(driver, script, **{kind: True})["out"]
    assert output == b"".join(b"%d\n" % n for n in range(1, 20001)) + b"the last words"


def test_a_grandchild_goes_on_after_the_leader(driver: ManagerDriver) -> None:
    script = "(sleep 0.2; echo late) & echo early"
    assert output_of(driver, script, pty=True)["out"] == b"early\nlate\n"


def test_bytes_pass_as_they_are(driver: ManagerDriver) -> None:
    script = r"printf 'a\tb\r\n\377\000\004\003x\n'"
    assert output_of(driver, script, pty=True)["out"] == b"a\tb\r\n\xff\x00\x04\x03x\n"


def test_what_was_written_before_a_kill_is_there(driver: ManagerDriver) -> None:
    script = "echo out; echo err >&2; printf partial; kill -KILL $$"
    assert output_of(driver, script, pty=True) == {"out": b"out\npartial", "err": b"err\n"}
    assert driver.of("exit", "p")[0]["term_signal"] == signal.SIGKILL


def test_no_descriptor_is_left(driver: ManagerDriver) -> None:
    before = len(os.listdir("/proc/self/fd"))
    driver.sh("p", "echo x", pty=True, redirect_output=("out", "err"), restart="never")
    driver.sh("q", "echo x", tty=True, redirect_output=("out", "err"), restart="never")
    driver.run_until_event("exit", "p")
    driver.run_until_event("exit", "q")
    driver.run_until(lambda: len(os.listdir("/proc/self/fd")) <= before)
