"""The results as a JUnit report: one test suite, a case for each service and one for the command.

As the schema of Ant's JUnit task has it, which the readers of Jenkins, GitLab and others take: the
order of the elements, and the attributes that must be there.
"""

from __future__ import annotations

import re
import socket
import time
from xml.etree import ElementTree

from ..output.ansi import strip
from .results import WORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from .kept import Kept
    from .results import CommandResult, Results, ServiceResult

# What XML 1.0 can't have, not even escaped.
_IMPOSSIBLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(
    results: Results,
    project: str,
    command: str,
    outputs: Mapping[str, Kept],
    redact: Callable[[str], str],
) -> bytes:
    """The report as XML. `command` is the command's name among `outputs`."""

    def text(value: str) -> str:
        return _possible(redact(value))

    def output(name: str) -> str:
        kept = outputs.get(name)
        return _possible(strip(kept.text).decode("utf-8", "replace")) if kept is not None else ""

    suites = ElementTree.Element("testsuites")
    name = text(project) or "app"
    suite = ElementTree.SubElement(suites, "testsuite", name=f"gaffer test {name}")
    ElementTree.SubElement(suite, "properties")
    for service in results.services:
        seconds = service.ready_after if service.ready_after is not None else service.ran_for
        case = _case(suite, f"{name}.services", text(service.name), seconds)
        _tell_service(case, service, text, output(service.name))
    if results.command is not None:
        done = results.command
        case = _case(suite, f"{name}.command", text(done.text), done.ran_for)
        _tell_command(case, done, text, output(command))
    parts = [
        f"----- {text(service.name)}: {text(service.describe())}\n{output(service.name)}"
        for service in results.services
    ]
    ElementTree.SubElement(suite, "system-out").text = "\n".join([output(command), *parts])
    ElementTree.SubElement(suite, "system-err").text = text(results.verdict())
    counts = {tag: str(len(suite.findall(f"testcase/{tag}"))) for tag in ("failure", "error")}
    attributes = {
        "id": "0",
        "package": name,
        "hostname": text(socket.gethostname()) or "localhost",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(results.began)),
        "tests": str(len(suite.findall("testcase"))),
        "failures": counts["failure"],
        "errors": counts["error"],
        "skipped": str(len(suite.findall("testcase/skipped"))),
        "time": f"{results.took:.3f}",
    }
    for key, value in attributes.items():
        suite.set(key, value)
    ElementTree.indent(suites)
    report: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return report + b"\n"


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _case(suite: Element, classname: str, name: str, seconds: float | None) -> Element:
    taken = f"{seconds or 0.0:.3f}"
    return ElementTree.SubElement(
        suite, "testcase", classname=classname, name=name or "command", time=taken
    )


def _tell_service(
    case: Element, service: ServiceResult, text: Callable[[str], str], output: str
) -> None:
    if service.fault_status is not None:
        words = WORDS[service.fault_status]
        failure = ElementTree.SubElement(case, "failure", type=words, message=text(service.fault))
        failure.text = output
    elif not service.is_done:
        ElementTree.SubElement(case, "skipped")


def _tell_command(
    case: Element, command: CommandResult, text: Callable[[str], str], output: str
) -> None:
    if command.status:
        failure = ElementTree.SubElement(
            case, "failure", type="exit status", message=text(command.ending)
        )
        failure.text = output
    elif command.has_timed_out or (command.was_run and command.status is None):
        kind = "timeout" if command.has_timed_out else "interrupted"
        error = ElementTree.SubElement(case, "error", type=kind, message=text(command.ending))
        error.text = output
    elif not command.was_run:
        ElementTree.SubElement(case, "skipped")
