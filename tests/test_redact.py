"""Redaction: no secret gets out, however it is written, and nothing else is changed."""

from __future__ import annotations

import base64
import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from output_model import pieces

from gaffer_procfile.output.redact import MASK, Redactor, is_secret, secrets, url_passwords


def redacted(parts: list[bytes], hidden: list[bytes]) -> bytes:
    redactor = Redactor(hidden)
    return b"".join([redactor.feed(part) for part in parts]) + redactor.end()


NAMES = {
    "PASSWORD": True,
    "DB_PASSWORD": True,
    "db_password": True,
    "GITHUB_TOKEN": True,
    "AWS_SECRET_ACCESS_KEY": True,
    "STRIPE_KEY": True,
    "API_KEY": True,
    "APIKEY": True,
    "SENTRY_DSN": True,
    "SLACK_WEBHOOK": True,
    "KEYBOARD": False,
    "MONKEY": False,
    "PASSENGERS": False,
    "AUTHOR": False,
    "PATH": False,
    "PORT": False,
    "DEBUG": False,
    "": False,
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_which_names_are_secret(name: str, expected: bool) -> None:
    assert is_secret(name) == expected
    assert is_secret(name, [name])


def test_the_values_longest_first_and_each_line_of_them() -> None:
    values = {"A_KEY": "abcd", "B_TOKEN": "line-one\nline-two", "PIN_KEY": "123", "NAME": "plain"}
    assert secrets(values) == [b"line-one\nline-two", b"line-one", b"line-two", b"abcd"]
    assert secrets(values, ["NAME"])[-2:] == [b"plain", b"abcd"]
    assert secrets({}) == []


URLS = {
    "postgres://shop:hunter22@db:5432/shop": ["hunter22"],
    "redis://:hunter22@cache/0": ["hunter22"],
    "postgresql+psycopg://shop:p%40ss%3Aword@db/shop": ["p%40ss%3Aword", "p@ss:word"],
    "amqp://a:one:two@mq": ["one:two"],
    "mongodb://a:p@ss@one,two/db": ["p@ss"],
    "redis://:first@a,redis://:second@b": ["second", "first"],
    "host=db url=https://a:hunter22@b?x=y://c:d@e": ["hunter22"],
    "postgres://postgres:postgres@localhost/shop": [":postgres@"],
    "redis://a:redis@localhost": [":redis@"],
    "https://a:b@c": [],  # too short
    "http://localhost:8000/@vite": [],
    "ssh://git@github.com/shop": [],
    "postgres://db:5432/shop?user=a@b": [],
    "a:b@c": [],
    "": [],
}


@pytest.mark.parametrize(("value", "expected"), URLS.items())
def test_the_password_of_a_url(value: str, expected: list[str]) -> None:
    assert secrets({"DATABASE_URL": value}) == [it.encode() for it in expected]


def test_the_password_of_a_url_in_a_secret_alone_too() -> None:
    dsn = "https://public:hunter22@sentry"
    assert secrets({"SENTRY_DSN": dsn}) == [dsn.encode(), b"hunter22"]


@given(st.text(max_size=40) | st.text("a:/@?# ", max_size=40))
@settings(max_examples=500, deadline=None)
def test_no_value_is_too_strange(value: str) -> None:
    for secret in secrets({"URL": f"x://u:{value}@h"}):
        assert len(secret) >= 4


def test_a_long_value_without_a_url_takes_no_time() -> None:
    start = time.monotonic()
    assert url_passwords("ab12" * 25_000) == set()
    assert url_passwords("ab12" * 25_000 + "://user:secret@host") == {"secret"}
    assert url_passwords("://:" * 10_000) == set()
    assert time.monotonic() - start < 1


def test_a_secret_in_two_reads() -> None:
    redactor = Redactor([b"hunter22"])
    assert redactor.feed(b"password is hunt") == b"password is "
    assert redactor.feed(b"er22, or hunt") == MASK + b", or "
    assert redactor.feed(b"ing") == b"hunting"
    assert redactor.end() == b""


def test_what_is_kept_back_comes_at_the_end() -> None:
    redactor = Redactor([b"hunter22"])
    redactor.feed(b"hunter2")
    assert redactor.end() == b"hunter2"


# Of few letters, so that they overlap, and begin and end alike.
SECRETS = st.lists(st.text("abc", min_size=2, max_size=5).map(str.encode), min_size=1, max_size=4)
TEXT = st.text("abcd\n", max_size=40).map(str.encode)


@given(TEXT, SECRETS, st.lists(st.integers(0, 60), max_size=10))
@settings(max_examples=1500, deadline=None)
def test_no_secret_gets_out_in_any_reads_and_all_else_does(
    text: bytes, hidden: list[bytes], cuts: list[int]
) -> None:
    hidden = sorted(set(hidden), key=len, reverse=True)
    shown = redacted(list(pieces(text, cuts)), hidden)
    for part in shown.split(MASK):
        assert not any(secret in part for secret in hidden)
    # What is shown is the text, with something in the place of each mask.
    wanted = b"[abc]+".join(map(re.escape, shown.split(MASK)))
    assert re.fullmatch(wanted, text)
    if not any(secret in text for secret in hidden):
        assert shown == text


@given(TEXT, SECRETS, st.lists(st.integers(0, 60), max_size=10))
@settings(max_examples=700, deadline=None)
def test_any_reads_give_the_same_text(text: bytes, hidden: list[bytes], cuts: list[int]) -> None:
    hidden = sorted(set(hidden), key=len, reverse=True)
    assert redacted(list(pieces(text, cuts)), hidden) == redacted([text], hidden)


def test_a_secret_of_several_lines_is_hidden_whole_and_line_by_line() -> None:
    hidden = secrets({"KEY": "first line\nsecond line"})
    assert redacted([b"first line\nsecond line\n"], hidden) == MASK + b"\n"
    assert redacted([b"second line"], hidden) == MASK


def test_a_key_of_many_lines_does_not_make_a_flood_slow() -> None:
    text = random.Random(7).randbytes(12_000)
    key = b"\n".join(base64.b64encode(text[at : at + 48]) for at in range(0, len(text), 48))
    redactor = Redactor(secrets({"KEY": key.decode()}))
    chunk = base64.b64encode(random.Random(8).randbytes(48_000))
    start = time.monotonic()
    for _ in range(50):
        redactor.feed(chunk)
    assert time.monotonic() - start < 1


def test_a_long_secret_does_not_make_many_reads_slow() -> None:
    redactor = Redactor([b"a" * 4000 + b"b"])
    start = time.monotonic()
    for _ in range(2000):
        redactor.feed(b"a" * 10)
    assert time.monotonic() - start < 3
