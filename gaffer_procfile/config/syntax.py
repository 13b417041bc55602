"""What PyYAML says of text that isn't YAML, in plain words."""

from __future__ import annotations

from .problems import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What libyaml says, in words that help. Found by their beginning.
_PLAIN_WORDS = {
    "found character that cannot start any token": (
        "a character that can't stand here",
        "quote the text if it is meant to begin so",
    ),
    "mapping values are not allowed in this context": (
        "a ':' that can't stand here",
        "quote text that has ': ' in it, and look at the spaces before the key",
    ),
    "could not find expected ':'": (
        "a line that is neither 'key: value' nor '- item'",
        "is there a ':' missing, in this line or the one before?",
    ),
    "did not find expected key": (
        "no key where one is expected",
        "do the spaces before it match those of its neighbours?",
    ),
    "did not find expected '-' indicator": (
        "no '-' where the next item is expected",
        "do the spaces before it match those of its neighbours?",
    ),
    "did not find expected node content": ("something is missing here", None),
    "found unexpected end of stream": ("a quote that is never closed", None),
    "exceeded maximum nesting depth": ("too deep, this is no gaffer.yaml", None),
}
_TAB = ("a tab where YAML wants spaces", "indent with spaces")


def plain_error(error: Any, text: str, file: str) -> ConfigError:
    """PyYAML's error as ours: one line, with the place and a hint where there is one."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable_character(text, file)
    problem: str = error.problem or "it can't be read"
    message, hint = problem, None
    lines = text.split("\n")
    before = lines[mark.line][: mark.column + 1] if mark.line < len(lines) else ""
    for known, words in _PLAIN_WORDS.items():
        if problem.startswith(known):
            message, hint = words
    # A tab is complained about where it stands, or at what it has shifted.
    if "\t" in before and before.strip(" \t-") in ("", before.strip()[:1]):
        message, hint = _TAB
    context_mark = getattr(error, "context_mark", None)
    if error.context and context_mark is not None and context_mark.line != mark.line:
        message += f", {error.context} of line {context_mark.line + 1}"
    return ConfigError(
        f"not valid YAML: {message}",
        file=file,
        line=mark.line + 1,
        column=mark.column + 1,
        hint=hint,
    )


def _unreadable_character(text: str, file: str) -> ConfigError:
    for index, character in enumerate(text):
        if not (character.isprintable() or character in "\t\n\r\x85\xa0\ufeff") or (
            character in "\ufffe\uffff"
        ):
            line_start = text.rfind("\n", 0, index) + 1
            name = "NUL" if character == "\0" else f"U+{ord(character):04X}"
            return ConfigError(
                f"not valid YAML: the control character {name}",
                file=file,
                line=text.count("\n", 0, index) + 1,
                column=index - line_start + 1,
            )
    return ConfigError("not valid YAML: it can't be read", file=file)
