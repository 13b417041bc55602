"""The web page: what it shows of processes and events, what can be done with it, and its looks."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from browser import OpenPage, RunProgram, wait_until
from browser import chromium as chromium
from browser import open_page as open_page
from browser import run_program as run_program

IDLE = "exec sleep 1000"
PHONE = {"width": 360, "height": 740}


def test_processes_with_state_port_figures_and_uptime(
    run_program: RunProgram, open_page: OpenPage
) -> None:
    program = run_program(
        ("shop:web", IDLE, {"port": 5600}),
        ("shop:failing", "exit 3", {}),
        probed={"shop:web": 1.0},
    )
    opened = open_page(program)
    opened.wait_for_state("shop:web.1", "ready")
    opened.wait_for_state("shop:failing.1", "failed")
    web = opened.row("shop:web.1")
    assert web.locator(".port").get_attribute("href") == "http://localhost:5600"
    assert re.fullmatch(r"ready · \d+ s", web.locator(".state").inner_text())
    opened.wait(  # after the second look at the figures there is a curve
        "document.querySelectorAll('.row .spark .curve[d^=M]').length === 2"
    )
    assert re.fullmatch(r"[\d.]+ %", web.locator(".figure").first.inner_text())
    assert re.fullmatch(r"[\d.]+ (kB|MB)", web.locator(".figure").last.inner_text())
    assert opened.row("shop:failing.1").locator(".state").inner_text() == "failed · exit 3"
    assert opened.page.locator("#failures").inner_text() == "1 failed"
    assert opened.page.title().startswith("(1 failed)")


def test_what_is_not_ready_yet_is_told_apart(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(("web", IDLE, {}), probed={"web": 2.5})
    opened = open_page(program)
    opened.wait_for_state("web.1", "not-ready")
    assert opened.row("web.1").locator(".state").inner_text().startswith("not ready")
    opened.wait_for_state("web.1", "ready")
    opened.page.locator(".plot .bar-not-ready").wait_for(state="attached")
    opened.page.locator(".plot .bar-ready").wait_for(state="attached")


def test_stop_start_and_restart(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(web=IDLE)
    opened = open_page(program)
    opened.wait_for_state("web.1", "running")
    row = opened.row("web.1")
    row.hover()
    row.get_by_label("web.1: stop").click()
    opened.wait_for_state("web.1", "stopped")
    row.get_by_label("web.1: start").click()
    opened.wait_for_state("web.1", "running")
    [before] = program.ask("GET", "/instances")["instances"]
    row.get_by_label("web.1: restart").click()
    wait_until(
        lambda: program.ask("GET", "/instances")["instances"][0]["id"] not in (None, before["id"]),
        opened.page,
    )
    opened.wait("document.querySelector('.state').textContent.includes('2 restarts')")


def test_scale_up_and_down(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(("web", IDLE, {"port": 5600}))
    opened = open_page(program)
    opened.wait_for_state("web.1", "running")
    opened.row("web.1").hover()
    opened.row("web.1").get_by_label("web.1: one more").click()
    opened.wait_for_state("web.2", "running")
    assert opened.row("web.2").locator(".port").inner_text() == ":5601"
    assert opened.row("web").locator(".state").inner_text() == "2 of 2 running"
    opened.row("web.2").hover()
    opened.row("web.2").get_by_label("web.2: restart").click()  # this one, not the other
    wait_until(
        lambda: (
            [each["restarts"] for each in program.ask("GET", "/instances")["instances"]] == [0, 1]
        ),
        opened.page,
    )
    opened.row("web").hover()
    opened.row("web").get_by_label("web: one fewer").click()
    opened.wait("document.querySelectorAll('.row').length === 1")


def test_what_is_added_and_removed_while_it_runs(
    run_program: RunProgram, open_page: OpenPage
) -> None:
    program = run_program()
    opened = open_page(program)
    opened.page.get_by_text("there are no processes").wait_for()
    opened.page.get_by_text("No output yet").wait_for()
    program.ask("POST", "/processes", {"name": "late", "cmd": "sleep", "args": ["1000"]})
    opened.wait_for_state("late.1", "running")
    opened.is_expected = lambda text: "404" in text  # its log may be asked for once too often
    opened.page.select_option("#log-process", "late")
    program.ask("DELETE", "/processes/late")
    opened.page.get_by_text("there are no processes").wait_for()
    opened.wait("document.querySelector('#log-process').value === ''")  # nothing to choose


def test_what_is_refused_is_told(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(web=IDLE)
    opened = open_page(program)
    opened.wait_for_state("web.1", "running")
    opened.is_expected = lambda text: "404" in text
    opened.page.route("**/processes", lambda route: route.abort())  # it doesn't get to know
    opened.is_expected = lambda text: "404" in text or "ERR_FAILED" in text
    program.ask("DELETE", "/processes/web")
    opened.row("web.1").hover()
    opened.row("web.1").get_by_label("web.1: restart").click()
    opened.page.locator("#notice.failure", has_text="no such process").wait_for()


def test_details_of_a_process(run_program: RunProgram, open_page: OpenPage) -> None:
    env = {"COLOUR": "blue", "API_TOKEN": "hush"}
    settings = {"env": env, "cwd": "/tmp", "stop_tree": False}
    program = run_program(("web", IDLE, settings))
    opened = open_page(program)
    opened.wait_for_state("web.1", "running")
    opened.page.keyboard.press("i")
    text = opened.page.locator("#details[open]").inner_text()
    assert IDLE in text and "/tmp" in text and "blue" in text
    assert "hush" not in text
    assert re.search(r"stop tree\s+no\b", text), text
    opened.page.keyboard.press("Escape")
    assert opened.page.locator("#details").is_hidden()


# ---- events


def test_who_fell_first(run_program: RunProgram, open_page: OpenPage) -> None:
    # Each waits for the one before: their order is no matter of time.
    follow = "until [ -e {0} ]; do sleep 0.02; done; sleep 0.1; touch {1}; exit 1"
    program = run_program(
        ("third", follow.format("two", "three"), {}),
        ("second", follow.format("one", "two"), {}),
        ("first", "sleep 0.3; touch one; exit 3", {}),
        ("calm", IDLE, {}),
    )
    opened = open_page(program)
    page = opened.page
    page.locator(".event .badge.first", has_text="first of 3").wait_for()
    rows = page.locator(".event", has=page.locator(".badge:not([hidden])")).all_inner_texts()
    assert [re.search(r"first|second|third", row)[0] for row in rows] == [  # type: ignore[index]
        "third",
        "second",
        "first",
    ]
    assert "exit 3" in rows[2] and re.search(r"\+0\.\d{3} s", rows[1])
    lanes = page.locator(".lane-name").all_inner_texts()
    assert lanes == ["first.1", "second.1", "third.1", "calm.1"]
    assert page.locator(".lane").first.locator(".mark.bad").count() == 1
    assert page.locator(".lane").first.locator(".place").text_content() == "1"
    assert page.locator(".lane").last.locator(".mark").count() == 0


def test_restarts_are_on_the_time_line(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(("web", IDLE, {"restart": "always"}))
    opened = open_page(program)
    opened.wait_for_state("web.1", "running")
    program.ask("POST", "/processes/web/restart")
    opened.wait("document.querySelectorAll('.plot rect').length === 2")
    opened.page.locator(".event", has_text="starts again").wait_for()
    assert opened.page.locator(".mark.bad").count() == 0  # it was asked for
    opened.page.select_option("#range", "60")
    opened.page.locator(".lane-name").click()
    opened.wait("document.querySelector('#log-process').value === 'web'")


# ---- keys, looks


def test_everything_by_keys(run_program: RunProgram, open_page: OpenPage) -> None:
    program = run_program(web=IDLE, worker=f"echo hello; {IDLE}")
    opened = open_page(program)
    page = opened.page
    opened.wait_for_state("worker.1", "running")
    page.keyboard.press("?")
    said = page.locator("#keys[open]").inner_text()
    for words in ("restart", "search", "pause", "copy", "dark or light", "next process"):
        assert words in said
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "worker.1"
    page.keyboard.press("s")
    opened.wait_for_state("worker.1", "stopped")
    page.keyboard.press("s")
    opened.wait_for_state("worker.1", "running")
    page.keyboard.press("Enter")
    opened.wait("document.querySelector('#log-process').value === 'worker'")
    page.keyboard.press("a")
    opened.wait("document.querySelector('#log-process').value === ''")
    page.keyboard.press("k")
    page.keyboard.press("+")
    opened.wait_for_state("web.2", "running")
    page.keyboard.press("2")
    assert page.evaluate("document.activeElement.id") == "log"
    page.keyboard.press("3")
    assert page.evaluate("document.activeElement.id") == "event-list"
    page.keyboard.press("/")
    page.keyboard.type("jrs")  # while somebody types, keys are letters
    assert page.input_value("#search") == "jrs"
    opened.wait_for_state("worker.1", "running")


@pytest.mark.parametrize(("scheme", "other"), [("dark", "light"), ("light", "dark")])
def test_the_theme_is_the_systems_until_it_is_switched(
    run_program: RunProgram, open_page: OpenPage, scheme: str, other: str
) -> None:
    opened = open_page(run_program(), color_scheme=scheme)
    colours = {"dark": "rgb(15, 19, 24)", "light": "rgb(255, 255, 255)"}
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    assert opened.page.evaluate(colour) == colours[scheme]
    opened.page.click("#theme")
    assert opened.page.evaluate(colour) == colours[other]
    opened.page.reload()
    assert opened.page.evaluate(colour) == colours[other]
    opened.page.click("#theme")
    assert opened.page.evaluate(colour) == colours[scheme]


def test_on_a_phone(run_program: RunProgram, open_page: OpenPage) -> None:
    name = "a-process-with-a-name-that-is-longer-than-a-phone-is-wide"
    program = run_program((name, f"echo hello; {IDLE}", {"port": 5600}), ("web", IDLE, {}))
    opened = open_page(program, viewport=PHONE, has_touch=True, is_mobile=True)
    page = opened.page

    def is_within() -> bool:
        found: bool = page.evaluate(
            """() => document.documentElement.scrollWidth <= 360
              && [...document.querySelectorAll("header *, nav *, .tools *, .row *")]
                .filter((each) => each.checkVisibility() && !each.closest(".fewer, [hidden]"))
                .every((each) => each.getBoundingClientRect().right <= 360)"""
        )
        return found

    opened.wait_for_state("web.1", "running")
    assert is_within()
    assert page.locator("#log").is_hidden()
    for button in opened.row(f"{name}.1").locator(".actions button").all():
        if button.is_visible():
            box = button.bounding_box()
            assert box["width"] >= 24 and box["height"] >= 24  # a finger's
    opened.row(f"{name}.1").locator(".name").tap()
    opened.wait_for_line("hello")  # the tab of the log
    assert is_within()
    page.get_by_role("button", name="Events").tap()
    page.locator(".lane").first.wait_for()
    assert is_within()
    page.get_by_role("button", name="Processes").tap()
    opened.row("web.1").get_by_label("web.1: stop").tap()
    opened.wait_for_state("web.1", "stopped")


def audit(page: Any) -> list[str]:
    """What axe-core finds that is serious."""
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{each['id']}: {each['help']}\n{json.dumps([node['html'] for node in each['nodes']][:5])}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("size", [(1280, 800), (360, 740)], ids=["desk", "phone"])
def test_axe_finds_nothing_serious(
    run_program: RunProgram, open_page: OpenPage, scheme: str, size: tuple[int, int]
) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    from pathlib import Path

    script = (Path(axe.__file__).parent / "axe.min.js").read_text()
    colours = "".join(f"\\033[{30 + i}mcolour {i}\\033[{90 + i}mbright {i}\\n" for i in range(8))
    program = run_program(
        ("shop:web", f"printf '{colours}'; {IDLE}", {"numprocesses": 2, "port": 5600}),
        ("shop:failing", "echo oh no >&2; exit 3", {}),
        ("api:slow", IDLE, {}),
        probed={"api:slow": None},
    )
    opened = open_page(program, color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    page = opened.page
    opened.wait_for_state("shop:failing.1", "failed")
    page.evaluate(script)
    assert audit(page) == []
    page.keyboard.press("2")
    opened.wait_for_line("colour 7")
    page.fill("#search", "bright")
    page.press("#search", "Enter")
    page.locator("#log .line").first.click()
    page.locator("#line-text").wait_for()
    assert audit(page) == []
    page.keyboard.press("3")
    assert audit(page) == []
    for key, dialog in (("?", "#keys"), ("i", "#details")):
        page.keyboard.press(key)
        page.locator(f"{dialog}[open]").wait_for()
        assert audit(page) == []
        page.keyboard.press("Escape")
