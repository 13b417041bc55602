"""The web page in a headless Chromium, and the program that serves it, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli import PACKAGE_ROOT
from conftest import DEADLINE, LOOK_INTERVAL

# Its argument is JSON. Those of `probed` are reported as ready so many seconds after their start,
# or never (None).
PROGRAM = """\
import json
import sys

from gaffer_procfile.apps.signals import Signals
from gaffer_procfile.http import HttpHandler
from gaffer_procfile.loop import default_loop
from gaffer_procfile.manager import Manager

given = json.loads(sys.argv[1])
manager = Manager(default_loop(None))
handler = HttpHandler(
    given["directory"],
    tcp=given["tcp"],
    token_file=given["token_file"],
    probed=tuple(given["probed"]),
    info=lambda: {"procfile": "Procfile"},
)
manager.start([Signals(lambda *_args: None), handler])

def handle_spawn(_evtype, event):
    id, seconds = event["pid"], given["probed"].get(event["name"])
    if seconds is not None:
        handler.loop.call_later(seconds, lambda: manager.report(id, "ready", seconds=seconds))

manager.subscribe("spawn", handle_spawn)
for name, cmd, settings in given["processes"]:
    common = {
        "shell": True, "os_env": True, "restart": "never", "stop_timeout": 2.0,
        "redirect_output": ["stdout", "stderr"],
    }
    manager.add_process(name, cmd, **{**common, **settings})
print(handler.url, flush=True)
manager.run()
"""

# Never without a browser in CI: there it is installed for these tests.
IS_REQUIRED = os.environ.get("GAFFER_REQUIRE_BROWSER") == "1"
CHROMIUM = os.environ.get("GAFFER_CHROMIUM") or shutil.which("chromium") or ""

# How long it takes until the page gets to do something: frames, and keys pressed, in ms.
WATCH = """() => {
  window.seen = { frames: [], keys: [] };
  let last = performance.now();
  const tick = (now) => {
    window.seen.frames.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  document.addEventListener("keydown", (event) => {
    window.seen.keys.push(performance.now() - event.timeStamp);
  }, true);
}"""

AddProcess = tuple[str, str, dict[str, Any]]


def missing() -> str | None:
    """What isn't there that these tests need."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed (tox -e page does)"
    if not CHROMIUM:
        return "there is no chromium (GAFFER_CHROMIUM says where it is)"
    return None


class Program:
    """A manager with an HttpHandler that runs in another process."""

    def __init__(self, directory: Path, token: str, processes: list[AddProcess]) -> None:
        self.directory = directory
        self.token_file = directory / "token"
        self.token_file.write_text(token)
        self.token_file.chmod(0o600)
        self.processes = processes
        self.probed: dict[str, float | None] = {}
        self.port = 0
        self.url = ""
        self._popen: subprocess.Popen[str] | None = None

    def start(self) -> None:
        given = {
            "directory": None,
            "tcp": f"127.0.0.1:{self.port}",
            "token_file": str(self.token_file),
            "processes": self.processes,
            "probed": self.probed,
        }
        self._popen = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(given)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env={**os.environ, "PYTHONPATH": PACKAGE_ROOT},
        )
        assert self._popen.stdout is not None
        self.url = self._popen.stdout.readline().strip()
        assert self.url, "the program didn't start"
        self.port = int(self.url.split(":")[2].split("/")[0])

    def end(self, signum: int = signal.SIGTERM) -> None:
        assert self._popen is not None
        self._popen.send_signal(signum)
        self.close()

    def close(self) -> None:
        if self._popen is None:
            return
        try:
            self._popen.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
            raise
        finally:
            assert self._popen.stdout is not None
            self._popen.stdout.close()
            self._popen = None

    @property
    def is_running(self) -> bool:
        return self._popen is not None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request, past the page."""
        token = self.token_file.read_text()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            return json.load(response)


class Opened:
    """A page of the program's in the browser, and all that it complained about."""

    def __init__(self, context: Any, program: Program, script: str = "") -> None:
        self.program = program
        self.page = context.new_page()
        self.page.add_init_script(script)
        self.page.set_default_timeout(DEADLINE * 1000)
        self.complaints: list[str] = []
        self.is_expected: Callable[[str], bool] = lambda _text: False
        self.page.on("pageerror", lambda error: self.complaints.append(f"{error}"))
        self.page.on("console", self._handle_console)
        self.page.on("dialog", lambda dialog: self._handle_dialog(dialog))
        self.page.goto(program.url)
        self.wait("document.querySelector('#link').dataset.state === 'live'")

    def _handle_console(self, message: Any) -> None:
        if message.type in ("error", "warning") and not self.is_expected(message.text):
            self.complaints.append(message.text)

    def _handle_dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def wait(self, condition: str) -> None:
        """Wait until an expression of JS is true. In the page itself its policy forbids to evaluate."""
        wait_until(lambda: self.page.evaluate(f"() => Boolean({condition})"), self.page, condition)

    def row(self, name: str) -> Any:
        """The row of the process or instance with this name."""
        return self.page.locator(".row").filter(
            has=self.page.locator(f".name[title={json.dumps(name)}]")
        )

    def wait_for_state(self, name: str, state: str) -> None:
        self.page.locator(f".row[data-state={state}] .name[title={json.dumps(name)}]").wait_for()

    def wait_for_line(self, text: str) -> Any:
        found = self.page.locator("#log .line .text", has_text=text).first
        found.wait_for()
        return found

    def lines(self) -> list[str]:
        """The text of the rows that are there."""
        found: list[str] = self.page.eval_on_selector_all(
            "#log .line .text", "rows => rows.map((row) => row.textContent)"
        )
        return found

    def count(self) -> int:
        """How many lines the log has, in sight or not."""
        height: float = self.page.eval_on_selector(
            ".log-space", "space => parseFloat(space.style.height) || 0"
        )
        return round(height / 18)

    def seen(self, kind: str) -> list[float]:
        """What WATCH has seen of a kind, in ms, the shortest first."""
        found: list[float] = self.page.evaluate(f"() => window.seen.{kind}")
        return sorted(found)

    def close(self) -> None:
        self.page.close()
        assert not self.complaints, self.complaints


OpenPage = Callable[..., Opened]
RunProgram = Callable[..., Program]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    lacking = missing()
    if lacking is not None:
        assert not IS_REQUIRED, lacking
        pytest.skip(lacking)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def run_program(chromium: Any, tmp_path: Path) -> Iterator[RunProgram]:
    """Starts a program with these processes: name=command, or [name, command, settings] each."""
    made: list[Program] = []

    def run(
        *processes: AddProcess, probed: dict[str, float | None] | None = None, **commands: str
    ) -> Program:
        directory = tmp_path / f"shop{len(made) or ''}"
        directory.mkdir()
        given = [*processes, *((name, cmd, {}) for name, cmd in commands.items())]
        program = Program(directory, "t" * 48, given)
        program.probed = probed or {}
        made.append(program)
        program.start()
        return program

    yield run
    for program in made:
        if program.is_running:
            program.end()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[OpenPage]:
    """Opens a program's page; `script` runs before the page's, settings are those of a context."""
    made: list[tuple[Any, Opened]] = []

    def open_it(program: Program, *, script: str = "", **settings: Any) -> Opened:
        given = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark", **settings}
        context = chromium.new_context(**given)
        opened = Opened(context, program, script)
        made.append((context, opened))
        return opened

    yield open_it
    for context, opened in made:
        try:
            opened.close()
        finally:
            context.close()


def wait_until(condition: Callable[[], object], page: Any, what: str = "") -> None:
    """Look again and again, while the browser goes on."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
        page.wait_for_timeout(LOOK_INTERVAL * 1000)
