"""A template's whole life: what each call of the manager does, and which events tell of it.

The script waits, step by step, for the events that a step must bring, in any order, and prints
them with what the manager answers. GAFFER_LOOP chooses the loop.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from gaffer_procfile.manager import Manager

faulthandler.dump_traceback_later(15, exit=True)  # the deadline of the whole script

EVENTS = ("create", "start", "update", "delete", "stop", "spawn", "reap", "stop_pid", "exit")
TWINS = ("start", "stop", "spawn", "reap", "stop_pid", "exit")
SLEEP = "/bin/sleep"

Message = dict[str, Any]
Steps = Iterator[list[str]]


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


class Script:
    """Goes on with its steps each time the events that the last one yielded have all come."""

    def __init__(self, manager: Manager) -> None:
        self.heard: list[tuple[str, str]] = []
        self.surplus: list[str] = []
        self.os_pids: dict[int, int] = {}
        self.awaited: Counter[str] = Counter()
        self.steps: Steps = iter(())
        for evtype in EVENTS:
            manager.subscribe(evtype, self.hear)

    def play(self, steps: Steps) -> None:
        self.steps = steps
        self.awaited = Counter(next(steps))

    def hear(self, evtype: str, msg: Message) -> None:
        self.note(f"{evtype} {msg.get('pid', msg['name'])}", self.describe(msg))

    def note(self, label: str, line: str) -> None:
        self.heard.append((label, line))
        if not self.awaited <= Counter(label for label, _ in self.heard):
            return
        for label, line in sorted(self.heard):
            if label in self.awaited:
                print(" ", line, flush=True)
            elif label.startswith(("spawn", "exit")):
                self.surplus.append(line)
        self.heard.clear()
        self.awaited = Counter(next(self.steps, ["the end"]))

    def describe(self, msg: Message) -> str:
        event, name = msg["event"], msg["name"]
        if event not in ("spawn", "reap", "stop_pid", "exit"):
            return f"{event} {name}"
        pid, os_pid = msg["pid"], msg["os_pid"]
        line = f"{event} {name} {pid}"
        if event == "spawn":
            self.os_pids[pid] = os_pid
            line += f" detached={msg['detached']}"
        if event == "exit":
            status, term_signal = msg["exit_status"], msg["term_signal"]
            line += f" signal {term_signal}" if term_signal else f" status {status}"
        return line if self.os_pids[pid] == os_pid else f"{line} with a pid of another: {os_pid}"


def show(what: str, value: object) -> None:
    print(f"  {what}: {value}", flush=True)


def show_refusal(what: str, call: Callable[..., object], *args: object, **settings: object) -> None:
    try:
        call(*args, **settings)
    except KeyError as error:
        show(what, error)


def life(m: Manager, script: Script) -> Steps:
    print("add")
    settings: dict[str, Any] = {"args": ["60"], "os_env": True}
    m.add_process("web", SLEEP, numprocesses=2, **settings)
    yield ["create web", "start web", "spawn 1", "spawn 2"]
    show("status", sorted(m.get_process_status("web").items()))
    show("running", sorted(m.running))
    info = m.get_process_info("web")
    show("info", [info[key] for key in ("name", "cmd", "args", "numprocesses")])
    template: Any = m.get_process("web")
    show("template", (template.name, template.numprocesses, [p.id for p in template.running]))
    process: Any = m.get_process(2)
    show("process", (process.id, process.name, process.cmd, process.pid == script.os_pids[2]))
    show_refusal("a second web", m.add_process, "web", SLEEP, **settings)
    show_refusal("status of another", m.get_process_status, "other")
    show_refusal("start of another", m.start_process, "other")
    show_refusal("update of another", m.update_process, "other", SLEEP)

    print("stats")
    show("of all", len(list(m.processes_stats())))
    show("of the template", type(m.get_process_stats("web")).__name__)
    show("of a process", type(m.get_process_stats(1)).__name__)
    show_refusal("of another", m.get_process_stats, 77)

    def sampled(*sample: object) -> None:
        script.note("sampled", "a sample came")

    m.monitor(1, sampled)
    yield ["sampled"]
    m.unmonitor(1, sampled)

    print("ttin")
    show("processes", m.ttin("web", 1))
    yield ["update web", "spawn 3"]

    print("ttou")
    show("processes", m.ttou("web", 2))
    yield ["update web", "reap 2", "reap 3", "exit 2", "exit 3"]
    show("running", sorted(m.running))

    print("signals")
    m.send_signal(1, signal.SIGKILL)
    yield ["exit 1", "spawn 4"]
    m.send_signal("web", signal.SIGHUP)
    yield ["exit 4", "spawn 5"]
    m.send_signal("other", signal.SIGHUP)
    m.send_signal(77, signal.SIGHUP)

    # How an update or a restart takes the old processes down is the manager's affair: neither
    # `reap` nor `stop_pid` is awaited there.
    print("update")
    m.update_process("web", SLEEP, args=["61"], os_env=True, numprocesses=2)
    yield ["update web", "exit 5", "spawn 6", "spawn 7"]
    show("args", m.get_process_info("web")["args"])

    print("stop by id")
    m.stop_process(6)
    yield ["stop_pid 6", "exit 6"]
    show("status", sorted(m.get_process_status("web").items()))
    m.start_process("web")
    yield ["spawn 8"]

    print("restart")
    m.restart_process("web")
    yield ["exit 7", "exit 8", "spawn 9", "spawn 10"]
    show("running", sorted(m.running))

    print("stop")
    m.stop_process("web")
    yield ["stop web", "stop_pid 9", "stop_pid 10", "exit 9", "exit 10"]
    show("status", sorted(m.get_process_status("web").items()))

    print("start")
    m.start_process("web")
    yield ["start web", "spawn 11", "spawn 12"]
    show("status", sorted(m.get_process_status("web").items()))

    print("restart of all")
    m.restart(lambda manager: script.note("restarted", f"restarted: {manager is m}"))
    yield ["restarted", "exit 11", "exit 12", "spawn 13", "spawn 14"]

    print("a task")
    m.add_process("task", "exit 3", shell=True, os_env=True, restart="never", start=False)
    yield ["create task"]
    show("status", m.get_process_status("task")["running"])
    m.start_process("task")
    yield ["start task", "spawn 15", "exit 15"]

    print("remove")
    m.remove_process("web")
    yield ["stop web", "stop_pid 13", "stop_pid 14", "delete web", "exit 13", "exit 14"]
    m.remove_process("task")
    yield ["delete task"]
    show("running", sorted(m.running))
    show("templates", list(m.processes))
    show_refusal("status of the removed", m.get_process_status, "web")

    print("end")
    m.stop(lambda manager: script.note("stopped", f"stopped: {manager is m}"))
    yield ["stopped"]


def main() -> int:
    manager = Manager(loop=chosen_loop())
    manager.start()
    script = Script(manager)

    told: list[tuple[str, Message]] = []
    twins: list[tuple[str, Message]] = []

    def tell(evtype: str, msg: Message) -> None:
        if msg["name"] == "web":
            told.append((evtype, {**msg, "event": evtype}))

    def tell_twin(evtype: str, msg: Message) -> None:
        event = evtype.removeprefix("proc.web.")
        if msg["event"] == evtype and event in TWINS:
            twins.append((event, {**msg, "event": event}))

    for evtype in TWINS:
        manager.on(evtype, tell)
    manager.subscribe("proc.web", tell_twin)

    firsts: list[int] = []
    manager.subscribe_once("spawn", lambda evtype, msg: firsts.append(msg["pid"]))
    manager.once("spawn", lambda evtype, msg: firsts.append(msg["pid"]))

    script.play(life(manager, script))
    manager.run()
    show("left the loop, twins alike", bool(told) and told == twins)
    show("heard once", firsts)
    show("surplus", script.surplus)
    return 0


if __name__ == "__main__":
    sys.exit(main())
