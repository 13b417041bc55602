"""What `gaffer test` shows and leaves: the log, what GitHub makes of it, secrets, the reports."""

from __future__ import annotations

import os
import re
from xml.etree import ElementTree

import pytest
from cli import MakeProject, Result, wait_until
from cli import project as project
from test_cli_test import GITHUB, NOWHERE, SLEEP, ci, free_port, say

# ---- the log


def test_nothing_of_the_services_is_shown_of_a_run_that_passed(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo chatter; {SLEEP}\n"})
    result = ci(made, *say("done"))
    assert result.status == 0
    assert "chatter" not in result.stdout
    assert "\x1b" not in result.stdout


CHATTER = {
    "Procfile": f"web: printf '\\033[31mof web\\033[0m\\n'; {SLEEP}\n"
    "worker: echo of worker; sleep 0.3; exit 3\n"
}


@pytest.mark.parametrize(
    ("logs", "shown"),
    [
        ("failed", ["----- worker.1: ready after", "of worker"]),
        ("all", ["----- web.1: ready after", "of web", "----- worker.1: ready after", "of worker"]),
        ("none", []),
    ],
)
def test_which_logs_are_shown(project: MakeProject, logs: str, shown: list[str]) -> None:
    result = ci(project(CHATTER), "--logs", logs, "--for", "60")
    assert result.status == 121, result
    found = [line for line in result.lines if re.match("----- |of ", line)]
    assert len(found) == len(shown), result
    for line, beginning in zip(found, shown, strict=True):
        assert line.startswith(beginning)
    # In any case the end of what failed.
    assert "gaffer:     of worker" in result.lines
    assert "\x1b" not in result.stdout


def test_logs_as_they_come(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo of web; {SLEEP}\n"})
    result = ci(made, "--logs", "stream", "--no-timestamps", "echo of the command")
    assert "web.1  | of web" in result.lines, result
    assert "of the command" in result.lines
    assert "gaffer | web.1 stopped" in result.lines


def test_all_logs_are_shown_when_the_command_failed(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo of web; {SLEEP}\nworker: echo of worker; {SLEEP}\n"})
    result = ci(made, "--settle", "0.5", "exit 1", settle=None)
    assert {"of web", "of worker"} <= set(result.lines), result


def test_colours_if_they_are_asked_for(project: MakeProject) -> None:
    result = ci(project(CHATTER), "--logs", "all", "--for", "60", env={"FORCE_COLOR": "1"})
    assert "\x1b[31mof web" in result.stdout, result


def test_much_output_is_shown_in_part(project: MakeProject) -> None:
    made = project({"Procfile": "web: seq 1000000; sleep 0.5; exit 3\n"})
    result = ci(made, "--settle", "60", "true", settle=None)
    assert result.status == 121
    assert {"1", "1000000"} <= set(result.lines)
    assert re.search(r"^\[… \d+ bytes left out …\]$", result.raw.decode(), re.MULTILINE)
    assert len(result.stdout) < 300_000


def test_log_files_for_artifacts(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo of web; {SLEEP}\n"})
    ci(made, "--settle", "0.5", "--log-dir", "logs", *say("of the command"), settle=None)
    assert made.path("logs/web.1.log").read_text() == "of web\n"
    assert made.path("logs/command.log").read_text() == "of the command\n"
    assert "of web" in made.path("logs/gaffer.log").read_text()


def test_quiet(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    assert ci(made, "-q", *say("done")).stdout == "done\n"
    assert "the command exited with status 3" in ci(made, "-q", "exit 3").stdout


# ---- secrets

SECRET = "hunter2hunter2"


def leak(project: MakeProject, *args: str) -> tuple[Result, str]:
    """A run in which everybody tells the secret, and all that is written of it."""
    made = project({
        "Procfile": "web: echo web $API_TOKEN; sleep 0.5; exit 3\n",
        ".env": f"API_TOKEN={SECRET}\n",
    })  # fmt: skip
    reports = ("--junit", "report.xml", "--log-dir", "logs", "--logs", "all")
    env = {**GITHUB, "GITHUB_STEP_SUMMARY": str(made.path("summary.md"))}
    script = f"echo {SECRET}; while :; do sleep 0.1; done"
    result = ci(made, *reports, *args, "--fail-fast", script, env=env)
    files = [
        made.path("report.xml"), made.path("summary.md"), *made.path("logs").iterdir(),
    ]  # fmt: skip
    assert len(files) == 5
    return result, "".join([result.stdout, result.stderr, *(file.read_text() for file in files)])


def test_secrets_are_shown_nowhere(project: MakeProject) -> None:
    result, text = leak(project)
    assert result.status == 121, result
    assert SECRET not in text
    assert "web [redacted]" in text


def test_secrets_are_shown_if_that_is_asked_for(project: MakeProject) -> None:
    result, text = leak(project, "--no-redact")
    assert f"web {SECRET}" in result.stdout, result
    assert "[redacted]" not in text


# ---- GitHub


def test_groups_and_annotations(project: MakeProject) -> None:
    result = ci(project(CHATTER), "--logs", "all", "--for", "60", env=GITHUB)
    text = result.stdout
    assert re.search(r"^::group::web\.1: ready[^\n]*\nof web\n::endgroup::$", text, re.M), result
    assert re.search(r"^::group::worker\.1: [^\n]*\nof worker\n::endgroup::$", text, re.M), result
    [error] = [line for line in result.lines if line.startswith("::error")]
    assert re.fullmatch(
        r"::error title=worker\.1 died::exited with status 3 after 0\.\d s, instead of staying "
        "up%0Aof worker",
        error,
    ), error


def test_an_annotation_for_a_command_that_failed(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    result = ci(made, "echo '100% :: wrong'; exit 3", env=GITHUB)
    [error] = [line for line in result.lines if line.startswith("::error")]
    assert error.startswith("::error title=the command exited with status 3::"), result
    assert error.endswith("%0A100%25 :: wrong")


def test_no_annotations_elsewhere(project: MakeProject) -> None:
    result = ci(project(CHATTER), "--logs", "all", "--for", "60")
    assert not [line for line in result.lines if line.startswith("::")], result


# Each is written in pieces that a reader sees one by one.
HOSTILE = r"""
import os, time
def write(*pieces):
    for piece in pieces:
        os.write(1, piece.encode())
        time.sleep(0.02)
write("::set-output name=a::forged\n")
write("::", "add-mask", "::forged\n")
write(":", ":error::forged\n")
write("   ::warning::forged\n")
write("50%\r::notice::forged\n")
write("##", "[error]forged\n", "text ##[group]forged\n")
write("\u00a0::stop-commands::forged\n")
write("::error::forged")
"""
GROUP_OR_ERROR = re.compile(r"::(group::web\.1|endgroup::$|error title=)")


@pytest.mark.parametrize("logs", ["all", "stream"])
def test_nobody_can_forge_a_command(project: MakeProject, logs: str) -> None:
    made = project({
        "Procfile": f"web: python3 hostile.py; touch said; {SLEEP}\n",
        "hostile.py": HOSTILE,
    })  # fmt: skip
    script = "while [ ! -e said ]; do sleep 0.01; done; python3 hostile.py; exit 1"
    result = ci(made, "--logs", logs, script, env=GITHUB)
    assert result.status == 1, result
    assert result.stdout.count("forged") >= 16
    for line in re.split("[\r\n]+", result.raw.decode()):
        assert "##[" not in line
        if line.strip(" \t\xa0").startswith("::"):
            assert GROUP_OR_ERROR.match(line), line


def test_commands_of_the_command_if_they_are_asked_for(project: MakeProject) -> None:
    made = project({"Procfile": f"web: echo ::error::forged; sleep 0.5; exit 3\n{''}"})
    script = "echo ::notice::meant; while :; do sleep 0.1; done"
    result = ci(made, "--fail-fast", "--workflow-commands", script, env=GITHUB)
    assert "::notice::meant" in result.lines, result
    assert "::error::forged" not in result.lines
    assert ": :error::forged" in result.lines


def test_the_summary_is_added_to_what_is_there(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n", "summary.md": "before\n"})
    ci(made, *say("x"), env={"GITHUB_STEP_SUMMARY": str(made.path("summary.md"))})
    lines = made.path("summary.md").read_text().splitlines()
    assert lines[0] == "before"
    assert re.fullmatch(r"### gaffer test: passed in \d\.\d s", lines[1])
    assert [line.split(" |")[0] for line in lines if line.startswith("| ")] == [
        "| process", "| web.1", "| echo x",
    ]  # fmt: skip


def test_a_summary_that_cannot_be_written_is_no_failure(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n", "folder/": ""})
    result = ci(made, "true", env={"GITHUB_STEP_SUMMARY": str(made.path("folder"))})
    assert result.status == 0, result
    assert "folder: is a directory" in result.stderr


# ---- JUnit


def test_the_report(project: MakeProject) -> None:
    made = project({**CHATTER, "reports/old.xml": "old"})
    ci(made, "--for", "60", "--junit", "reports/old.xml")
    suite = ElementTree.parse(made.path("reports/old.xml")).getroot()[0]
    assert {case.attrib["name"] for case in suite.findall("testcase")} == {"web.1", "worker.1"}
    [failed] = [case for case in suite.findall("testcase") if len(case)]
    assert failed.attrib["name"] == "worker.1"
    assert failed.findtext("failure") == "of worker\n"


@pytest.mark.parametrize("files", [{}, {"art/target.xml": "old"}], ids=["dangling", "to a file"])
def test_the_report_by_a_link(project: MakeProject, files: dict[str, str]) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n", **files})
    made.path("l.xml").symlink_to("art/target.xml")
    ci(made, "--junit", "l.xml", "true")
    assert made.path("l.xml").is_symlink()
    assert ElementTree.parse(made.path("art/target.xml")).getroot().tag == "testsuites"


def test_the_report_where_the_output_goes(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    made.path("out").symlink_to("/dev/stderr")
    with open(made.path("log"), "wb") as log:
        ci(made, "--junit", "out", "true", stderr=log)
    assert made.path("out").is_symlink() and os.path.exists("/dev/stderr")
    assert ElementTree.parse(made.path("log")).getroot().tag == "testsuites"


def test_a_script_is_told_of_by_its_beginning(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    ci(made, "--junit", "report.xml", "true\n" * 100)
    suite = ElementTree.parse(made.path("report.xml")).getroot()[0]
    name = suite.findall("testcase")[1].attrib["name"]
    assert name == ("true " * 100)[:119] + "…"


@pytest.mark.parametrize(
    ("files", "args", "status"),
    [
        ({}, [], 1),
        ({"Procfile": "web: true\nweb: true\n"}, [], 1),
        ({"Procfile": "web: true\n", "gaffer.yaml": "processes: {web: {nope: 1}}\n"}, [], 1),
        ({"Procfile": "web: true\n"}, ["--settle", "soon"], 2),
        ({"Procfile": "web: true\n"}, ["--nope"], 2),
        ({"Procfile": "web: true\n"}, ["--no-redact", "--redact-also", "X"], 2),
    ],
)
@pytest.mark.parametrize("option", [["--junit", "report.xml"], ["--junit=report.xml"]])
def test_an_old_report_is_not_left_by_what_is_refused(
    project: MakeProject, files: dict[str, str], args: list[str], status: int, option: list[str]
) -> None:
    made = project({**files, "report.xml": "old"})
    result = made.run("test", *args, *option, "--", "true", env=NOWHERE)
    assert result.status == status, result
    assert not made.path("report.xml").exists()


def test_a_report_that_is_a_pipe(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    os.mkfifo(made.path("report.xml"))
    script = "cat report.xml > read & $gaffer test --settle 0 --junit report.xml -- true; wait"
    assert made.shell(script, env=NOWHERE).status == 0
    assert ElementTree.parse(made.path("read")).getroot().tag == "testsuites"


def test_a_report_that_is_a_pipe_which_nobody_reads(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n"})
    os.mkfifo(made.path("report.xml"))
    result = ci(made, "--junit", "report.xml", "true")
    assert (result.status, result.stderr) == (1, "gaffer: report.xml: nobody reads it\n")


def test_an_old_report_is_not_left_by_a_run_that_was_killed(project: MakeProject) -> None:
    made = project({"Procfile": f"web: {SLEEP}\n", "report.xml": "old"})
    args = ("-p", str(free_port()), "--settle", "0", "--junit", "report.xml")
    running = made.spawn("test", *args, "echo running; exec sleep 60", env=NOWHERE)
    running.read_until("^running$")
    running.popen.kill()
    wait_until(lambda: running.popen.poll() is not None, "it is killed")
    assert made.path("report.xml").exists() is False or made.path("report.xml").read_text() != "old"
