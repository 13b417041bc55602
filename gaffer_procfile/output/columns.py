"""How many columns of a terminal a text takes, and texts of so many."""

from __future__ import annotations


def width_of(text: str) -> int:
    """The columns that `text` takes: a wide character (of East Asia, an emoji) takes two."""
    if text.isascii():
        return len(text)
    import unicodedata  # hardly any name needs it

    return sum(
        2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
        if unicodedata.category(each) not in ("Mn", "Me", "Cf")  # on the one before, or invisible
    )


def padded(text: str, width: int) -> str:
    """`text` with as many spaces behind it as it takes to be so wide."""
    return text + " " * (width - width_of(text))


def shortened(text: str, width: int) -> str:
    """`text` if it isn't wider, else its beginning and an ellipsis."""
    if width_of(text) <= width:
        return text
    end = len(text)
    while width_of(text[:end]) > width - 1:
        end -= 1
    return f"{text[:end]}…"
