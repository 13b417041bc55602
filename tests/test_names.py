from __future__ import annotations

import pytest

from gaffer_procfile.errors import UnknownProcessError
from gaffer_procfile.planning.names import Names

NAMES = Names(["api:web", "api:worker", "site:web", "shop:clock"])


@pytest.mark.parametrize(
    ("full", "short"),
    [("api:web", "api:web"), ("api:worker", "worker"), ("shop:clock", "clock")],
)
def test_as_short_as_it_is_clear(full: str, short: str) -> None:
    assert NAMES.short(full) == short
    assert NAMES.display(full, 2) == f"{short}.2"
    assert NAMES.find(short) == [full]
    assert NAMES.find(full) == [full]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("api", ["api:web", "api:worker"]),
        ("api:*", ["api:web", "api:worker"]),
        ("*:web", ["api:web", "site:web"]),
        ("w*", ["api:web", "api:worker", "site:web"]),
        ("w[eo]*er", ["api:worker"]),
        ("s*:*", ["site:web", "shop:clock"]),
    ],
)
def test_groups_and_patterns(word: str, found: list[str]) -> None:
    assert NAMES.find(word) == found


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("wroker", "unknown process 'wroker' (did you mean 'worker'?)"),
        ("api:clock", "unknown process 'api:clock' (did you mean 'clock'?)"),
        ("x*", "unknown process 'x*' (there is api:web, worker, site:web, clock, api, site, shop)"),
        (
            "web",
            "there are several processes 'web' (api:web or site:web; '*:web' is all of them)",
        ),
        ("", "unknown process ''"),
    ],
)
def test_what_is_none_or_too_short(word: str, message: str) -> None:
    with pytest.raises(UnknownProcessError) as refused:
        NAMES.find(word)
    assert str(refused.value).startswith(message)


def test_a_name_with_a_patterns_characters_is_a_name_first() -> None:
    names = Names(["[z]:web", "z:web", "z:job", "x*:job"])
    assert names.find("[z]") == ["[z]:web"]
    assert names.find("[z]:web") == ["[z]:web"]
    assert names.find("[z]:*") == ["z:web", "z:job"]
    assert names.find("x*") == ["x*:job"]
    assert names.find_instances("[z].1") == (["[z]:web"], 1)


def test_a_process_comes_before_a_group_of_its_name() -> None:
    names = Names(["web:web", "web:worker"])
    assert names.find("web") == ["web:web"]
    assert names.known() == ["web", "worker"]  # one group needs no name


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("worker", (["api:worker"], None)),
        ("worker.2", (["api:worker"], 2)),
        ("worker.*", (["api:worker"], None)),
        ("*:web.1", (["api:web", "site:web", "my.site:web"], 1)),
        ("api.1", (["api:web", "api:worker"], 1)),
        ("my.site:web", (["my.site:web"], None)),
        ("my.site:web.3", (["my.site:web"], 3)),
        ("my.site", (["my.site:web"], None)),
        ("v1.2", (["v1.2:job"], None)),
        ("v1.2.2", (["v1.2:job"], 2)),
    ],
)
def test_instances(word: str, found: tuple[list[str], int | None]) -> None:
    names = Names(["api:web", "api:worker", "site:web", "my.site:web", "v1.2:job"])
    assert names.find_instances(word) == found


@pytest.mark.parametrize("word", ["worker.x", "worker.", ".2", "wroker.2", f"worker.{'9' * 5000}"])
def test_no_instance(word: str) -> None:
    with pytest.raises(UnknownProcessError):
        NAMES.find_instances(word)
