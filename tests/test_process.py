"""Process: its output, its input, its extra streams, its signals and its group."""

from __future__ import annotations

import gc
import os
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Capture, Event, LoopDriver, ManagerDriver, end_what_was_let_go, is_alive

from gaffer_procfile import stats
from gaffer_procfile.process import Process

BIG = 4_000_000  # bytes


def open_descriptors() -> int:
    gc.collect()  # what an earlier test left to the collector
    return len(os.listdir("/dev/fd"))


class Made:
    """A process on its own, without a manager, and what it told."""

    def __init__(self, driver: LoopDriver, script: str, **settings: Any) -> None:
        self.driver = driver
        self.exits: list[tuple[int, int]] = []
        self.gone: list[Process] = []
        self.closed: list[Process] = []
        settings.setdefault("env", dict(os.environ))
        self.process = Process(
            driver.raw,
            7,
            "web",
            "/bin/sh",
            args=["-c", script],
            on_exit_cb=lambda _process, status, signum: self.exits.append((status, signum)),
            on_gone_cb=self.gone.append,
            on_closed_cb=self.closed.append,
            **settings,
        )
        self.capture = Capture()
        self.process.monitor_io(".", self.capture)

    def run(self) -> Made:
        self.process.spawn()
        self.driver.run_until(lambda: self.closed)
        return self


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


@pytest.mark.parametrize("labels", [[], ["out"], ["out", "err"], ["same", "same"]])
def test_output_by_label(loop_driver: LoopDriver, labels: list[str]) -> None:
    made = Made(loop_driver, "echo to stdout; echo to stderr >&2", redirect_output=labels).run()
    heard: dict[str, bytes] = {}
    for message in made.capture.messages:
        assert set(message) == {"event", "name", "pid", "data"}
        assert (message["name"], message["pid"]) == ("web", 7)
        heard[message["event"]] = heard.get(message["event"], b"") + message["data"]
    texts = [b"to stdout\n", b"to stderr\n"][: len(labels)]
    if labels == ["same", "same"]:
        assert sorted(heard["same"].splitlines()) == [b"to stderr", b"to stdout"]
    else:
        assert heard == dict(zip(labels, texts, strict=True))
    assert made.process.redirect_output == labels


def test_a_listener_of_one_label_and_one_that_left(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "echo 1; echo 2 >&2", redirect_output=["out", "err"])
    only, left = Capture(), Capture()
    made.process.monitor_io("err", only)
    made.process.monitor_io("err", left)
    made.process.unmonitor_io("err", left)
    made.run()
    assert (only.data, left.messages) == (b"2\n", [])


def test_output_is_told_before_the_exit_is(loop_driver: LoopDriver) -> None:
    order: list[str] = []
    process = Process(
        loop_driver.raw, 1, "web", "/bin/sh", args=["-c", "head -c 60000 /dev/zero; exit 0"],
        env=dict(os.environ), redirect_output=["out"],
        on_exit_cb=lambda *_: loop_driver.loop.call_soon(order.append, "exit"),
    )  # fmt: skip
    process.monitor_io("out", lambda _label, message: order.append(str(len(message["data"]))))
    process.spawn()
    loop_driver.run_until(lambda: "exit" in order)
    before = order[: order.index("exit")]
    assert sum(map(int, before)) == 60000
    assert before[-1] == "0"


def test_all_of_a_large_output_arrives(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, f"head -c {BIG} /dev/zero", redirect_output=["out"]).run()
    assert made.capture.data == bytes(BIG)
    assert made.capture.messages[-1]["data"] == b""


def test_what_is_not_redirected_goes_nowhere(
    loop_driver: LoopDriver, capfd: pytest.CaptureFixture[str]
) -> None:
    made = Made(loop_driver, "echo out; echo err >&2; read line || exit 4").run()
    assert made.exits == [(4, 0)]
    assert capfd.readouterr() == ("", "")


def test_large_input_arrives_whole_at_a_slow_reader(loop_driver: LoopDriver) -> None:
    script = f"sleep 0.1; head -c {BIG} | cksum"
    made = Made(loop_driver, script, redirect_input=True, redirect_output=["out"])
    data = os.urandom(BIG)
    made.process.spawn()
    made.process.write(data[:1000])
    made.process.writelines([data[1000:2000], data[2000:]])
    loop_driver.run_until(lambda: made.closed)
    reference = Made(
        loop_driver, f"head -c {BIG} | cksum", redirect_input=True, redirect_output=["out"]
    )
    reference.process.spawn()
    reference.process.write(data)
    loop_driver.run_until(lambda: reference.closed)
    assert made.capture.data == reference.capture.data
    assert str(BIG).encode() in made.capture.data


def test_input_from_threads_is_not_torn(loop_driver: LoopDriver) -> None:
    count, threads = 50, 4
    script = f"head -n {count * threads}"
    made = Made(loop_driver, script, redirect_input=True, redirect_output=["out"])
    made.process.spawn()

    def write(letter: bytes) -> None:
        for _ in range(count):
            made.process.write(letter * 1000 + b"\n")

    writers = [
        threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")
    ]
    for writer in writers:
        writer.start()
    loop_driver.run_until(lambda: made.closed)
    for writer in writers:
        writer.join()
    lines = made.capture.data.splitlines()
    assert len(lines) == count * threads
    assert all(len(line) == 1000 and len(set(line)) == 1 for line in lines)


def test_input_is_a_copy_of_what_was_given(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "head -n 1", redirect_input=True, redirect_output=["out"])
    made.process.spawn()
    data = bytearray(b"before\n")
    made.process.write(data)  # type: ignore[arg-type]
    data[:6] = b"AFTER!"
    loop_driver.run_until(lambda: made.closed)
    assert made.capture.data == b"before\n"


def test_writing_to_one_that_never_reads_or_is_gone_is_no_error(loop_driver: LoopDriver) -> None:
    made = Made(
        loop_driver, "exec <&-; read line <&3; exit 0", redirect_input=True, custom_streams=["c"]
    )
    made.process.spawn()
    made.process.write(b"x" * BIG)
    made.process.streams["c"].write(b"\n")
    loop_driver.run_until(lambda: made.closed)
    made.process.write(b"late")
    loop_driver.run_for(0.02)


def test_writing_without_redirect_input(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "exit 0")
    with pytest.raises(RuntimeError, match="redirect_input"):
        made.process.write(b"x")
    made.run()


def test_custom_streams_are_two_way_from_descriptor_3_on(loop_driver: LoopDriver) -> None:
    script = "read a <&3; read b <&4; echo got $a >&3; echo got $b >&4"
    made = Made(loop_driver, script, custom_streams=["control", "data"], redirect_output=["out"])
    heard = {label: Capture() for label in made.process.streams}
    left = Capture()
    for label, stream in made.process.streams.items():
        assert stream.id == label
        stream.subscribe(heard[label])
        stream.subscribe(left)
        stream.unsubscribe(left)
    made.process.spawn()
    made.process.streams["control"].write(b"one\n")
    made.process.streams["data"].write(b"two\n")
    loop_driver.run_until(lambda: made.closed)
    assert {label: capture.data for label, capture in heard.items()} == {
        "control": b"got one\n",
        "data": b"got two\n",
    }
    assert heard["control"].messages[0] == {
        "event": "control",
        "name": "web",
        "pid": 7,
        "data": b"got one\n",
    }
    assert heard["control"].ended
    assert left.messages == []
    assert made.capture.data == b""  # the streams are not output


def test_a_large_stream_is_read_before_the_exit_is_told(loop_driver: LoopDriver) -> None:
    size = 150_000  # more than two reads, less than what a socket pair holds
    heard: list[int] = []
    at_exit: list[int] = []
    process = Process(
        loop_driver.raw, 1, "web", "/bin/sh", args=["-c", f"head -c {size} /dev/zero >&3"],
        env=dict(os.environ), custom_streams=["s"],
        on_exit_cb=lambda *_: loop_driver.loop.call_soon(lambda: at_exit.append(sum(heard))),
    )  # fmt: skip
    process.streams["s"].subscribe(lambda _label, message: heard.append(len(message["data"])))
    process.pause_reading()
    process.spawn()
    loop_driver.run_until(lambda: at_exit)
    assert at_exit == [size]


def test_custom_channels_come_after_the_streams(loop_driver: LoopDriver) -> None:
    reader, writer = os.pipe()
    occupied = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
    script = "echo stream >&3; echo channel >&4"
    made = Made(loop_driver, script, custom_streams=["s"], custom_channels=[writer])
    heard = Capture()
    made.process.streams["s"].subscribe(heard)
    made.run()
    for fd in [*occupied, writer]:
        os.close(fd)
    assert os.read(reader, 100) == b"channel\n"
    os.close(reader)
    assert heard.data == b"stream\n"
    assert made.exits == [(0, 0)]


def test_a_channel_that_is_not_open(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "exit 0", custom_channels=[100_000]).run()
    assert made.exits == [(126, 0)]
    assert "Bad file descriptor" in str(made.process.reason)


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


@pytest.mark.parametrize("is_early", [True, False], ids=["before it runs", "while it runs"])
def test_pause_reading_makes_the_process_wait(
    loop_driver: LoopDriver, tmp_path: Path, is_early: bool
) -> None:
    done = tmp_path / "done"
    script = f"read go; head -c 1000000 /dev/zero; : > {done}"
    made = Made(loop_driver, script, redirect_output=["out"], redirect_input=True)
    if is_early:
        made.process.spawn()
        made.process.pause_reading()
    else:
        made.process.spawn()
        loop_driver.run_for(0.02)
        made.process.pause_reading()
        loop_driver.run_for(0.01)
    made.process.write(b"go\n")
    loop_driver.run_for(0.15)
    assert made.capture.messages == []
    assert not done.exists(), "it could write more than a pipe holds"
    made.process.resume_reading()
    loop_driver.run_until(lambda: made.closed)
    assert len(made.capture.data) == 1_000_000
    assert done.exists()


def test_a_paused_process_that_exits_is_read_to_its_end(loop_driver: LoopDriver) -> None:
    made = Made(loop_driver, "echo last words", redirect_output=["out"])
    made.process.pause_reading()
    made.run()
    assert made.capture.data == b"last words\n"


def test_a_grandchild_that_keeps_the_pipe_does_not_hold_up_the_exit(
    loop_driver: LoopDriver,
) -> None:
    reader, writer = os.pipe()
    script = "(read line <&3; echo later) & echo now; exit 0"
    made = Made(loop_driver, script, redirect_output=["out"], custom_channels=[reader])
    made.process.spawn()
    loop_driver.run_until(lambda: made.exits)
    loop_driver.run_for(0.02)
    assert made.capture.data == b"now\n"
    assert not made.closed
    os.write(writer, b"\n")
    os.close(writer)
    os.close(reader)
    loop_driver.run_until(lambda: b"later" in made.capture.data)
    assert made.gone == []  # nobody watches a group that nobody has told to stop
    made.process.stop()
    loop_driver.run_until(lambda: made.closed)
    assert made.exits == [(0, 0)]
    assert len(made.gone) == len(made.closed) == 1


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
    made.process.kill(signal.SIGKILL, group=True)
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


FIGURES = {"cpu", "mem", "mem_info1", "mem_info2", "ctime", "create_time"}


def test_monitor_gives_figures_on_a_timer(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "INTERVAL", 0.03)
    driver.sh("web", "while :; do :; done")
    samples: list[Event] = []

    def listen(evtype: str, info: Event) -> None:
        assert evtype == "stat"
        samples.append(info)

    driver.manager.monitor(1, listen)
    driver.run_until(lambda: len(samples) >= 5)
    os_pid = driver.of("spawn")[0]["os_pid"]
    for sample in samples:
        assert sample.keys() >= FIGURES
        assert (sample["pid"], sample["os_pid"], sample["name"]) == (1, os_pid, "web")
    process = psutil.Process(os_pid)
    assert samples[-1]["create_time"] == process.create_time()
    assert samples[-1]["mem_info1"] > 0
    assert samples[-1]["cpu"] > 0
    driver.manager.unmonitor(1, listen)
    driver.run_for(0.05)
    count = len(samples)
    driver.run_for(0.15)
    assert len(samples) == count


def test_unmonitoring_what_was_not_monitored_harms_nobody(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "INTERVAL", 0.03)
    driver.sh("web", "exec sleep 60")
    samples: list[Event] = []
    driver.manager.unmonitor(1, print)
    driver.manager.monitor(1, lambda _evtype, info: samples.append(info))
    driver.manager.unmonitor(1, print)
    driver.run_until(lambda: len(samples) >= 3)


def test_monitor_ends_with_the_process(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "INTERVAL", 0.03)
    driver.sh("web", "exec sleep 60", restart="never")
    samples: list[Event] = []
    driver.manager.monitor("web", lambda _evtype, info: samples.append(info))
    driver.run_until(lambda: len(samples) >= 2)
    driver.manager.send_signal("web", signal.SIGKILL)
    driver.run_until_event("exit", "web")
    driver.run_for(0.02)
    count = len(samples)
    driver.run_for(0.1)
    assert len(samples) == count


def test_a_template_is_monitored_with_those_to_come(
    driver: ManagerDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats, "INTERVAL", 0.03)
    driver.sh("web", "exec sleep 60")
    ids: set[int] = set()

    def listen(_evtype: str, info: Event) -> None:
        ids.add(info["pid"])

    driver.manager.monitor("web", listen)
    driver.run_until(lambda: ids == {1})
    driver.manager.ttin("web")
    driver.run_until(lambda: ids == {1, 2})
    driver.manager.unmonitor("web", listen)
    driver.run_for(0.05)
    ids.clear()
    driver.manager.ttin("web")
    driver.run_for(0.1)
    assert ids == set()


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), psutil.AccessDenied(1)])
def test_figures_that_cannot_be_had_are_left_out(
    monkeypatch: pytest.MonkeyPatch, error: psutil.Error
) -> None:
    def refuse(_pid: int) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(psutil, "Process", refuse)
        assert stats.ProcessStats(1).read() == {}
