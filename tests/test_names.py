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


def test_a_process_comes_before_a_group_of_its_name() -> None:
    names = Names(["web:web", "web:worker"])
    assert names.find("web") == ["web:web"]
    assert names.known() == ["web", "worker"]  # one group needs no name
