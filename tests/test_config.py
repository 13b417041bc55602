"""gaffer.yaml: what each form means, and what is said of each mistake."""

from __future__ import annotations

import signal
from pathlib import Path
from textwrap import dedent

import pytest

from gaffer_procfile.config import (
    Config,
    ConfigError,
    Dependency,
    GroupSettings,
    Probe,
    ProcessSettings,
    Watch,
    over,
    read,
)
from gaffer_procfile.restart import POLICIES

SHOWN = "gaffer.yaml"


def read_text(text: str | bytes, directory: Path) -> tuple[Config, list[ConfigError]]:
    path = directory / SHOWN
    path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    return read(str(path), SHOWN)


def said(text: str | bytes, directory: Path) -> list[str]:
    """All problems, as they are shown."""
    return [str(problem) for problem in read_text(text, directory)[1]]


def good(text: str, directory: Path) -> Config:
    config, problems = read_text(text, directory)
    assert [str(problem) for problem in problems] == []
    return config


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("command: python app.py", {"command": "python app.py"}),
        ("command: 'echo a: b # c'", {"command": "echo a: b # c"}),
        ("command: |\n      one\n      two", {"command": "one\ntwo\n"}),
        (
            "env: {A: x, B: 1.10, C: 08, D: on, E: true, F: 0x1F}",
            {"env": {"A": "x", "B": "1.10", "C": "08", "D": "on", "E": "true", "F": "0x1F"}},
        ),
        (
            "env: {A: null, B: ~, C: '', D: , E: 2024-01-01, F: '~'}",
            {"env": {"A": None, "B": None, "C": "", "D": None, "E": "2024-01-01", "F": "~"}},
        ),
        ("env_files: .env.web", {"env_files": (".env.web",)}),
        ("env_files: [a, b]", {"env_files": ("a", "b")}),
        ("cwd: src", {"cwd": "src"}),
        ("scale: 0", {"scale": 0}),
        ("port: 8000", {"port": 8000}),
        ("ready: port", {"ready": Probe("port")}),
        ("ready: notify", {"ready": Probe("notify")}),
        ("ready: {port: 5432}", {"ready": Probe("port", port=5432)}),
        ("ready: {port: true, timeout: 5}", {"ready": Probe("port", timeout=5.0)}),
        ("ready: {notify: true, timeout: 1m}", {"ready": Probe("notify", timeout=60.0)}),
        (
            "ready: {http: /health, status: 204, port: 8080, interval: 500ms}",
            {"ready": Probe("http", "/health", 8080, 204, interval=0.5)},
        ),
        (r"ready: {log: 'up \w+'}", {"ready": Probe("log", r"up \w+")}),
        ("ready: {exec: pg_isready -q}", {"ready": Probe("exec", "pg_isready -q")}),
        ("ready: {file: tmp/up}", {"ready": Probe("file", "tmp/up")}),
        ("healthy: port", {"healthy": Probe("port", timeout=5.0)}),
        (
            "healthy: {http: /, failures: 5, interval: 30}",
            {"healthy": Probe("http", "/", timeout=5.0, interval=30.0, failures=5)},
        ),
        ("depends_on: db", {"depends_on": (Dependency("db"),)}),
        ("depends_on: [db, api:web]", {"depends_on": (Dependency("db"), Dependency("api:web"))}),
        (
            "depends_on: {db: ready, migrate: completed, api:web: started}",
            {
                "depends_on": (
                    Dependency("db", "ready"),
                    Dependency("migrate", "completed"),
                    Dependency("api:web", "started"),
                )
            },
        ),
        (
            "depends_on: {db: {condition: ready, restart: true}, x: {}}",
            {"depends_on": (Dependency("db", "ready", True), Dependency("x"))},
        ),
        *((f"restart: {policy}", {"restart": policy}) for policy in POLICIES),
        ("stop_signal: TERM", {"stop_signal": signal.SIGTERM}),
        ("stop_signal: SIGINT", {"stop_signal": signal.SIGINT}),
        ("stop_signal: 9", {"stop_signal": signal.SIGKILL}),
        ("stop_timeout: 0", {"stop_timeout": 0.0}),
        ("stop_timeout: 1.5", {"stop_timeout": 1.5}),
        ("stop_timeout: 1.5s", {"stop_timeout": 1.5}),
        ("stop_timeout: 250ms", {"stop_timeout": 0.25}),
        ("stop_timeout: 2m", {"stop_timeout": 120.0}),
        ("stop_timeout: 1h", {"stop_timeout": 3600.0}),
        ("stop_tree: false", {"stop_tree": False}),
        ("once: true", {"once": True}),
        ("pty: True", {"pty": True}),
        ("tty: false", {"tty": False}),
        ("shell: false", {"shell": False}),
        ("watch: src", {"watch": Watch(("src",))}),
        ("watch: [src, '*.py']", {"watch": Watch(("src", "*.py"))}),
        ("watch: []", {"watch": Watch(())}),
        (
            "watch: {paths: src, ignore: [a, b], debounce: 1s, signal: HUP, gitignore: false}",
            {"watch": Watch(("src",), ("a", "b"), 1.0, signal.SIGHUP, False)},
        ),
        ("log: false", {"log": False}),
        ("log: logs/web.log", {"log": "logs/web.log"}),
        ("colour: bright-cyan", {"colour": "bright-cyan"}),
        ("profiles: debug", {"profiles": ("debug",)}),
        ("profiles: [debug, all.of-it]", {"profiles": ("debug", "all.of-it")}),
        ("description: What it is.", {"description": "What it is."}),
        ("port:", {}),
        ("ready: null\n    port: ~", {}),
    ],
)
def test_a_setting_of_a_process(setting: str, expected: dict[str, object], tmp_path: Path) -> None:
    text = f"processes:\n  web:\n    {setting}\n"
    config = good(text, tmp_path)
    assert config.processes == {"web": ProcessSettings(**expected)}  # type: ignore[arg-type]
    assert config.processes["web"].said() == expected
    assert config == Config(processes=config.processes)


def test_every_setting_of_a_process_is_in_the_table_above() -> None:
    marks = [
        mark
        for mark in test_a_setting_of_a_process.pytestmark  # type: ignore[attr-defined]
        if mark.name == "parametrize"
    ]
    tested = {name for _, expected in marks[0].args[1] for name in expected}
    assert tested == set(ProcessSettings.fields)


def test_the_rest_of_the_file(tmp_path: Path) -> None:
    config = good(
        """\
        x-anything: [{a: 1}]
        processes:
          web:
          worker: {}
        defaults: {restart: never}
        groups:
          api: services/api
          all: {directory: "plugins/*", procfile: P, env_files: a, port: 7000, profiles: [x, y]}
        port: 5000
        port_step: 10
        env: {A: 1, B: null}
        env_files: [.env, .env.more]
        procfile: Procfile.dev
        watch_config: true
        """,
        tmp_path,
    )
    assert config == Config(
        processes={"web": ProcessSettings(), "worker": ProcessSettings()},
        defaults=ProcessSettings(restart="never"),
        groups={
            "api": GroupSettings("services/api"),
            "all": GroupSettings("plugins/*", "P", ("a",), 7000, ("x", "y")),
        },
        port=5000,
        port_step=10,
        env={"A": "1", "B": None},
        env_files=(".env", ".env.more"),
        procfile="Procfile.dev",
        watch_config=True,
    )
    assert config.files == (str(tmp_path / SHOWN),)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        # keys
        ("restrat: no", "4:5: unknown key 'restrat' (did you mean 'restart'?)"),
        ("color: red", "4:5: unknown key 'color' (did you mean 'colour'?)"),
        ("environment: {}", "4:5: unknown key 'environment' (did you mean 'env'?)"),
        ("Replicas: 2", "4:5: unknown key 'Replicas' (did you mean 'scale'?)"),
        ("KillMode: mixed", "4:5: unknown key 'KillMode' (did you mean 'stop_tree'?)"),
        ("zzzz: 2", "4:5: unknown key 'zzzz'"),
        ("liveness_probe: {}", "4:5: unknown key 'liveness_probe' (did you mean 'healthy'?)"),
        ("namespace: x", "4:5: unknown key 'namespace' (did you mean 'profiles'?)"),
        ("priority: 1", "4:5: unknown key 'priority' (did you mean 'depends_on'?)"),
        ("out_file: x", "4:5: unknown key 'out_file' (did you mean 'log'?)"),
        ("ExecStart: x", "4:5: unknown key 'ExecStart' (did you mean 'command'?)"),
        ("schedule: x", "4:5: unknown key 'schedule' (nothing here runs by the clock)"),
        (
            "shutdown: {signal: 2}",
            ("4:5: unknown key 'shutdown' (that is `stop_signal`, `stop_timeout` and `stop_tree`)"),
        ),
        (
            "disabled: true",
            "4:5: unknown key 'disabled' (`scale: 0` or `profiles` keeps it from running)",
        ),
        (
            "ready_log_line: up (80)",
            (
                "4:5: unknown key 'ready_log_line' "
                r"(`ready: {log: …}`, a regular expression: `\(` and `\.` for `(` and `.`)"
            ),
        ),
        ("volumes: [x]", "4:5: unknown key 'volumes' (gaffer runs commands, no containers)"),
        (
            "env: {A: 1}\n    env: {B: 1}",
            "5:5: 'env' is here twice, first in line 4 (only one of them can hold)",
        ),
        # text
        ("command: 5", '4:14: command is the text of a command, not 5 (in quotes it is text: "5")'),
        ("command: ' '", "4:14: command is the text of a command, not ' '"),
        ("command: [a, b]", "4:14: command is the text of a command, not a list"),
        ("command: {a: b}", "4:14: command is the text of a command, not a mapping"),
        ('command: "a\\0b"', "4:14: a character that no program can be given"),
        ("env: [A=1]", "4:10: env is a mapping, not a list (NAME: value, without the '-')"),
        ("env: {A: [1]}", "4:14: A is text, a number, true, false or null, not a list"),
        ("env: {A=B: 1}", "4:11: 'A=B' is not a variable's name (no '=' in it)"),
        ("env_files: [a, b, a]", "4:23: 'a' is in this list twice"),
        ("env_files: [a, null]", "4:20: env_files is a path, not nothing"),
        (
            "profiles: a b",
            "4:15: profiles is a name, not 'a b' (it has letters, digits, '-', '_' and '.')",
        ),
        # numbers
        ("port: '80'", "4:11: port is a number from 1 to 65535, not '80' (leave out the quotes)"),
        ("port: 80a", "4:11: port is a number from 1 to 65535, not '80a'"),
        ("port: 0", "4:11: port is a number from 1 to 65535, not 0"),
        ("port: 1.5", "4:11: port is a number from 1 to 65535, not 1.5"),
        ("port: .inf", "4:11: port is a number from 1 to 65535, not .inf"),
        ("port: .nan", "4:11: port is a number from 1 to 65535, not .nan"),
        ("port: true", "4:11: port is a number from 1 to 65535, not true"),
        ("scale: -1", "4:12: scale is a number from 0 to 1000, not -1"),
        ("once: yes", "4:11: once is true or false, not 'yes' (write true)"),
        ("once: 'false'", "4:11: once is true or false, not 'false'"),
        # times
        (
            "stop_timeout: 5 minutes",
            "4:19: stop_timeout is a time such as 10, 1.5, 500ms, 2s or 1m, not '5 minutes'",
        ),
        (
            "stop_timeout: -1",
            (
                "4:19: stop_timeout is a time such as 10, 1.5, 500ms, 2s or 1m, "
                "not -1 (from 0s to 24h)"
            ),
        ),
        (
            "stop_timeout: 25h",
            (
                "4:19: stop_timeout is a time such as 10, 1.5, 500ms, 2s or 1m, "
                "not '25h' (from 0s to 24h)"
            ),
        ),
        (
            "stop_timeout: .nan",
            (
                "4:19: stop_timeout is a time such as 10, 1.5, 500ms, 2s or 1m, "
                "not .nan (from 0s to 24h)"
            ),
        ),
        (
            "ready: {port: true, interval: 1ms}",
            (
                "4:35: interval is a time such as 10, 1.5, 500ms, "
                "2s or 1m, not '1ms' (from 0.01s to 24h)"
            ),
        ),
        # words
        (
            "restart: no",
            "4:14: restart is always, on-failure or never, not 'no' (did you mean 'never'?)",
        ),
        (
            "restart: false",
            "4:14: restart is always, on-failure or never, not false (did you mean 'never'?)",
        ),
        (
            "restart: on_failure",
            (
                "4:14: restart is always, on-failure or never, not 'on_failure' "
                "(did you mean 'on-failure'?)"
            ),
        ),
        ("restart: [never]", "4:14: restart is always, on-failure or never, not a list"),
        (
            "stop_signal: term",
            (
                "4:18: stop_signal is a signal such as TERM, SIGTERM or 15, "
                "not 'term' (did you mean 'TERM'?)"
            ),
        ),
        (
            "stop_signal: 99",
            (
                "4:18: stop_signal is a signal such as TERM, SIGTERM or 15, not 99 "
                "(this system has no such signal)"
            ),
        ),
        # probes
        ("ready: prot", "4:12: ready is port or notify, not 'prot' (did you mean 'port'?)"),
        (
            "ready: true",
            (
                "4:12: ready is port, notify, or a mapping with one of http, log, exec, "
                "file, notify, port, not true"
            ),
        ),
        (
            "ready: {http: health}",
            (
                "4:19: http is a path that begins with '/', not 'health' "
                "(port: names another port than the process's)"
            ),
        ),
        (
            "ready: {log: '('}",
            (
                "4:18: log is a regular expression, not '(' "
                "(missing ), unterminated subpattern at position 0)"
            ),
        ),
        (
            f"ready: {{log: {'a' * 1001}}}",
            f"4:18: log is a regular expression, not '{'a' * 39}…' (1000 characters at the most)",
        ),
        ("ready: {log: x, exec: y}", "4:21: 'exec' doesn't go with 'log'"),
        ("ready: {log: x, port: 5}", "4:21: 'port' doesn't go with 'log'"),
        ("ready: {port: false}", "4:19: port is true, not false (or leave it out)"),
        (
            "ready: {status: 200}",
            "4:12: ready doesn't say what to look at (one of http, log, exec, file, notify, port)",
        ),
        ("ready: {htp: /}", "4:13: unknown key 'htp' (did you mean 'http'?)"),
        (
            "ready: {url: /}",
            "4:13: unknown key 'url' (it needs one of http, log, exec, file, notify, port)",
        ),
        (
            "ready: {http: /, failures: 2}",
            "4:22: unknown key 'failures' (there is http, status, port, timeout, interval)",
        ),
        ("healthy: notify", "4:14: healthy is port, not 'notify' (there is port)"),
        # dependencies
        (
            "depends_on: {db: service_healthy}",
            (
                "4:22: db is ready, completed or started, "
                "not 'service_healthy' (did you mean 'ready'?)"
            ),
        ),
        (
            "depends_on: [a b]",
            (
                "4:18: depends_on is a process name, or group:name, not 'a b' "
                "(a name has letters, digits, '-' and '_')"
            ),
        ),
        ("depends_on: {a.b: ready}", "4:18: 'a.b' is not a process name, or group:name"),
        ("depends_on: [db, db]", "4:22: 'db' is in this list twice"),
        (
            "depends_on: {db: {conditon: ready}}",
            "4:23: unknown key 'conditon' (did you mean 'condition'?)",
        ),
        (
            "depends_on: {db: process_log_ready}",
            (
                "4:22: db is ready, completed or started, "
                "not 'process_log_ready' (did you mean 'ready'?)"
            ),
        ),
        # watch
        (
            "watch: {ignore: x}",
            (
                "4:12: 'watch' needs 'paths' (Files, directories and globs, "
                "relative to this file. An empty list: nothing is watched.)"
            ),
        ),
        ("watch: {path: x, paths: y}", "4:13: unknown key 'path' (did you mean 'paths'?)"),
        ("log: 5", "4:10: log is true, false or a path, not 5"),
        # tags
        ("env: {A: !!python/object/apply:os.system [x]}", None),
        ("command: !!python/name:os.system", None),
        ("port: !port 5", "4:11: the tag !port means nothing here (leave it out)"),
        ("port: !!int x", None),
    ],
)
def test_a_mistake(setting: str, expected: str | None, tmp_path: Path) -> None:
    problems = said(f"processes:\n  web:\n    description: x\n    {setting}\n", tmp_path)
    if expected is None:
        assert len(problems) >= 1
    else:
        assert problems == [f"{SHOWN}:{expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processes: [web]", [("1:12: processes is a mapping, not a list "
         "(NAME: value, without the '-')")]),
        ("processes: {a.b: {}}", [("1:13: 'a.b' is not a process name "
         "(letters, digits, '-' and '_')")]),
        ("processes: {web: sleep 100}", [("1:18: web is a mapping of its settings "
         "(command, env, env_files …), not 'sleep 100' (write `command: sleep 100`)")]),
        ("processes: {web: [x]}", [("1:18: web is a mapping of its settings "
         "(command, env, env_files …), not a list")]),
        ("services: {}", ["1:1: unknown key 'services' (did you mean 'processes'?)"]),
        ("vars: {A: 1}", ["1:1: unknown key 'vars' (did you mean 'env'?)"]),
        ("shell: {a: b}", ["1:1: unknown key 'shell' (each process has a `shell` of its own)"]),
        ("networks: {a: {}}", ["1:1: unknown key 'networks' (gaffer runs commands, no containers)"]),
        ("log_configuration: {a: 1}", [("1:1: unknown key 'log_configuration' "
         "(`gaffer start --log-dir DIR` keeps logs)")]),
        ("web: {command: x}", ["1:1: unknown key 'web' (processes stand below 'processes:')"]),
        ("groups: {api: null}", [("1:15: api is a directory, or a mapping with directory, "
         "not nothing")]),
        ("groups: {api: {port: 1}}", [("1:15: 'api' needs 'directory' (Where it is. A glob "
         "(services/*): each one that has a Procfile or a gaffer.yaml.)")]),
        ("groups: {'a:b': x}", [("1:10: 'a:b' is not a group's name "
         "(letters, digits, '-', '_' and '.')")]),
        ("port: x\nprot: 1\nenv: 5\n", [
            "1:7: port is a number from 1 to 65535, not 'x'",
            "2:1: unknown key 'prot' (did you mean 'port'?)",
            "3:6: env is a mapping, not 5",
        ]),
    ],
)  # fmt: skip
def test_mistakes_of_the_file(text: str, expected: list[str], tmp_path: Path) -> None:
    assert said(text, tmp_path) == [f"{SHOWN}:{line}" for line in expected]


def test_what_is_right_is_read_in_spite_of_what_is_wrong(tmp_path: Path) -> None:
    config, problems = read_text(
        "processes: {web: {command: x, port: y}, a.b: {}}\nport: 5000\n", tmp_path
    )
    assert config.processes == {"web": ProcessSettings(command="x")}
    assert config.port == 5000
    assert [(problem.line, problem.column) for problem in problems] == [(1, 37), (1, 41)]
    assert {problem.severity for problem in problems} == {"error"}


def test_the_problems_past_a_hundred_are_counted(tmp_path: Path) -> None:
    problems = said("".join(f"key{number}: 1\n" for number in range(250)), tmp_path)
    assert len(problems) == 101
    assert problems[-1] == f"{SHOWN}: 150 more problems are not shown"


def test_settings_are_immutable_and_complete() -> None:
    probe = Probe("http", "/", status=200)
    with pytest.raises(AttributeError, match="immutable"):
        probe.status = 404  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        del probe.status
    with pytest.raises(TypeError, match="no colour"):
        Probe("http", colour="red")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="needs kind"):
        Probe()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="target twice"):
        Probe("http", "/", target="/")  # type: ignore[misc]
    with pytest.raises(TypeError, match="at the most"):
        Dependency("a", "ready", False, 1)  # type: ignore[call-arg]
    assert repr(probe) == "Probe(kind='http', target='/', status=200)"
    assert probe == Probe("http", "/", None, 200)
    assert probe != Probe("http", "/")
    assert probe != "http"


def test_what_is_read_cannot_be_changed(tmp_path: Path) -> None:
    config = good("processes: {web: {env: {A: 1}}}\nenv: {B: 1}\n", tmp_path)
    for mapping in (config.processes, config.processes["web"].env, config.env, Config().groups):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]


def test_defaults_hold_where_nothing_is_said(tmp_path: Path) -> None:
    config = good(
        """\
        defaults: {pty: true, scale: 2, env: {A: 1, B: 1}}
        processes:
          web: {pty: false, env: {B: 2, C: null}}
          worker: {scale: null}
        """,
        tmp_path,
    )
    assert over(config.processes["web"], config.defaults) == ProcessSettings(
        pty=False, scale=2, env={"A": "1", "B": "2", "C": None}
    )
    assert over(config.processes["worker"], config.defaults) == config.defaults
    assert over(ProcessSettings(port=1), ProcessSettings(port=2, once=True)) == ProcessSettings(
        port=1, once=True
    )


def test_each_setting_knows_where_it_stands(tmp_path: Path) -> None:
    config = good(
        """\
        defaults:
          env: {LEVEL: info}
        processes:
          web:
            env:
              A: 1
            ready:
              http: /
            depends_on: [db,
              cache]
          db: {depends_on: x}
        """,
        tmp_path,
    )
    web = ("processes", "web")
    assert str(config.place((*web, "env", "A"))) == "gaffer.yaml:6"
    assert str(config.place((*web, "env", "LEVEL"))) == "gaffer.yaml:2"
    assert str(config.place((*web, "ready", "http"))) == "gaffer.yaml:8"
    assert str(config.place((*web, "depends_on", "cache"))) == "gaffer.yaml:10"
    assert str(config.place(("processes", "db", "depends_on", "x"))) == "gaffer.yaml:11"
    assert config.place((*web, "port")) is None
    problem = config.problem((*web, "depends_on", "cache"), "no such process", "add it")
    assert str(problem) == "gaffer.yaml:10:7: no such process (add it)"
    assert str(config.problem(("port",), "taken")) == "gaffer.yaml:1:1: taken"
    assert str(Config().problem(("port",), "taken")) == "taken"
