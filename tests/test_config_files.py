"""Which files are read, how a local one is laid on top, and that no input at all is a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaffer_procfile.config import (
    Config,
    ConfigError,
    Dependency,
    GroupSettings,
    Probe,
    ProcessSettings,
    Watch,
    find,
    read,
)
from gaffer_procfile.config.reading import LARGEST


def write(directory: Path, name: str, text: str | bytes) -> str:
    path = directory / name
    path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return str(path)


def both(base: str, local: str, directory: Path) -> Config:
    """What a gaffer.yaml and a gaffer.local.yaml are together."""
    write(directory, "gaffer.local.yaml", local)
    config, problems = read(write(directory, "gaffer.yaml", base), "gaffer.yaml")
    assert [str(problem) for problem in problems] == []
    return config


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"processes: \xff", "gaffer.yaml:1: not UTF-8: byte 0xff (save the file as UTF-8)"),
        (b"a: 1\n\xff", "gaffer.yaml:2: not UTF-8: byte 0xff (save the file as UTF-8)"),
        ("port: 1".encode("utf-16"), "gaffer.yaml:1: not UTF-8: byte 0xff (save the file as UTF-8)"),
        (b"a: \x00", "gaffer.yaml:1:4: not valid YAML: the control character NUL"),
        (b"- a\n", ("gaffer.yaml:1:1: a list, where a mapping is expected (it begins like "
         "'processes:', and the processes stand below that)")),
        (b"web\n", ("gaffer.yaml:1:1: 'web', where a mapping is expected (it begins like "
         "'processes:', and the processes stand below that)")),
        (b"a" * (LARGEST + 1), "gaffer.yaml: more than 512 KiB, this is no gaffer.yaml"),
    ],
)  # fmt: skip
def test_what_is_no_mapping_is_said_in_one_line(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    config, problems = read(write(tmp_path, "gaffer.yaml", content), "gaffer.yaml")
    assert config == Config()
    assert [(str(problem), problem.severity) for problem in problems] == [(expected, "error")]


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_is_a_warning(content: str, tmp_path: Path) -> None:
    config, problems = read(write(tmp_path, "gaffer.yaml", content), "gaffer.yaml")
    assert config == Config()
    assert [(str(problem), problem.severity) for problem in problems] == [
        (
            (
                "gaffer.yaml: nothing is set in it "
                "(it has lines like 'processes:'; an empty one isn't needed)"
            ),
            "warning",
        )
    ]


@pytest.mark.parametrize("content", ["port: 1\n", "\ufeffport: 1\n", "port: 1\r\n", "port: 1"])
def test_marks_and_ends_of_lines_make_no_difference(content: str, tmp_path: Path) -> None:
    assert read(write(tmp_path, "gaffer.yaml", content)) == (Config(port=1), [])


def test_what_is_no_file(tmp_path: Path) -> None:
    def said(name: str) -> list[str]:
        begin = time.monotonic()
        config, problems = read(str(tmp_path / name), name)
        assert config == Config()
        assert time.monotonic() - begin < 5.0  # it was not waited for a writer
        return [str(problem) for problem in problems]

    before = len(os.listdir("/dev/fd"))
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "null").symlink_to("/dev/null")
    assert said("directory") == ["directory: is a directory"]
    assert said("fifo") == ["fifo: not a file"]
    assert said("null") == ["null: not a file"]
    assert said("missing") == ["missing: no such file or directory"]
    assert said("loop")[0].startswith("loop: ")
    assert len(os.listdir("/dev/fd")) == before


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path, "gaffer.yaml", "port: 1\n")
    os.chmod(path, 0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert str(read(path, "gaffer.yaml")[1][0]) == "gaffer.yaml: permission denied"


def test_find(tmp_path: Path) -> None:
    assert find(str(tmp_path)) is None
    write(tmp_path, "gaffer.local.yml", "port: 1\n")
    assert find(str(tmp_path)) == "gaffer.local.yml"
    write(tmp_path, "gaffer.yml", "port: 2\n")
    assert find(str(tmp_path)) == "gaffer.yml"
    assert read(str(tmp_path / "gaffer.yml"))[0].port == 1
    write(tmp_path, "gaffer.yaml", "port: 3\n")
    with pytest.raises(ConfigError) as caught:
        find(str(tmp_path))
    assert str(caught.value) == ("gaffer.yaml: gaffer.yml is here too (only one of them can hold)")


def test_two_local_files_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "gaffer.local.yml", "port: 1\n")
    write(tmp_path, "gaffer.local.yaml", "port: 2\n")
    config, problems = read(write(tmp_path, "gaffer.yaml", "port: 3\n"), "p/gaffer.yaml")
    assert config == Config(port=3)
    assert [str(problem) for problem in problems] == [
        "p/gaffer.local.yaml: gaffer.local.yml is here too (only one of them can hold)"
    ]


def test_a_local_file_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "gaffer.local.yaml", "processes: {web: {port: 1}}\n")
    config, problems = read(path)
    assert (config, problems) == (Config(processes={"web": ProcessSettings(port=1)}), [])
    assert config.files == (path,)


BASE = """\
processes:
  web:
    command: one
    port: 8000
    env: {A: 1, B: 1}
    ready: {http: /health, timeout: 5}
    watch: {paths: [a], ignore: b}
    depends_on: {db: ready, cache: {condition: started, restart: true}}
    profiles: [x, y]
  worker: {command: two}
groups: {api: {directory: a, port: 1}, web: w}
env_files: [a, b]
port: 5000
"""


@pytest.mark.parametrize(
    ("local", "path", "expected"),
    [
        ("processes: {web: {port: 1}}", "port", 1),
        ("processes: {web: {port: null}}", "port", None),
        ("processes: {web: {command: null}}", "command", None),
        ("processes: {web: {env: {B: 2, C: 3}}}", "env", {"A": "1", "B": "2", "C": "3"}),
        ("processes: {web: {env: {A: null}}}", "env", {"A": None, "B": "1"}),
        ("processes: {web: {env: null}}", "env", None),
        ("processes: {web: {profiles: [z]}}", "profiles", ("z",)),
        ("processes: {web: {profiles: z}}", "profiles", ("z",)),
        ("processes: {web: {ready: {log: up}}}", "ready", Probe("log", "up")),
        ("processes: {web: {ready: {http: /}}}", "ready", Probe("http", "/")),
        ("processes: {web: {ready: port}}", "ready", Probe("port")),
        ("processes: {web: {watch: c}}", "watch", Watch(("c",))),
        ("processes: {web: {watch: {paths: c}}}", "watch", Watch(("c",))),
        (
            "processes: {web: {depends_on: {db: null, more: started}}}",
            "depends_on",
            (Dependency("cache", "started", True), Dependency("more", "started")),
        ),
        (
            "processes: {web: {depends_on: {cache: {condition: ready}}}}",
            "depends_on",
            (Dependency("db", "ready"), Dependency("cache", "ready", True)),
        ),
        ("processes: {web: {depends_on: more}}", "depends_on", (Dependency("more"),)),
    ],
)
def test_a_setting_of_a_local_file(local: str, path: str, expected: object, tmp_path: Path) -> None:
    before = both(BASE, "", tmp_path)
    web = both(BASE, local, tmp_path).processes["web"]
    assert getattr(web, path) == expected
    for name in ProcessSettings.fields:
        if name != path:
            assert getattr(web, name) == getattr(before.processes["web"], name)


def test_the_rest_of_a_local_file(tmp_path: Path) -> None:
    config = both(
        BASE,
        """\
        processes: {worker: null, mail: {command: mailpit}}
        groups: {api: {port: 2}, web: {directory: v}}
        env_files: c
        port: null
        watch_config: true
        """,
        tmp_path,
    )
    assert list(config.processes) == ["web", "mail"]
    assert config.groups == {"api": GroupSettings("a", port=2), "web": GroupSettings("v")}
    assert (config.env_files, config.port, config.watch_config) == (("c",), None, True)


def test_origins_name_the_file_of_each_setting(tmp_path: Path) -> None:
    config = both(BASE, "processes:\n  web:\n    env: {B: 2}\n    scale: 2\n", tmp_path)
    assert [Path(file).name for file in config.files] == ["gaffer.yaml", "gaffer.local.yaml"]
    web = ("processes", "web")
    assert str(config.place((*web, "env", "A"))) == "gaffer.yaml:5"
    assert str(config.place((*web, "env", "B"))) == "gaffer.local.yaml:3"
    assert str(config.place((*web, "port"))) == "gaffer.yaml:4"
    assert str(config.place((*web, "scale"))) == "gaffer.local.yaml:4"


def test_problems_name_their_file_and_are_in_order(tmp_path: Path) -> None:
    write(tmp_path, "gaffer.local.yaml", "processes: {web: {scale: x}}\nprot: 1\n")
    path = write(tmp_path, "gaffer.yaml", "processes: {web: {port: x}}\nproces: 1\n")
    assert [str(problem) for problem in read(path, "app/gaffer.yaml")[1]] == [
        "app/gaffer.yaml:1:25: port is a number from 1 to 65535, not 'x'",
        "app/gaffer.yaml:2:1: unknown key 'proces' (did you mean 'processes'?)",
        "app/gaffer.local.yaml:1:26: scale is a number from 0 to 1000, not 'x'",
        "app/gaffer.local.yaml:2:1: unknown key 'prot' (did you mean 'port'?)",
    ]


def test_a_broken_file_leaves_the_other_one(tmp_path: Path) -> None:
    write(tmp_path, "gaffer.local.yaml", "port: 2\n")
    config, problems = read(write(tmp_path, "gaffer.yaml", "port: {\n"))
    assert (config.port, len(problems)) == (2, 1)


READ = """\
import sys
import gaffer_procfile.cli.start
before = set(sys.modules)
from gaffer_procfile.config import read
config, problems = read(sys.argv[1])
assert config.processes["web"].ready is not None and not problems, problems
print(*sorted(set(sys.modules) - before))
"""


def test_nothing_is_loaded_for_it_but_pyyaml_and_what_that_loads(tmp_path: Path) -> None:
    write(tmp_path, "gaffer.local.yaml", "port: 1\n")
    path = write(tmp_path, "gaffer.yaml", BASE)
    done = subprocess.run(
        [sys.executable, "-c", READ, path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[1],
    )
    packages = {module.partition(".")[0].lstrip("_") for module in done.stdout.split()}
    by_pyyaml = "yaml datetime base64 binascii struct encodings cython_runtime cython_3_"
    extra = {name for name in packages if not name.startswith(tuple(by_pyyaml.split()))}
    # importlib finds the parser alone, and loads warnings; types has the read-only mapping.
    assert extra == {"gaffer_procfile", "importlib", "warnings", "types"}


# ---- open-ended input: nothing of it may raise, and what is wrong is said in a line each

GOOD = [
    BASE,
    "x-a: &a {env: {A: 1}}\nprocesses:\n  web:\n    <<: *a\n    command: x\n    ready: port\n",
    "defaults: {restart: never, stop_signal: INT, stop_timeout: 500ms, log: logs/x}\n",
    "processes: {a: {healthy: {http: /x, status: 200, port: 1, interval: 5, failures: 2}}}\n",
]
FRAGMENTS = st.sampled_from(
    [
        *"processes web command env ready http log port depends_on watch groups defaults".split(),
        *": :\n , [ ] { } - ' \" # & * ! | > % @ ` ? << ~ null true 1 -1 1.5 .nan .inf /".split(" "),
        "\n", "\n  ", "\n    ", "\t", "\r", "\x00", "\x07", "\x85", "\u2028", "\ufeff", "\U0001f600",
        "&a ", "*a", "<<: *a", "!!python/object:x ", "!!int ", "---\n", "...\n", "%YAML 9.9\n", "(",
        "ready: {", "watch: {", "processes: {a: {", "groups: {", "9" * 50, "\\", '"\\0"', "$",
    ]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good file with some pieces cut out, doubled or replaced."""
    data = draw(st.sampled_from(GOOD)).encode()
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        new = draw(st.binary(max_size=3) | FRAGMENTS.map(str.encode) | st.just(data[start:end] * 2))
        data = data[:start] + new + data[end:]
    return data


ANYTHING = (
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.lists(FRAGMENTS, max_size=40).map(lambda parts: "".join(parts).encode())
    | mutated()
)


@settings(max_examples=400, deadline=None)
@given(ANYTHING, st.none() | ANYTHING)
def test_no_input_is_a_traceback(content: bytes, local: bytes | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if local is not None:
            write(directory, "gaffer.local.yaml", local)
        config, problems = read(write(directory, "gaffer.yaml", content), "gaffer.yaml")
    assert isinstance(config, Config)
    for problem in problems:
        text = str(problem)
        assert text.startswith(("gaffer.yaml:", "gaffer.local.yaml:"))
        assert "\n" not in text
        assert text.isprintable(), text
        text.encode()
    for path in config.places:
        assert config.place(path) is not None
    if not problems:  # what is taken can be handed to a process
        for process in config.processes.values():
            values = [process.command, process.cwd, *(process.env or {}).values()]
            assert all("\0" not in os.fsdecode(os.fsencode(value)) for value in values if value)
