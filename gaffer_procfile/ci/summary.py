"""The results as Markdown, for a page that a CI shows beside its log."""

from __future__ import annotations

import re

from .results import STARTING, WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .results import Results

_SPECIAL = re.compile(r"[\\`*_{}\[\]()<>#+!|~&@]")


def summarise(
    results: Results,
    command: str,
    last_lines: Callable[[str], Sequence[bytes]],
    redact: Callable[[str], str],
) -> str:
    """A heading, a table of all, and the last lines of what failed. `command` is its name."""

    def cell(text: str) -> str:
        # The whole character set of Markdown, so that no text of theirs is a link, an image or HTML.
        plain = " ".join(redact(text).split())
        return _SPECIAL.sub(lambda match: f"\\{match[0]}", plain)

    rows = ["| process | result | ready after | ran for |", "|---|---|---:|---:|"]
    details = []
    for service in results.services:
        result = service.state if service.ending in ("", "stopped") else service.ending
        if service.state == STARTING:
            result = service.unready
        if service.fault_status is not None:
            result = f"{WORDS[service.fault_status]}: {service.fault}"
            details += _details(service.name, last_lines(service.name), redact)
        mark = _mark(service.is_done, service.fault_status is not None)
        rows.append(
            f"| {cell(service.name)} | {mark} {cell(result)} "
            f"| {_seconds(service.ready_after)} | {_seconds(service.ran_for)} |"
        )
    if results.command is not None:
        done = results.command
        rows.append(
            f"| {cell(done.text)} | {_mark(done.status == 0, done.has_failed)} "
            f"{cell(done.ending)} | | {_seconds(done.ran_for)} |"
        )
        if done.has_failed:
            details += _details(command, last_lines(command), redact)
    heading = f"### gaffer test: {cell(results.verdict())}"
    return "\n".join([heading, "", *rows, "", *details, ""])


def _mark(has_passed: bool, has_failed: bool) -> str:
    if has_failed:
        return ":x:"
    return ":white_check_mark:" if has_passed else ":white_circle:"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


def _details(name: str, lines: Sequence[bytes], redact: Callable[[str], str]) -> list[str]:
    """The last lines in a block of code that none of them can end."""
    if not lines:
        return []
    text = [line.decode("utf-8", "replace").replace("\r", "") for line in lines]
    longest = max((len(run) for line in text for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    title = re.sub(r"[<>&]", "", redact(name))
    return [
        f"<details><summary>the last lines of {title}</summary>",
        "",
        f"{fence}text",
        *text,
        fence,
        "",
        "</details>",
        "",
    ]
