"""The web page where things go wrong: gaffer ends, floods, and processes that mean harm."""

from __future__ import annotations

import re
import signal
import sys
from typing import Any

import pytest
from browser import WATCH, OpenPage, RunProgram, wait_until
from browser import chromium as chromium
from browser import open_page as open_page
from browser import run_program as run_program

IDLE = "exec sleep 1000"
LINES_A_SECOND = 100_000

FLOOD = f"""\
import sys, time
tail = "a line that is about as long as lines of a log are, with a number at its begin\\n"
begin = time.monotonic()
number = 0
while True:
    due = int((time.monotonic() - begin) * {LINES_A_SECOND})
    while number < due:
        sys.stdout.write("".join(f"{{number + i}} {{tail}}" for i in range(1000)))
        number += 1000
    sys.stdout.flush()
    time.sleep(0.005)
"""

EVIL = "<img src=x onerror=window.pwned=1>"
WORD = "<svg/onload=window.pwned=1>"  # the same without a space


def is_disconnected(text: str) -> bool:
    """What a browser writes into its console when a server has gone."""
    return "ERR_" in text or "401" in text


# ---- gaffer ends, and is started anew


def test_another_run_takes_the_place_of_the_last(
    run_program: RunProgram, open_page: OpenPage
) -> None:
    program = run_program(web=f"echo the first run; {IDLE}", old=IDLE)
    opened = open_page(program)
    opened.is_expected = is_disconnected
    opened.wait_for_line("the first run")
    program.end()
    opened.wait("document.querySelector('#link').dataset.state === 'ended'")
    assert "gaffer has ended" in opened.page.locator("#link").inner_text()
    program.processes = [("web", f"echo the second run; {IDLE}", {})]
    program.start()
    opened.page.locator("#notice", has_text="started anew").wait_for()
    opened.wait_for_line("the second run")
    assert opened.lines() == ["the second run"]
    assert opened.page.locator(".row").count() == 1
    assert opened.page.locator(".lane").count() == 1
    wait_until(lambda: opened.page.locator(".event", has_text="started").count() == 1, opened.page)


def test_a_gaffer_that_is_killed_is_missed_and_found_again(
    run_program: RunProgram, open_page: OpenPage
) -> None:
    program = run_program(web="echo once")
    opened = open_page(program)
    opened.is_expected = is_disconnected
    opened.wait_for_line("once")
    program.end(signal.SIGKILL)
    opened.wait("document.querySelector('#link').dataset.state === 'lost'")
    assert opened.lines() == ["once"]  # it can still be read
    program.start()
    opened.page.locator("#notice", has_text="started anew").wait_for()
    opened.wait("document.querySelector('#link').dataset.state === 'live'")


def test_another_token_is_told(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(web=IDLE)
    opened = open_page(program)
    opened.is_expected = is_disconnected
    token = program.token_file.read_text()
    program.end()
    program.token_file.write_text("u" * 48)
    program.start()
    opened.page.locator("#link", has_text="open the address that gaffer shows").wait_for()
    program.end()
    program.token_file.write_text(token)
    program.start()
    opened.wait("document.querySelector('#link').dataset.state === 'live'")


def test_a_connection_that_breaks_loses_nothing(
    run_program: RunProgram, open_page: OpenPage
) -> None:
    program = run_program(web="n=0; while :; do n=$((n+1)); echo tick $n; sleep 0.05; done")
    opened = open_page(program)
    opened.is_expected = is_disconnected
    opened.wait_for_line("tick 5")
    opened.page.context.set_offline(True)
    opened.wait("document.querySelector('#link').dataset.state === 'lost'")
    count = opened.count()
    wait_until(lambda: len(program.ask("GET", "/logs")["lines"]) > count + 20, opened.page)
    opened.page.context.set_offline(False)
    opened.wait("document.querySelector('#link').dataset.state === 'live'")
    wait_until(lambda: opened.count() > count + 20, opened.page)
    numbers = [int(text.split()[1]) for text in opened.lines()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert opened.page.locator("#notice").is_hidden()  # the run is the same


# ---- hostile names, output, settings


def test_nothing_that_processes_say_is_markup(run_program: RunProgram, open_page: OpenPage) -> None:
    script = "</script><script>window.pwned=1</script>"
    program = run_program(
        (f"{EVIL}:{script}", f"printf '%s\\n' '{EVIL}' '{script}' >&2; {IDLE}", {}),
        (f'">{WORD}', IDLE, {"numprocesses": 2}),
        (
            "__proto__",
            f"echo of an object; {IDLE}",
            {"env": {"<b>NAME</b>": EVIL, "constructor": script}},
        ),
        (f"/no/{EVIL}", f"/no/{WORD}", {"shell": False}),
        ("javascript:window.pwned=1", IDLE, {"port": 5600}),
        ("../..", "echo '\x1b]8;;javascript:window.pwned=1\x1b\\link\x1b]8;;\x1b\\'", {}),
    )
    opened = open_page(program)
    page = opened.page
    page.evaluate("() => { window.pwned = 0; }")
    opened.wait_for_line(script)
    opened.wait_for_line("of an object")
    wait_until(lambda: page.locator(".row").count() == 8, page)
    assert EVIL in opened.lines()
    page.get_by_text(f"{EVIL}:{script}.1").first.wait_for()
    page.locator(".event .what", has_text=WORD).first.wait_for()  # the reason of an exit
    page.fill("#search", "<")
    page.press("#search", "Enter")
    page.locator(".line mark").first.wait_for()
    opened.wait_for_line(script).click()
    assert page.locator("#line-text").inner_text() in (EVIL, script)
    for row in page.locator(".row:not(.instance)").all():  # each one's settings, and its log
        row.hover()
        row.locator("[title='Details (i)']").click()
        page.locator("#details[open]").wait_for()
        page.keyboard.press("Escape")
        row.locator(".name").click()
    opened.is_expected = lambda text: "404" in text
    opened.page.route(
        "**/stop",
        lambda route: route.fulfill(
            status=404,
            content_type="application/problem+json",
            body=f'{{"detail":"{EVIL}","hint":"{EVIL}"}}',
        ),
    )
    first = page.locator(".row").first
    first.hover()
    first.locator("[title='Stop (s)']").click()
    page.locator("#notice.failure", has_text=EVIL).wait_for()
    assert page.evaluate("window.pwned") == 0
    assert page.locator("img, iframe, script:not([src]), [onload], [onerror]").count() == 0
    assert all(
        re.match("http://localhost:", each.get_attribute("href"))
        for each in page.locator("a[href]").all()
    )


@pytest.mark.parametrize(
    "output",
    [
        "'\\x1b]' * 30000",
        "'\\r' * 60000 + 'end'",
        "'\\x1b[' + '1;' * 30000 + 'm'",
        "'\\x1b[31mx\\x1b[0m' * 6000",
        "'\\u0301' * 20000",
        "'\\x1bP' + 'x' * 60000",
        "'a' * 60000 + '\\x1b'",
    ],
)
def test_lines_that_are_hard_to_read_hold_nothing_up(
    run_program: RunProgram, open_page: OpenPage, output: str
) -> None:
    script = f"for _ in range(40): print({output})\nprint('after it')"
    program = run_program(("web", "python3", {"args": ["-c", script], "shell": False}))
    opened = open_page(program)
    opened.wait_for_line("after it")
    opened.page.evaluate(WATCH)
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("nd")
    wait_until(lambda: opened.page.locator("#search-count").inner_text() != "", opened.page)
    opened.page.locator("#log .line").first.click(position={"x": 200, "y": 5})
    opened.page.locator("#line-text").wait_for(state="attached")
    assert max(opened.seen("keys")) < 500


# ---- a flood


def test_a_flood_leaves_the_page_usable(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(
        ("flood", "python3", {"args": ["-c", FLOOD], "shell": False}),
        ("quiet", f"echo I am quiet; {IDLE}", {}),
    )
    opened = open_page(program)
    page = opened.page
    wait_until(lambda: opened.count() == 100_000, page, "a full log")
    page.locator("#skipped", has_text=re.compile(r"\d skipped")).wait_for(state="attached")
    page.evaluate(WATCH)
    for key in "jkjkjkjk":
        page.keyboard.press(key)
    page.keyboard.press("/")
    page.keyboard.type("999 a line", delay=30)
    page.locator("#search-count", has_text=re.compile(r"^\d")).wait_for()
    page.keyboard.press("Enter")
    page.locator(".line.current mark").first.wait_for()
    page.keyboard.press("Escape")
    keys, frames = opened.seen("keys"), opened.seen("frames")
    assert keys[len(keys) // 2] < 100, keys
    assert keys[-1] < 500, keys
    assert frames[len(frames) // 2] < 60, frames
    assert frames[-1] < 1000, frames
    assert opened.count() == 100_000
    opened.row("quiet.1").locator(".name").click()  # the ring has kept it, and so it is here
    wait_until(lambda: opened.lines() == ["I am quiet"], page)
    opened.row("quiet.1").hover()
    opened.row("quiet.1").get_by_label("quiet.1: stop").click()
    opened.wait_for_state("quiet.1", "stopped")


# Of jobs that come and go, of one that is ready and then isn't, of one that ends each second.
A_DAY = """async () => {
  const { Events } = await import("/static/events.js");
  const events = new Events();
  const add = (second, event, process) => events.add({
    event, process, name: process, exit_status: 1, by_itself: true,
    time: new Date(second * 1000).toISOString(),
  });
  add(0, "spawn", "server.1");
  add(0, "spawn", "crasher.1");
  for (let second = 1; second <= 20_000; second += 1) {
    add(second, "exit", "crasher.1");
    add(second, "spawn", "crasher.1");
    add(second, second % 2 ? "ready" : "not_ready", "server.1");
    add(second, "spawn", `job-${second}.1`);
    add(second, "delete", undefined);
    add(second, "exit", `job-${second}.1`);
  }
  const seen = new Set();
  const todo = [events];
  while (todo.length) {
    const each = todo.pop();
    if (each === null || typeof each !== "object" || seen.has(each)) continue;
    seen.add(each);
    todo.push(...(each instanceof Map ? each.values() : Object.values(each)));
  }
  const server = events.lanes.get("server.1");
  return {
    objects: seen.size,
    lanes: events.lanes.size,
    runs: server.runs.length,
    isOpen: server.runs[0].end === null,
    place: events.all.findLast(({ event }) => event === "exit").place,
  };
}"""


def test_a_page_that_is_open_for_a_day_keeps_what_it_shows(
    run_program: RunProgram, open_page: OpenPage
) -> None:
    kept = open_page(run_program(web=IDLE)).page.evaluate(A_DAY)
    assert kept["objects"] < 10_000
    assert kept["lanes"] < 500
    assert (kept["runs"], kept["isOpen"]) == (1, True)
    assert kept["place"] == 40_000


# The first question isn't answered before the figures were stopped, and started anew.
LATE = """async () => {
  const { Figures } = await import("/static/figures.js");
  const late = [];
  const ask = window.fetch;
  let silences = 0;
  const figures = new Figures(() => {}, () => { silences += 1; });
  const tick = () => new Promise((done) => setTimeout(done, 5));
  window.fetch = () => new Promise((_done, fail) => late.push(fail));
  figures.start();
  while (late.length < 1) await tick();
  figures.stop();
  figures.start();
  window.fetch = ask;
  late[0](new TypeError("no answer"));
  await tick();
  figures.stop();
  return silences;
}"""


def test_an_answer_that_comes_late_is_none(run_program: RunProgram, open_page: OpenPage) -> None:
    assert open_page(run_program(web=IDLE)).page.evaluate(LATE) == 0


COUNT_MESSAGES = """
window.came = { lines: 0, skipped: 0 };
window.EventSource = class extends EventSource {
  constructor(url) {
    super(url);
    this.addEventListener("lines", ({ data }) => { window.came.lines += JSON.parse(data).length; });
    if (!url.startsWith("/logs")) return;
    this.addEventListener("skipped", ({ data }) => { window.came.skipped += JSON.parse(data).skipped; });
  }
};
"""


def writer(lines: int) -> str:
    """A program that writes that many lines at once."""
    return (
        f"import sys\ntail = 'x' * 60\nfor first in range(0, {lines}, 1000):\n"
        "    sys.stdout.write(''.join(f'line {first + i} {tail}\\n' for i in range(1000)))\n"
        "print('the last line', flush=True)\n"
    )


def skipped_lines(page: Any) -> int:
    return int(re.sub(r"\D", "", page.locator("#skipped").text_content()) or 0)


def test_what_is_skipped_is_told_to_the_line(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program()
    opened = open_page(program, script=COUNT_MESSAGES)
    settings = {"os_env": True, "redirect_output": ["stdout"], "restart": "never"}
    given = {"name": "writer", "cmd": sys.executable, "args": ["-c", writer(500_000)], **settings}
    program.ask("POST", "/processes", given)
    opened.wait_for_line("the last line")
    came = opened.page.evaluate("() => window.came")
    assert came["skipped"] > 0
    assert came["lines"] + came["skipped"] == 500_001
    assert skipped_lines(opened.page) == came["skipped"]
    opened.page.keyboard.press("g")
    opened.wait("document.querySelector('#follow').getAttribute('aria-pressed') === 'false'")


def test_a_pause_that_was_too_long_is_told(run_program: RunProgram, open_page: OpenPage) -> None:
    script = f"print('before it', flush=True)\ninput()\n{writer(500_000)}"  # more than gaffer keeps
    settings = {"args": ["-c", script], "shell": False, "redirect_input": True}
    program = run_program(("web", sys.executable, settings))
    opened = open_page(program)
    opened.wait_for_line("before it")
    opened.page.keyboard.press("p")
    [instance] = program.ask("GET", "/instances")["instances"]
    program.ask("POST", f"/instances/{instance['id']}/input", {"text": "\n"})
    wait_until(
        lambda: program.ask("GET", "/logs?n=1")["lines"][-1]["line"] == "the last line",
        opened.page,
    )
    assert opened.lines() == ["before it"]
    opened.page.keyboard.press("p")
    opened.wait_for_line("the last line")
    seen = opened.count() - 1 + skipped_lines(opened.page)
    assert 450_000 < seen < 550_000  # what nobody has followed is nearly counted
    opened.page.keyboard.press("g")
    opened.page.locator(".line.note", has_text="lines skipped").wait_for()
