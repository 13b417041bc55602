"""`gaffer schema`: the JSON Schema of gaffer.yaml, for editors."""

from __future__ import annotations

from ..config.json_schema import text
from .parser import parser
from .streams import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = """\
Print the JSON Schema of gaffer.yaml (draft 2020-12). An editor that is given it completes
keys, explains them, and marks mistakes while they are typed."""

EPILOG = """\
example:
  gaffer schema > .gaffer.schema.json

and at the top of gaffer.yaml, for editors that have the YAML language server:
  # yaml-language-server: $schema=.gaffer.schema.json"""


def run(argv: Sequence[str]) -> int:
    made = parser("schema", (), usage="[OPTIONS]", description=DESCRIPTION, epilog=EPILOG)
    made.parse_args(argv)
    show(text())
    return 0
