from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile.commands import unavailable


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with bin/tool, bin/sub/, plain.txt (not executable) and run (executable)."""
    (tmp_path / "bin" / "sub").mkdir(parents=True)
    for name, mode in [("bin/tool", 0o755), ("bin/plain", 0o644), ("run", 0o755), ("txt", 0o644)]:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    (tmp_path / "bin" / "dangling").symlink_to("nowhere")
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "tool -x",
        "  tool",
        "tool|cat",
        "./run; other",
        "bin/tool>log",
        "FOO=1 exec tool",
        "FOO=1 BAR= exec ./run",
        "exec tool",
        # beyond judging
        "",
        "# comment",
        "$CMD x",
        "${CMD:-x} y",
        "`which x`",
        '"nosuch thing" x',
        "'nosuch' x",
        'FOO="a b" nosuch',
        "FOO=$X nosuch",
        "PATH=/opt/x:$PATH nosuch",
        "PATH=/opt/x nosuch",
        "FOO=1",
        "~/bin/nosuch",
        "nosuch\\ thing",
        "nosuch*",
        "nos{uch,ome}",
        "nosuch() { :; }; nosuch",
        "nosuch () { :; }; nosuch",
        "(cd x && nosuch)",
        "{ nosuch; }",
        "! nosuch",
        "2>&1 nosuch",
        "2>/dev/null nosuch",
        ">log nosuch",
        "exec -a name nosuch",
        "exec 3<file; nosuch",
        # builtins and compounds
        "cd sub && ./nosuch",
        ". ./nosuch",
        "source nosuch",
        "export A=1; nosuch",
        "while true; do nosuch; done",
        "if nosuch; then :; fi",
        "for i in 1 2; do nosuch; done",
        "case x in y) nosuch;; esac",
        "[ -f x ] && nosuch",
        "[[ -f x ]] && nosuch",
        "((i++)) || nosuch",
        "trap 'nosuch' EXIT; wait",
        "time nosuch",
        "trap",
    ],
)
def test_no_false_alarm(project: Path, command: str) -> None:
    assert unavailable(command, str(project), "nowhere:bin") is None


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("nosuch --flag", "command 'nosuch' is not found"),
        ("nosuch|cat", "command 'nosuch' is not found"),
        ("nosuch&& tool", "command 'nosuch' is not found"),
        ("FOO=1 nosuch", "command 'nosuch' is not found"),
        ("FOO=1 exec nosuch", "command 'nosuch' is not found"),
        ("exec nosuch", "command 'nosuch' is not found"),
        ("./nosuch", "command './nosuch' is not found"),
        ("/no/such", "command '/no/such' is not found"),
        ("dangling", "command 'dangling' is not found"),
        ("sub", "command 'sub' is not found"),
        ("./bin x", "'./bin' is a directory"),
        ("./txt", "'./txt' is not executable"),
        ("plain", "bin/plain' is not executable"),
    ],
)
def test_what_can_not_run(project: Path, command: str, reason: str) -> None:
    assert reason in (unavailable(command, str(project), "nowhere:bin") or "")


SCRIPTS = {
    "CR LF": ("#!/bin/sh\r\necho x\r\n", "its first line ends as on Windows (CR LF)"),
    "CR LF after an option": ("#!/bin/sh -e\r\n", "its first line ends as on Windows (CR LF)"),
    "a venv that has moved": ("#!/no/venv/bin/python\n", "interpreter /no/venv/bin/python is not"),
    "by a relative name": ("#!bin/nosuch\n", "its interpreter bin/nosuch is not found"),
    "by env": ("#! /usr/bin/env nosuch\n", "its interpreter nosuch is not found"),
}


@pytest.mark.parametrize(("text", "reason"), SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("command", ["./run x", "exec ./run", "run", "A=1 run"])
def test_scripts_that_can_not_be_started(
    project: Path, text: str, reason: str, command: str
) -> None:
    (project / "run").write_bytes(text.encode())
    found = unavailable(command, str(project), f"nowhere:{project}:/bin")
    assert found is not None and reason in found and "run' can't be started: " in found


@pytest.mark.parametrize(
    "text",
    [
        "echo x\r\n",
        "",
        "#!",
        "#!\n",
        "#!/bin/sh",
        "#!/bin/sh\necho x\r\n",
        "#!/bin/sh -e\n",
        "#!/usr/bin/env tool\n",
        "#!/usr/bin/env -S nosuch -x\n",
        "#!/usr/bin/env A=1 nosuch\n",
        "#!/usr/bin/env A=1\n",
        "#!bin/tool\n",
        "\x7fELF #!/no/such\n",
        "# !/no/such\n",
    ],
)
def test_scripts_that_can(project: Path, text: str) -> None:
    (project / "run").write_bytes(text.encode())
    assert unavailable("./run", str(project), "bin") is None


def test_path_elements(project: Path) -> None:
    assert unavailable("run", str(project), "bin:") is None  # an empty one is the directory
    assert unavailable("run", str(project), "bin") is not None
    assert unavailable("sh", str(project), None) is None
    absolute = os.pathsep.join(["/nowhere", str(project / "bin")])
    assert unavailable("tool", "/", absolute) is None


@given(st.text(), st.text(st.characters(exclude_characters="\0")))
def test_no_command_gives_a_traceback(command: str, path: str) -> None:
    reason = unavailable(command, "/", path)
    assert reason is None or reason
