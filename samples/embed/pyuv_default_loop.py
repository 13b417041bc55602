"""The Manager on pyuv's default loop, with an app of one's own.

The app hears what the manager does and ends the program when the process has had three lives. By
then the manager has started the fourth, and stops it.
"""

from __future__ import annotations

from typing import Any

from gaffer_procfile.manager import Manager

try:
    import pyuv
except ImportError as error:
    raise SystemExit(f"{error}: docs/pyuv.md has the command that installs pyuv") from None


class ThreeLives:
    """An app is any object with `start`, `stop` and `restart`."""

    def start(self, loop: pyuv.Loop, manager: Manager) -> None:
        self.manager = manager
        self.lives = 0
        manager.subscribe("spawn", self.handle_spawn)
        manager.subscribe("exit", self.handle_exit)

    def stop(self) -> None:
        print("the app stops last", flush=True)

    def restart(self) -> None:
        self.lives = 0

    def handle_spawn(self, evtype: str, msg: dict[str, Any]) -> None:
        print(f"{msg['name']} is up as process {msg['pid']}", flush=True)

    def handle_exit(self, evtype: str, msg: dict[str, Any]) -> None:
        self.lives += 1
        print(f"{msg['name']} ended with status {msg['exit_status']}", flush=True)
        if self.lives == 3:
            self.manager.stop()


loop = pyuv.Loop.default_loop()
manager = Manager(loop=loop)
manager.start(apps=[ThreeLives()])
manager.add_process("worker", "sleep 0.1", shell=True, os_env=True)
manager.run()
