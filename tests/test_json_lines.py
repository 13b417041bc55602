"""The output as JSON: every line an object, without loss."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from output_model import pieces, raw_lines

from gaffer_procfile.output.json_lines import JsonLines
from gaffer_procfile.output.lines import BOUND
from gaffer_procfile.output.source import Source

SOURCE = Source("web.1", "shop:web", 1, 4711, "stderr")


def objects(parts: list[bytes]) -> list[dict[str, Any]]:
    written: list[bytes] = []
    stream = JsonLines(written.append).open(SOURCE)
    for part in parts:
        stream.feed(part)
    stream.end()
    return [json.loads(line) for line in b"".join(written).decode().split("\n")[:-1]]


def line_of(value: dict[str, Any]) -> bytes:
    if "line_base64" in value:
        return base64.b64decode(value["line_base64"])
    text: str = value["line"]
    return text.encode()


def test_an_object_has_all_that_is_known() -> None:
    [value] = objects([b"hello\n"])
    when = datetime.fromisoformat(value.pop("time"))
    assert abs(datetime.now(when.tzinfo) - when) < timedelta(seconds=10)
    assert when.tzinfo is not None
    assert value == {
        "process": "web.1",
        "group": "shop",
        "stream": "stderr",
        "pid": 4711,
        "line": "hello",
    }


def test_escapes_and_returns_are_kept() -> None:
    assert [value["line"] for value in objects([b"\x1b[31m10%\r20%\r\n"])] == ["\x1b[31m10%\r20%\r"]


def test_what_is_not_utf8_comes_twice() -> None:
    [value] = objects([b"a\xff\n"])
    assert value["line"] == "a\N{REPLACEMENT CHARACTER}"
    assert base64.b64decode(value["line_base64"]) == b"a\xff"


def test_a_long_line_is_cut_and_says_so() -> None:
    values = objects([b"x" * 100_000] * 6 + [b"\n", b"next\n"])
    assert [value.get("partial", False) for value in values] == [True, True, False, False]
    assert sum(len(value["line"]) for value in values[:-1]) == 600_000
    assert all(len(value["line"]) <= BOUND + 100_000 for value in values)


def test_an_event_has_its_kind_and_its_details() -> None:
    written: list[bytes] = []
    JsonLines(written.append).say("web.1 \udcff exited", "exit", {"exit_status": 3})
    value = json.loads(b"".join(written))
    assert datetime.fromisoformat(value.pop("time")).tzinfo is not None
    assert value == {"event": "exit", "message": "web.1 \udcff exited", "exit_status": 3}


@given(
    st.binary(max_size=60) | st.text('aé\n\r\u2028\0"\\', max_size=40).map(str.encode),
    st.lists(st.integers(0, 60), max_size=8),
)
@settings(max_examples=1000, deadline=None)
def test_no_byte_is_lost_in_any_reads(data: bytes, cuts: list[int]) -> None:
    assert [line_of(value) for value in objects(list(pieces(data, cuts)))] == raw_lines(data)
