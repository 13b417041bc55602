"""mutations.py: whether its mistakes can still be put back. That they are noticed, it shows itself."""

from __future__ import annotations

import importlib

import pytest
from mutations import MUTATIONS, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mistake_has_its_place_and_its_test(mutation: Mutation) -> None:
    for file, old, new in mutation.edits:
        text = (ROOT / "gaffer_procfile" / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file}:\n{old}"
        assert new != old
    assert callable(
        getattr(importlib.import_module(mutation.file.removesuffix(".py")), mutation.test)
    )
