"""`--redact`: the secrets of .env are nowhere in what comes out."""

from __future__ import annotations

import pytest
from cli import MakeProject
from cli import project as project

ENV = 'DB_PASSWORD=hunter-22\nPLAIN=visible-1\nKEY="line-one\\nline-two"\n'
PROCFILE = (
    "web: printf 'a hunter'; sleep 0.2; printf -- '-22 b\\n'; echo $DB_PASSWORD $PLAIN >&2; "
    'echo "$KEY"; exec hunter-22-is-no-command 2>/dev/null\n'
)


@pytest.mark.parametrize("args", [[], ["--json"], ["--raw"], ["--no-prefix"], ["--pty"]])
def test_it_is_nowhere(project: MakeProject, args: list[str]) -> None:
    made = project({"Procfile": PROCFILE, ".env": ENV})
    result = made.run("start", "--redact", "--log-dir", "log", *args)
    files = [path.read_bytes() for path in made.path("log").iterdir()]
    assert len(files) == 2
    for data in [result.raw, result.stderr.encode(), *files]:
        for secret in (b"hunter-22", b"line-one", b"line-two"):
            assert secret not in data
    assert b"visible-1" in result.raw
    assert b"a [redacted] b" in result.raw


def test_the_password_of_a_url_but_not_the_rest_of_it(project: MakeProject) -> None:
    url = "postgres://shop:hunter-22@db/shop"
    made = project({"Procfile": "web: echo at $DATABASE_URL\n", ".env": f"DATABASE_URL={url}\n"})
    result = made.run("start", "--redact", "-q", "--no-prefix")
    assert result.stdout == "at postgres://shop:[redacted]@db/shop\n"


def test_more_by_name(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo $PLAIN $DB_PASSWORD\n", ".env": ENV})
    result = made.run("start", "--redact-also", "PLAIN", "-q", "--no-prefix")
    assert result.stdout == "[redacted] [redacted]\n"


def test_off_by_default(project: MakeProject) -> None:
    made = project({"Procfile": "web: echo $DB_PASSWORD\n", ".env": ENV})
    assert made.run("start", "-q", "--no-prefix").stdout == "hunter-22\n"
