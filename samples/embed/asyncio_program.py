"""The Manager inside a running asyncio program, on its loop, beside its coroutines."""

from __future__ import annotations

import asyncio
from typing import Any

from gaffer_procfile.manager import Manager


async def count() -> None:
    """The program's own work, which goes on while the manager does its."""
    for number in (1, 2, 3):
        await asyncio.sleep(0.05)
        print("the program counts", number, flush=True)


async def main() -> None:
    manager = Manager(loop=asyncio.get_running_loop())
    manager.start()

    spawned: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    manager.subscribe("spawn", lambda evtype, msg: spawned.put_nowait(msg))
    manager.add_process("worker", "/bin/sleep", args=["60"], os_env=True, numprocesses=2)
    for _ in range(2):
        msg = await spawned.get()
        print(f"{msg['name']} is up as process {msg['pid']}", flush=True)

    await count()

    stopped = asyncio.Event()
    manager.stop(lambda manager: stopped.set())
    await stopped.wait()
    print("stopped, running:", len(manager.running), flush=True)


asyncio.run(main())
