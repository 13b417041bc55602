"""Process: its output, its input and its extra streams."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from conftest import DEADLINE, Capture, LoopDriver, Made

from gaffer_procfile.process import Process

BIG = 4_000_000  # bytes


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


def test_what_is_written_as_soon_as_it_runs_arrives(loop_driver: LoopDriver) -> None:
    """In the loop's thread, while another thread that has started it is still telling so."""
    made = Made(loop_driver, "head -n 1", redirect_input=True, redirect_output=["out"])
    is_written = threading.Event()

    def write() -> None:
        made.process.write(b"at once\n")
        loop_driver.loop.call_soon(is_written.set)

    def tell() -> None:
        loop_driver.loop.call_soon_threadsafe(write)
        is_written.wait(DEADLINE)

    thread = threading.Thread(target=made.process.spawn, args=(tell,))
    thread.start()
    loop_driver.run_until(lambda: made.closed)
    thread.join()
    assert made.capture.data == b"at once\n"
