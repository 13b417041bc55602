from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_procfile import formation
from gaffer_procfile.errors import FormationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("web=2", {"web": 2}),
        ("web=2,worker=0", {"web": 2, "worker": 0}),
        (" web = 2 , all = 1 ,", {"web": 2, "all": 1}),
    ],
)
def test_parse(text: str, expected: dict[str, int]) -> None:
    assert formation.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web", "'web' is not name=number"),
        ("=2", "'=2' is not name=number"),
        ("web=", "web=: not a number"),
        ("web=-1", "web=-1: not a number from 0 up"),
        ("web=two", "web=two: not a number"),
        ("web=1.5", "web=1.5: not a number"),
        ("web=1_0", "web=1_0: not a number"),
        ("web=٣", "web=٣: not a number"),
        ("web=" + "9" * 5000, "not a number"),
        ("web=65536", "web=65536: there are only 65535 ports"),
        ("all=999999999999", "all=999999999999: there are only 65535 ports"),
        ("web=1,web=2", "'web' is in the formation twice"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    with pytest.raises(FormationError) as refused:
        formation.parse(text)
    assert message in str(refused.value)


def test_ports_are_a_step_apart_in_order() -> None:
    instances = {"web": 2, "worker": 0, "clock": 1}
    assert formation.ports(5000, 100, instances) == {"web": 5000, "worker": 5100, "clock": 5200}


@pytest.mark.parametrize(
    ("base", "step", "instances", "message"),
    [
        (5000, 1, {"web": 2, "worker": 1}, r"web=2 reaches port 5001, which is worker's \(.*2 "),
        (5000, 10, {"a": 25, "b": 0, "c": 1}, r"a=25 reaches port 5020, which is c's \(.*25 "),
        (65500, 100, {"web": 1, "worker": 1}, "worker would get port 65600, past 65535"),
        (65535, 100, {"web": 2}, "web would get port 65536"),
        (5000, 0, {"web": 1}, "a port step of 0 is too small"),
        (5000, -5, {"web": 1}, "a port step of -5 is too small"),
    ],
)
def test_ports_refuse(base: int, step: int, instances: dict[str, int], message: str) -> None:
    with pytest.raises(FormationError, match=message):
        formation.ports(base, step, instances)


def test_the_last_entry_runs_into_nobody() -> None:
    assert formation.ports(5000, 1, {"web": 1, "worker": 50}) == {"web": 5000, "worker": 5001}
    assert formation.ports(5000, 1, {"web": 50, "worker": 0}) == {"web": 5000, "worker": 5001}


def test_a_thousand_entries_need_a_small_step() -> None:
    instances = {f"p{n}": 1 for n in range(1000)}
    assert formation.ports(5000, 10, instances)["p999"] == 14_990
    with pytest.raises(FormationError, match="--port-step"):
        formation.ports(5000, 100, instances)


@given(
    st.integers(1, 65535),
    st.integers(-1, 300),
    st.lists(st.integers(0, 300), min_size=1, max_size=20),
)
def test_no_two_get_the_same_port(base: int, step: int, counts: list[int]) -> None:
    instances = {f"p{n}": count for n, count in enumerate(counts)}
    try:
        first = formation.ports(base, step, instances)
    except FormationError:
        taken = [base + n * step + i for n, count in enumerate(counts) for i in range(count)]
        firsts = [base + n * step for n in range(len(counts))]
        assert step < 1 or len(set(taken)) < len(taken) or max(taken + firsts) > 65535
        return
    given_out = [first[name] + i for name, count in instances.items() for i in range(count)]
    assert len(set(given_out)) == len(given_out)
    assert all(1 <= port <= 65535 for port in given_out)


def test_fixed_ports_move_nobody() -> None:
    instances = {"web": 1, "db": 2, "clock": 1}
    ports = formation.ports(5000, 100, instances, {"db": 6000})
    assert ports == {"web": 5000, "db": 6000, "clock": 5200}
    with pytest.raises(FormationError, match="db would get port 65536"):
        formation.ports(5000, 100, instances, {"db": 65535})


def test_overlap() -> None:
    assert formation.overlap([("web", 5000, 100), ("db", 5100, 1)]) is None
    assert formation.overlap([("web", 5000, 2), ("api", 5001, 1)]) == ("web", "api", 5001)


def test_parse_port() -> None:
    assert formation.parse_port(" 8000 ", "-p") == 8000
    for text in ["", "0", "-1", "65536", "http", "8e3", "9" * 5000]:
        with pytest.raises(FormationError) as refused:
            formation.parse_port(text, ".env:2")
        assert str(refused.value).startswith(f".env:2: {text!r} is not a port")


@given(st.text())
def test_no_text_gives_anything_but_a_formation_error(text: str) -> None:
    with contextlib.suppress(FormationError):
        assert min(formation.parse(text).values(), default=0) >= 0
    with contextlib.suppress(FormationError):
        assert 1 <= formation.parse_port(text, "-p") <= 65535


def test_port_variables_clash() -> None:
    assert formation.port_variable("web-2") == "GAFFER_PORT_WEB_2"
    names = ["web-2", "web", "web_2", "WEB-2"]
    assert formation.clashes(names) == [("web-2", "web_2"), ("web-2", "WEB-2")]
