"""The Manager with the standard library alone, and a timer of one's own on the same loop.

The child says "tick" whenever it is told to, until the program has heard it three times.
"""

from __future__ import annotations

from typing import Any

from gaffer_procfile.loop import SelectorLoop
from gaffer_procfile.manager import Manager

loop = SelectorLoop()
manager = Manager(loop=loop)
manager.start()
manager.add_process(
    "clock",
    "while read word; do echo $word; done",
    shell=True,
    os_env=True,
    redirect_input=True,
    redirect_output=["out"],
)
(clock,) = manager.running.values()
heard = b""


def wind() -> None:
    clock.write(b"tick\n")


def handle_output(label: str, msg: dict[str, Any]) -> None:
    global heard
    if not msg["data"]:
        return  # the stream has ended
    heard += msg["data"]
    print(f"{msg['name']} says {msg['data'].decode().strip()} on {label}", flush=True)
    if heard.count(b"\n") == 3:
        manager.stop(lambda manager: print("stopped", flush=True))
    else:
        loop.call_later(0.1, wind)


clock.monitor_io("out", handle_output)
loop.call_later(0.1, wind)
manager.run()
