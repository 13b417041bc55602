"""What goes in and out of a process: its output, its input, and pipes beyond the usual three.

GAFFER_LOOP chooses the loop.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable
from typing import Any

from gaffer_procfile.events import EventEmitter
from gaffer_procfile.manager import Manager
from gaffer_procfile.process import Process

faulthandler.dump_traceback_later(15, exit=True)  # the deadline of the whole script

FLOOD = b"0123456789abcde\n" * 65536  # 1 MiB, more than any pipe holds

Listener = Callable[[str, dict[str, Any]], None]


def chosen_loop() -> Any:
    """The loop that GAFFER_LOOP names, or None, which leaves it to the manager."""
    name = os.environ.get("GAFFER_LOOP")
    if name == "selectors":
        from gaffer_procfile.loop import SelectorLoop

        return SelectorLoop()
    if name == "pyuv":
        import pyuv

        return pyuv.Loop()
    if name == "asyncio":
        import asyncio

        return asyncio.new_event_loop()
    return None


class Scene:
    """Prints each scene's result when its last byte has come; the last scene stops the manager."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.open: set[str] = set()
        self.results = EventEmitter(manager.loop)
        self.results.subscribe("done", self.handle_done)

    def add(self, name: str, cmd: str, **settings: Any) -> Process:
        """Start one process that is never restarted."""
        self.open.add(name)
        self.manager.add_process(name, cmd, restart="never", **settings)
        template: Any = self.manager.get_process(name)
        process: Process = next(iter(template.running))
        return process

    def collect(self, name: str, process: Process, expected: bytes) -> Listener:
        """A listener that gathers data and closes `name` once as much as `expected` is there."""
        data = bytearray()

        def listener(label: str, msg: dict[str, Any]) -> None:
            if (msg["name"], msg["pid"]) != (process.name, process.id):
                print(f"{process.name} {process.id} was told of {msg['name']} {msg['pid']}")
            due = len(data) < len(expected)  # what comes later must not close it again
            data.extend(msg["data"])
            if due and len(data) >= len(expected):
                told = bytes(data) if len(data) < 100 else f"{len(data)} bytes"
                self.close(name, f"{told!r}, {'alike' if data == expected else 'not alike'}")

        return listener

    def close(self, name: str, line: str) -> None:
        self.results.publish("done", {"name": name, "line": line})

    def handle_done(self, evtype: str, msg: dict[str, str]) -> None:
        print(f"{msg['name']}: {msg['line']}", flush=True)
        self.open.remove(msg["name"])
        if not self.open:
            self.results.close()
            self.manager.stop()


def output(scene: Scene) -> None:
    """Both outputs under their labels, and `.` for either."""
    talker = scene.add(
        "talker",
        "echo good news; echo bad news >&2",
        shell=True,
        os_env=True,
        redirect_output=["news", "alarm"],
    )
    seen: list[tuple[str, str, bytes]] = []

    def listener(label: str, msg: dict[str, Any]) -> None:
        if msg["data"]:
            seen.append((label, msg["event"], msg["data"]))
        if msg["data"] and len(seen) == 4:  # two lines, each for its label and for `.`
            scene.close("talker", repr(sorted(seen)))

    def unwanted(label: str, msg: dict[str, Any]) -> None:
        print("talker: a listener that had left was told of", label, flush=True)

    for label in ("news", "alarm", "."):
        talker.monitor_io(label, listener)
    talker.monitor_io("news", unwanted)
    talker.unmonitor_io("news", unwanted)


def arguments(scene: Scene) -> None:
    """Arguments as a string are split as a shell splits them; $NAME comes from `env`."""
    echo = scene.add(
        "echo",
        "/bin/echo",
        args="$GREETING 'dear world'",
        env={"GREETING": "hello"},
        redirect_output=["out"],
    )
    echo.monitor_io("out", scene.collect("echo", echo, b"hello dear world\n"))


def conversation(scene: Scene) -> None:
    """What is written comes back, in order, however much it is."""
    cat = scene.add("cat", "/bin/cat", os_env=True, redirect_input=True, redirect_output=["out"])
    cat.monitor_io("out", scene.collect("cat", cat, b"one\ntwo\nthree\n"))
    cat.write(b"one\n")
    cat.writelines([b"two\n", b"three\n"])

    flood = scene.add(
        "flood", "/bin/cat", os_env=True, redirect_input=True, redirect_output=["out"]
    )
    flood.monitor_io("out", scene.collect("flood", flood, FLOOD))
    flood.write(FLOOD)


def more_pipes(scene: Scene) -> None:
    """Two two-way pipes on 3 and 4, and a descriptor of ours after them."""
    reading_end, writing_end = os.pipe()
    worker = scene.add(
        "worker",
        "read a <&3; echo got $a >&3; read b <&4; echo had $b >&4; echo done >&5",
        shell=True,
        os_env=True,
        custom_streams=["control", "data"],
        custom_channels=[writing_end],
    )
    scene.open.update(("control", "data"))
    control, data = worker.streams["control"], worker.streams["data"]
    print("the streams' ids differ:", control.id != data.id)
    control.subscribe(scene.collect("control", worker, b"got control\n"))
    data.subscribe(scene.collect("data", worker, b"had data\n"))
    data.write(b"data\n")  # waits in its pipe until the worker comes to it
    control.write(b"control\n")

    def handle_exit(evtype: str, msg: dict[str, Any]) -> None:
        scene.close("worker", f"status {msg['exit_status']}, {os.read(reading_end, 100)!r}")
        os.close(reading_end)
        os.close(writing_end)

    scene.manager.subscribe("proc.worker.exit", handle_exit)


def main() -> int:
    manager = Manager(loop=chosen_loop())
    manager.start()
    scene = Scene(manager)
    for act in (output, arguments, conversation, more_pipes):
        act(scene)
    manager.run()
    print("left the loop")
    return 0


if __name__ == "__main__":
    sys.exit(main())
