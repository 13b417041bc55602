"""A table for a terminal: aligned, within its width, coloured where wanted."""

from __future__ import annotations

from ..output.columns import shortened, width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "
SHORTEST = 8  # columns that a first cell keeps
BOLD, GREEN, YELLOW, RED = "1", "32", "33", "31"


class Column:
    """A heading, and on which side its cells are aligned."""

    __slots__ = ("heading", "is_right")

    def __init__(self, heading: str, *, is_right: bool = False) -> None:
        self.heading = heading
        self.is_right = is_right


class Cell:
    """A text and its colour (an SGR code), if it has one."""

    __slots__ = ("colour", "text")

    def __init__(self, text: str, colour: str | None = None) -> None:
        self.text = text
        self.colour = colour


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    width: int | None = None,
    colour: bool = False,
) -> list[str]:
    """Its lines, the headings first. The first column is cut where `width` is too narrow."""
    widths = [
        max([len(column.heading), *(width_of(row[index].text) for row in rows)])
        for index, column in enumerate(columns)
    ]
    if width is not None:
        surplus = sum(widths) + len(GAP) * (len(widths) - 1) - width
        widths[0] = max(min(SHORTEST, widths[0]), widths[0] - max(0, surplus))
    heading = [Cell(column.heading, BOLD) for column in columns]
    return [_line(row, columns, widths, colour) for row in (heading, *rows)]


def _line(
    cells: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int], colour: bool
) -> str:
    parts = []
    last = len(cells) - 1
    for index, (cell, column, width) in enumerate(zip(cells, columns, widths)):  # noqa: B905
        text = shortened(cell.text, width)
        padding = " " * (width - width_of(text))
        if colour and cell.colour is not None:
            text = f"\x1b[{cell.colour}m{text}\x1b[0m"
        if column.is_right:
            parts.append(padding + text)
        else:
            parts.append(text if index == last else text + padding)
    return GAP.join(parts)
