"""What a CI run leaves behind: the JUnit report, held against its schema, and the summary."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.ci.junit import junit_report
from gaffer_procfile.ci.kept import Kept
from gaffer_procfile.ci.results import (
    COMPLETED,
    DIED,
    ENDED,
    NOT_READY,
    READY,
    STARTING,
    TIMED_OUT,
    UNCLEAN,
    CommandResult,
    Results,
    ServiceResult,
)
from gaffer_procfile.ci.summary import summarise

# The attributes that each element may have, those that it must have, and of what kind they are:
# the schema of Ant's JUnit task. Its simple types as regular expressions.
TOKEN = r"(?s).+"
NUMBER = r"\d+"
SECONDS = r"\d+\.\d+"
ATTRIBUTES: dict[str, dict[str, str]] = {
    "testsuites": {},
    "testsuite": {
        "id": NUMBER,
        "package": TOKEN,
        "name": TOKEN,
        "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
        "hostname": TOKEN,
        "tests": NUMBER,
        "failures": NUMBER,
        "errors": NUMBER,
        "skipped": NUMBER,
        "time": SECONDS,
    },
    "properties": {},
    "testcase": {"name": TOKEN, "classname": TOKEN, "time": SECONDS},
    "failure": {"type": r"(?s).+", "message": r"(?s).*"},
    "error": {"type": r"(?s).+", "message": r"(?s).*"},
    "skipped": {},
    "system-out": {},
    "system-err": {},
}
# What stands in each, in which order.
CHILDREN = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"properties (testcase )*system-out system-err ",
    "testcase": r"((error|failure|skipped) )?",
}
MAY_HAVE_TEXT = {"failure", "error", "system-out", "system-err"}


def check_schema(element: Element) -> None:
    expected = ATTRIBUTES[element.tag]
    assert set(element.attrib) == set(expected), element.tag
    for name, pattern in expected.items():
        assert re.fullmatch(pattern, element.attrib[name]), (element.tag, name)
    children = "".join(f"{child.tag} " for child in element)
    assert re.fullmatch(CHILDREN.get(element.tag, ""), children), (element.tag, children)
    if element.tag not in MAY_HAVE_TEXT:
        assert not (element.text or "").strip()
    for child in element:
        assert not (child.tail or "").strip()
        check_schema(child)


def service(name: str, state: str = READY, **settings: object) -> ServiceResult:
    made = ServiceResult(name, state, ending="stopped", ready_after=0.25, ran_for=2.0)
    for key, value in settings.items():
        setattr(made, key, value)
    return made


def report(results: Results, **outputs: bytes) -> Element:
    """The suite of a report that is as the schema says."""
    kept = {name.replace("_", "."): Kept() for name in outputs}
    for name, text in outputs.items():
        kept[name.replace("_", ".")].write(text)
    data = junit_report(results, "shop", "command", kept, lambda text: text)
    suites = ElementTree.fromstring(data)
    check_schema(suites)
    [suite] = suites
    for tag, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert len(suite.findall(f"testcase/{tag}")) == int(suite.attrib[attribute])
    assert len(suite.findall("testcase")) == int(suite.attrib["tests"])
    return suite


def outcome(suite: Element, name: str) -> tuple[str, str]:
    """Of a case: the element that says how it went, or passed, and its type."""
    [case] = [case for case in suite.findall("testcase") if case.attrib["name"] == name]
    for child in case:
        return child.tag, child.attrib.get("type", "")
    return "passed", ""


def test_a_run_that_went_well() -> None:
    command = CommandResult("pytest -x", was_run=True, status=0, ran_for=1.5, ending="exited")
    results = Results(
        0.0, [service("web.1"), service("db.1", COMPLETED)], command, is_decided=True, took=4.0
    )
    suite = report(results, web_1=b"listening\n", command=b"2 passed\n")
    assert {case.attrib["name"] for case in suite.findall("testcase")} == {
        "web.1", "db.1", "pytest -x",
    }  # fmt: skip
    assert [outcome(suite, name)[0] for name in ("web.1", "db.1", "pytest -x")] == ["passed"] * 3
    assert suite.attrib["timestamp"] == "1970-01-01T00:00:00"
    assert suite.attrib["time"] == "4.000"
    out = suite.findtext("system-out") or ""
    assert out.startswith("2 passed\n") and "listening\n" in out


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(DIED, "died"), (NOT_READY, "not ready"), (UNCLEAN, "didn't stop cleanly")],
)
def test_a_service_that_failed(fault: int, kind: str) -> None:
    failed = service("web.1", fault_status=fault, fault="exited with status 3")
    suite = report(Results(0.0, [failed, service("worker.1")]), web_1=b"last words\n")
    assert outcome(suite, "web.1") == ("failure", kind)
    assert outcome(suite, "worker.1") == ("passed", "")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "exited with status 3"
    assert failure.text == "last words\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (CommandResult("x"), ("skipped", "")),
        (CommandResult("x", was_run=True, status=7), ("failure", "exit status")),
        (CommandResult("x", was_run=True, has_timed_out=True), ("error", "timeout")),
        (CommandResult("x", was_run=True), ("error", "interrupted")),
    ],
)
def test_a_command_that_failed(command: CommandResult, expected: tuple[str, str]) -> None:
    assert outcome(report(Results(0.0, [], command)), "x") == expected


def test_a_service_that_never_was_ready() -> None:
    assert outcome(report(Results(0.0, [service("web.1", STARTING)])), "web.1")[0] == "skipped"


def test_secrets_are_in_no_text_of_the_report() -> None:
    results = Results(0.0, [service("web.1", fault_status=DIED, fault="no hunter2")])
    results.command = CommandResult("login hunter2")
    data = junit_report(results, "hunter2", "command", {}, lambda t: t.replace("hunter2", "***"))
    assert b"hunter2" not in data
    check_schema(ElementTree.fromstring(data))


@given(st.text(), st.binary(max_size=200), st.text(min_size=1))
def test_any_text_makes_a_valid_report(fault: str, output: bytes, command: str) -> None:
    failed = service("web.1", fault_status=DIED, fault=fault)
    results = Results(0.0, [failed], CommandResult(command, was_run=True, status=1))
    report(results, web_1=output, command=output)


def test_what_xml_cannot_have_is_replaced() -> None:
    suite = report(
        Results(0.0, [service("web.1", fault_status=DIED, fault="a\x00b\ufffe")]),
        web_1=b"bell \x07 esc \x1b[31mred\x1b[0m bad \xff ]]> <&\n",
    )
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "a\ufffdb\ufffd"
    assert failure.text == "bell \ufffd esc red bad \ufffd ]]> <&\n"


# ---- the exit status


@pytest.mark.parametrize(
    ("faults", "command", "decided", "status"),
    [
        ([], None, True, 0),
        ([], None, False, None),
        ([], CommandResult("x", status=0), True, 0),
        ([], CommandResult("x", status=7), True, 7),
        ([], CommandResult("x", status=143), True, 143),
        ([], CommandResult("x", has_timed_out=True), True, TIMED_OUT),
        ([DIED], CommandResult("x", status=0), True, DIED),
        ([DIED], CommandResult("x", status=7), True, DIED),
        ([DIED], CommandResult("x", has_timed_out=True), True, DIED),
        ([DIED], None, False, DIED),
        ([NOT_READY], CommandResult("x"), True, NOT_READY),
        ([NOT_READY, DIED], None, True, DIED),
        ([UNCLEAN], None, True, UNCLEAN),
        ([UNCLEAN, DIED], None, True, DIED),
    ],
)
def test_which_status_wins(
    faults: list[int], command: CommandResult | None, decided: bool, status: int | None
) -> None:
    services = [service(f"s{fault}", fault_status=fault, fault="x") for fault in faults]
    assert Results(0.0, services, command, is_decided=decided).status == status


# ---- the summary


def table(text: str) -> list[list[str]]:
    """The cells of the rows below the table's head."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    assert {len(row) for row in cells} == {4}
    return [[cell.strip() for cell in row] for row in cells[1:]]


def summary(results: Results, *lines: bytes) -> str:
    return summarise(results, "command", lambda _name: lines, lambda text: text)


def test_the_summary_has_a_row_for_each() -> None:
    results = Results(
        0.0,
        [service("web.1"), service("seed.1", ENDED, ending="exited with status 0")],
        CommandResult("pytest", was_run=True, status=0, ran_for=1.5, ending="exited with status 0"),
        is_decided=True,
        took=4.0,
    )
    text = summary(results)
    assert text.startswith("### gaffer test: passed in 4.0 s\n\n| process |")
    assert table(text) == [
        ["web.1", ":white_check_mark: ready", "0.2 s", "2.0 s"],
        ["seed.1", ":white_check_mark: exited with status 0", "0.2 s", "2.0 s"],
        ["pytest", ":white_check_mark: exited with status 0", "", "1.5 s"],
    ]
    assert "<details>" not in text


def test_what_has_neither_passed_nor_failed_in_the_summary() -> None:
    results = Results(0.0, [service("web.1", STARTING)], CommandResult("pytest"))
    assert [row[1] for row in table(summary(results))] == [
        ":white_circle: never ready",
        ":white_circle: not run",
    ]


def test_the_summary_has_the_last_lines_of_what_failed() -> None:
    failed = service("web.1", fault_status=DIED, fault="exited with status 3")
    text = summary(Results(0.0, [failed]), b"one", b"```` <b>", b"two")
    assert [row[1] for row in table(text)] == [":x: died: exited with status 3"]
    assert "`````text\none\n```` <b>\ntwo\n`````\n" in text


@pytest.mark.parametrize(
    "hostile", ["a | b", "![x](http://y)", "<img src=x>", "a\nb", "`x`", "@me"]
)
def test_no_text_is_markup_in_the_summary(hostile: str) -> None:
    results = Results(0.0, [service("web.1", fault_status=DIED, fault=hostile)])
    results.command = CommandResult(hostile)
    text = summary(results)
    assert len(table(text)) == 2
    for found in re.finditer(r"[|!\[\]<>`@]", "".join(row[1] for row in table(text))):
        assert found.string[found.start() - 1] == "\\"
