"""The table: rows, goals, and whether they were reached."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.measure import Comparison

COLUMNS = ("figure", "ours", "peer", "ratio", "goal", "")
SIGNS = {"≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True)
class Goal:
    """A bound on the ratio (ours / peer), or on our own figure in the row's unit."""

    of: Literal["ratio", "ours"]
    sign: Literal["≤", "≥"]
    limit: float

    def reached_by(self, measured: Comparison) -> bool:
        value = measured.ratio if self.of == "ratio" else measured.ours
        assert value is not None, "a goal for a ratio without a peer"
        reached: bool = SIGNS[self.sign](value, self.limit)
        return reached


@dataclass(frozen=True)
class Row:
    """One figure of the table. `peer` names the one compared with, `unit` that of both figures.

    A row without a goal is there to be read.
    """

    figure: str
    peer: str
    unit: str
    measured: Comparison
    goal: Goal | None = None

    @property
    def ok(self) -> bool:
        return self.goal is None or self.goal.reached_by(self.measured)

    def cells(self) -> tuple[str, ...]:
        ours, peer, ratio = self.measured.ours, self.measured.peer, self.measured.ratio
        return (
            self.figure,
            f"{ours:.2f} {self.unit}",
            "" if peer is None else f"{peer:.2f} {self.unit} ({self.peer})",
            "" if ratio is None else f"{ratio:.2f}",
            *self._verdict(),
        )

    def _verdict(self) -> tuple[str, str]:
        if self.goal is None:
            return "", ""
        unit = f" {self.unit}" if self.goal.of == "ours" else ""
        return (
            f"{self.goal.of} {self.goal.sign} {self.goal.limit:g}{unit}",
            "ok" if self.ok else "missed",
        )


def table(rows: Sequence[Row]) -> str:
    """The rows under their headings, in columns as wide as their widest cell."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
