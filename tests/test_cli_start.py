"""`gaffer start`: which processes run, with which ports and variables, and how it ends."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from cli import MakeProject, Result
from cli import project as project

from gaffer_procfile.cli import start

# Prints what a test asks of a process's environment, in one line.
REPORT = """\
#!/bin/sh
echo "$PS PORT=$PORT WEB=$GAFFER_PORT_WEB WORKER=$GAFFER_PORT_WORKER PLACE=$PLACE"
"""
THREE = "web: ./report\nworker: ./report\nclock: ./report\n"
# `start` ends with the first exit. Here each waits for the others, so that all get to speak.
BARE = ("--no-prefix", "-q")


def everyone(*names: str) -> str:
    """A Procfile whose processes report, and end when all of them have."""
    wait = f"while [ $(ls done | wc -l) -lt {len(names)} ]; do sleep 0.01; done"
    return "".join(f"{name}: ./report; touch done/$PS; {wait}\n" for name in names)


def reports(result: Result) -> dict[str, dict[str, str]]:
    """Instance name to what it reported."""
    found = {}
    for line in result.lines:
        if match := re.fullmatch(r"(\S+) (PORT=.*)", line):
            found[match[1]] = dict(word.split("=", 1) for word in match[2].split(" "))
    return found


def ports(result: Result) -> dict[str, int]:
    return {name: int(values["PORT"]) for name, values in reports(result).items()}


def test_all_processes_run_on_ports_a_hundred_apart_and_know_each_other(
    project: MakeProject,
) -> None:
    files = {"Procfile": everyone("web", "worker"), "report": REPORT, "done/": ""}
    result = project(files).run("start", *BARE)
    common = {"WEB": "5000", "WORKER": "5100", "PLACE": ""}
    assert reports(result) == {
        "web.1": {"PORT": "5000", **common},
        "worker.1": {"PORT": "5100", **common},
    }, result
    assert result.stderr == ""
    assert result.status == 0


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["worker"], {"worker.1": 5100}),
        (["clock"], {"clock.1": 5200}),
        (["-x", "web", "-x", "clock"], {"worker.1": 5100}),
        (["-p", "7000", "worker"], {"worker.1": 7100}),
        (["worker", "-p", "7000"], {"worker.1": 7100}),
        (["--port=7000", "worker"], {"worker.1": 7100}),
        (["-p7000", "--port-step", "10", "clock"], {"clock.1": 7020}),
        (["-c", "worker=0,clock=0"], {"web.1": 5000}),
        (["-c", "all=0,web=1"], {"web.1": 5000}),
        (["-m", "all=0,web=1"], {"web.1": 5000}),
        (["--formation", "web=1,all=0"], {"web.1": 5000}),
        (["--concurrency=web=0,clock=0"], {"worker.1": 5100}),
    ],
)
def test_selection_and_ports(
    project: MakeProject, args: list[str], expected: dict[str, int]
) -> None:
    result = project({"Procfile": THREE, "report": REPORT}).run("start", *BARE, *args)
    assert ports(result) == expected, result
    assert result.status == 0


def test_instances_have_names_and_ports_of_their_own(project: MakeProject) -> None:
    wait = "while [ $(ls done | wc -l) -lt 3 ]; do sleep 0.01; done"
    files = {"Procfile": f"web: ./report; touch done/$PS; {wait}\n", "report": REPORT, "done/": ""}
    result = project(files).run("start", *BARE, "-c", "web=3")
    assert ports(result) == {"web.1": 5000, "web.2": 5001, "web.3": 5002}, result


def test_a_process_knows_its_name(project: MakeProject) -> None:
    result = project({"Procfile": "web-app: echo $PS $GAFFER_PROCESS_NAME\n"}).run("start", *BARE)
    assert result.lines == ["web-app.1 web-app.1"]


def test_several_names_run_no_matter_their_order(project: MakeProject) -> None:
    files = {
        "Procfile": everyone("web", "worker") + "clock: ./report\n",
        "report": REPORT,
        "done/": "",
    }
    result = project(files).run("start", *BARE, "worker", "web")
    assert ports(result) == {"web.1": 5000, "worker.1": 5100}, result


@pytest.mark.parametrize(
    ("args", "environ", "dotenv", "expected"),
    [
        ([], None, "", 5000),
        ([], "6000", "", 6000),
        ([], "6000", "PORT=7000\n", 7000),
        (["--no-override"], "6000", "PORT=7000\n", 6000),
        (["-p", "8000"], "6000", "PORT=7000\n", 8000),
        (["-p", "8000", "--no-override"], "6000", "PORT=7000\n", 8000),
    ],
)
def test_where_the_port_comes_from(
    project: MakeProject, args: list[str], environ: str | None, dotenv: str, expected: int
) -> None:
    made = project({"Procfile": "web: ./report\n", "report": REPORT, ".env": dotenv})
    env = {} if environ is None else {"PORT": environ}
    assert ports(made.run("start", *BARE, *args, env=env)) == {"web.1": expected}


@pytest.mark.parametrize(
    ("args", "environ", "expected"),
    [
        ([], {}, "dotenv"),
        ([], {"PLACE": "outside"}, "dotenv"),
        (["--no-override"], {"PLACE": "outside"}, "outside"),
        (["--no-override"], {}, "dotenv"),
        (["-e", "one"], {}, "one"),
        (["-e", "one,two"], {}, "two"),
        (["-e", "two,one"], {}, "one"),
        (["-e", "one", "-e", "two"], {}, "two"),
        (["-e", "one", "--env=.env"], {}, "dotenv"),
        (["-e", "one,three", "-e", "two"], {}, "two"),
    ],
)
def test_where_a_variable_comes_from(
    project: MakeProject, args: list[str], environ: dict[str, str], expected: str
) -> None:
    files = {"Procfile": "web: ./report\n", "report": REPORT, ".env": "PLACE=dotenv\n"}
    variables = {name: f"PLACE={name}\n" for name in ("one", "two", "three")}
    result = project(files | variables).run("start", *BARE, *args, env=environ)
    assert reports(result)["web.1"]["PLACE"] == expected, result


def test_a_named_env_file_takes_the_place_of_the_default_one(project: MakeProject) -> None:
    files = {"Procfile": "web: ./report\n", "report": REPORT, ".env": "PLACE=x\n", "other": ""}
    result = project(files).run("start", *BARE, "-e", "other")
    assert reports(result)["web.1"]["PLACE"] == "", result


@pytest.mark.parametrize(
    ("files", "args", "environ", "expected"),
    [
        ({"Procfile": "", "Procfile.dev": ""}, [], {}, "Procfile.dev"),
        ({"Procfile": ""}, [], {}, "Procfile"),
        ({"Procfile": "", "other": ""}, ["-f", "other"], {}, "other"),
        ({"Procfile": "", "other": ""}, [], {"PROCFILE": "other"}, "other"),
        ({"Procfile": "", "other": "", ".env": "PROCFILE=other"}, [], {}, "other"),
        (
            {"Procfile": "", "other": "", "third": "", ".env": "PROCFILE=other"},
            ["-f", "third"],
            {"PROCFILE": "other"},
            "third",
        ),
    ],
)
def test_which_procfile(
    project: MakeProject,
    files: dict[str, str],
    args: list[str],
    environ: dict[str, str],
    expected: str,
) -> None:
    procfiles = {name: text or f"web: echo from {name}\n" for name, text in files.items()}
    result = project(procfiles).run("start", "--no-timestamps", *args, env=environ)
    assert f"web.1  | from {expected}" in result.lines, result
    # Which one is shown where it isn't the one that everybody expects.
    says_so = any("gaffer | " in line and expected in line for line in result.lines)
    assert says_so == (expected != "Procfile" and not args), result


def test_another_directory_by_option_and_by_the_procfiles_own(project: MakeProject) -> None:
    made = project({"sub/Procfile": "web: pwd; cat here\n", "sub/here": "there\n"})
    for args in (["-d", "sub"], ["--root", "sub"], ["-f", "sub/Procfile"]):
        result = made.run("start", *BARE, *args)
        assert result.lines == [str(made.path("sub").resolve()), "there"], result


def test_the_release_entry_is_left_out_and_said_so(project: MakeProject) -> None:
    made = project({"Procfile": "release: echo migrating\nweb: echo serving\n"})
    result = made.run("start", "--no-timestamps")
    assert "web.1  | serving" in result.lines, result
    assert "migrating" not in result.stdout
    assert any("release is a one-off" in line for line in result.lines), result
    assert made.run("start", *BARE, "release").lines == ["migrating"]
    assert made.run("run", "release").lines == ["migrating"]


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ({"web": "exit 0"}, 0),
        ({"web": "exit 3"}, 3),
        ({"web": "kill -KILL $$"}, 128 + 9),
        ({"web": "kill -SEGV $$"}, 128 + 11),
        ({"web": "exec nosuchcommand"}, 127),
        ({"web": "exec ./plain"}, 126),
        ({"web": "exit 3", "worker": "sleep 60"}, 3),
        # Ends well first; the other one was told to stop, so what it says of that is no failure.
        ({"web": "exit 0", "worker": "trap 'exit 4' TERM; while :; do sleep 0.01; done"}, 0),
        # The first failure, though another has ended well before it.
        ({"web": "sleep 0.1; exit 5", "worker": "trap 'exit 6' TERM; sleep 60 & wait"}, 5),
    ],
)
def test_the_exit_status_is_that_of_the_first_that_failed(
    project: MakeProject, commands: dict[str, str], expected: int
) -> None:
    procfile = "".join(f"{name}: {command}\n" for name, command in commands.items())
    result = project({"Procfile": procfile, "plain": "text\n"}).run("start")
    assert result.status == expected, result


def test_a_line_says_who_ended_it(project: MakeProject) -> None:
    result = project({"Procfile": "web: exit 3\nworker: exec sleep 60\n"}).run("start")
    assert "web.1 exited with status 3" in result.stdout
    assert re.search(
        r"stopping .*because web\.1 has ended \(--exit-policy first\)", result.stdout
    ), result
    assert "worker.1 stopped" in result.stdout


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("nosuchcommand --now", "command not found: nosuchcommand"),
        ("exec nosuchcommand", "command not found: nosuchcommand"),
        ("./plain", "not executable: ./plain"),
        ("./gone", "command not found: ./gone"),
    ],
)
def test_a_command_that_cannot_be_executed_is_named(
    project: MakeProject, command: str, message: str
) -> None:
    result = project({"Procfile": f"web: {command}\n", "plain": "text\n"}).run("start")
    assert f"({message}?)" in result.stdout, result


@pytest.mark.parametrize("command", ["./run.sh", "exec ./run.sh x"])
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("#!/bin/sh\r\nexit 0\r\n", "its first line ends as on Windows (CR LF)"),
        ("#!/no/such/python\n", "its interpreter /no/such/python is not found"),
    ],
)
def test_a_script_that_can_not_be_started_says_why(
    project: MakeProject, command: str, text: str, fault: str
) -> None:
    result = project({"Procfile": f"web: {command}\n", "run.sh": text}).run("start")
    assert f"(./run.sh: {fault}" in result.stdout, result
    assert "command not found" not in result.stdout


def test_a_script_that_was_started_is_not_missing(project: MakeProject) -> None:
    made = project({"Procfile": "web: ./run.sh\n", "run.sh": "#!/bin/sh\nexit 127\n"})
    result = made.run("start")
    assert "web.1 exited with status 127\n" in result.stdout, result


@pytest.mark.parametrize("command", ["cd / && nosuchcommand", "(exit 127)", "true; exit 127"])
def test_the_first_word_is_not_blamed_for_what_comes_after_it(
    project: MakeProject, command: str
) -> None:
    result = project({"Procfile": f"web: {command}\n"}).run("start")
    assert result.status == 127
    assert "exited with status 127\n" in result.stdout, result


def test_commands_reach_the_shell_as_they_are_written(project: MakeProject) -> None:
    command = (
        r"""printf '<%s>' "$PORT" '$PORT' \$PORT a\ b "a  b" `echo c` $((1+1)) é % {x}; echo"""
    )
    result = project({"Procfile": f"web: {command}\n"}).run("start", *BARE)
    assert result.lines == ["<5000><$PORT><$PORT><a b><a  b><c><2><é><%><{x}>"], result


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_line_ends_and_spaces_are_no_matter(project: MakeProject, ending: bytes) -> None:
    text = b"\xef\xbb\xbf# a comment\r\n\r\n  web :  echo served" + ending
    result = project({"Procfile": text}).run("start", *BARE)
    assert result.lines == ["served"], result


def test_a_bad_line_is_said_and_the_rest_runs(project: MakeProject) -> None:
    result = project({"Procfile": "a.b: echo no\nweb: echo yes\njob:\n"}).run("start", *BARE)
    assert result.lines == ["yes"], result
    first, second = result.stderr.splitlines()
    assert first.startswith("gaffer: Procfile:1: 'a.b'")
    assert second.startswith("gaffer: Procfile:3: 'job'")
    assert result.status == 0


def test_children_find_their_input_open_and_silent(project: MakeProject) -> None:
    # At the end of its input `cat` would end, and with it everything.
    result = project({"Procfile": "web: cat; echo ended\njob: sleep 0.3; echo done\n"}).run(
        "start", *BARE
    )
    assert result.lines == ["done"], result


def test_a_thousand_entries(project: MakeProject) -> None:
    made = project({"Procfile": "".join(f"p{n}: true\n" for n in range(1000))})
    refused = made.run("start")
    assert refused.status == 1
    assert "--port-step" in refused.error()
    result = made.run("start", "--port-step", "10", "--exit-policy", "all", timeout=60)
    assert result.status == 0, result
    started = set(re.findall(r"(p\d+\.1) started", result.stdout))
    assert started == {f"p{n}.1" for n in range(1000)}
    # Among so many ports there may be one that somebody has.
    assert [line for line in result.stderr.splitlines() if "is in use" not in line] == []


def test_an_entry_of_100_kb(project: MakeProject) -> None:
    words = " ".join(["word"] * 20_000)
    result = project({"Procfile": f"web: echo {words}\n"}).run("start", *BARE)
    assert result.lines == [words]
    assert result.status == 0


def test_an_entry_that_the_system_refuses_as_too_long_is_named(project: MakeProject) -> None:
    words = " ".join(["word"] * 40_000)
    result = project({"Procfile": f"web: echo {words}\n"}).run("start")
    assert result.status == 126, result.stderr
    assert "web.1" in result.stdout and "too long" in result.stdout.lower(), result.stdout[:500]


def test_a_relative_directory_that_is_a_link_stays_what_it_is_called(project: MakeProject) -> None:
    made = project({"real/Procfile": "web: echo here\n"})
    os.symlink("real", made.path("link"))
    assert made.run("start", *BARE, "-d", "link").lines == ["here"]


def test_a_directory_with_a_newline_in_its_name_splits_no_line(project: MakeProject) -> None:
    made = project(
        {"a\nb/Procfile.dev": "web: echo hi; exec sleep 9\n", "c/Procfile": "web: sleep 0.3\n"}
    )
    result = made.run("start", "--no-timestamps", "-d", "a\nb", "-d", "c")
    assert result.lines[0] == "gaffer    | a\\nb/Procfile.dev is used", result
    assert "a-b:web.1 | hi" in result.lines
    assert all(" | " in line for line in result.lines), result
    plan = made.run("plan", "-d", "a\nb", "-d", "c")
    assert plan.lines[-1] == "a\\nb/Procfile.dev is used"
    background = made.run("start", "-D", cwd=made.path("a\nb"))
    ended = made.run("down", cwd=made.path("a\nb"))
    assert [line.partition(" ")[0] for line in background.lines] == ["web.1", "gaffer", "`gaffer"]
    assert ended.status == 0


def test_paths_of_options_start_from_the_project_or_from_here(
    project: MakeProject, tmp_path: Path
) -> None:
    made = project(
        {"sub/Procfile.x": "web: ./report\n", "sub/report": REPORT, "my.env": "PLACE=a\n"}
    )
    result = made.run("start", *BARE, "-d", "sub", "-f", "Procfile.x", "-e", "my.env")
    assert reports(result)["web.1"]["PLACE"] == "a", result


@pytest.mark.parametrize("names", [[], ["web", "worker"]])
def test_what_is_taken_for_a_command_line_without_options_is_what_a_parser_makes(
    names: list[str],
) -> None:
    made = start.make_parser().parse_intermixed_args(names)
    assert vars(start.parse(names)) == vars(made)
