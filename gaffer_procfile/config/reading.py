"""Finds and reads a gaffer.yaml, and the gaffer.local.yaml beside it on top.

How the two are merged, before anything is read into settings: mappings key by key, everything else
is replaced; null takes back what was said. Probes and `watch` are replaced as a whole.
"""

from __future__ import annotations

import os
import stat

from ..errors import unreadable
from .kinds import UNREAD, Reading
from .nodes import MAPPING, NULL, Node, compose
from .problems import ConfigError, Problems
from .settings import CONFIG, Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .kinds import Kind

NAMES = ("gaffer.yaml", "gaffer.yml")
LOCAL_NAMES = ("gaffer.local.yaml", "gaffer.local.yml")

LARGEST = 512 * 1024  # bytes


def find(directory: str) -> str | None:
    """The name of the file to read in `directory`, or None. ConfigError if there are two.

    Where there is no gaffer.yaml, it is the gaffer.local.yaml, if there is one.
    """
    return _find(directory, NAMES) or _find(directory, LOCAL_NAMES)


def read(path: str, shown_as: str | None = None) -> tuple[Config, list[ConfigError]]:
    """The settings of the file at `path`, called `shown_as` in messages, and all that is wrong.

    A gaffer.local.yaml beside it is on top. Raises nothing: what can't be read is left out.
    """
    shown = shown_as if shown_as is not None else path
    problems = Problems()
    root = _root(path, shown, problems, may_be_empty=False)
    files = [path]
    local = _local_name(path, shown, problems)
    if local is not None:
        files.append(os.path.join(os.path.dirname(path), local))
        shown_local = os.path.join(os.path.dirname(shown), local)
        over = _root(files[-1], shown_local, problems, may_be_empty=True)
        if over is not None:
            root = over if root is None else merge(root, over, CONFIG)
    reading = Reading(problems)
    config = Config()
    if root is not None:
        reading.places[()] = root.place
    if root is not None and (value := CONFIG.read(root, (), reading)) is not UNREAD:
        config = value
    located = Config(**{**config.said(), "files": tuple(files), "places": reading.places})
    return located, problems.in_order()


def merge(below: Node, above: Node, kind: Kind | None) -> Node:
    """`above` on top of `below`, as the settings of `kind`; neither is changed."""
    if kind is None or not kind.merges or below.kind != MAPPING or above.kind != MAPPING:
        return above
    merged = above.on_top()
    merged.entries = dict(below.entries)
    for text, (key, value) in above.entries.items():
        inner = kind.inner(text)
        if value.kind == NULL and inner is not None and not inner.takes_null:
            merged.entries.pop(text, None)
        elif text in below.entries:
            merged.entries[text] = (key, merge(below.entries[text][1], value, inner))
        else:
            merged.entries[text] = (key, value)
    return merged


def _find(directory: str, names: tuple[str, ...]) -> str | None:
    found = [name for name in names if os.path.lexists(os.path.join(directory, name))]
    if len(found) > 1:
        message = f"{found[1]} is here too"
        raise ConfigError(message, file=found[0], hint="only one of them can hold")
    return found[0] if found else None


def _local_name(path: str, shown: str, problems: Problems) -> str | None:
    if os.path.basename(path) in LOCAL_NAMES:
        return None
    try:
        return _find(os.path.dirname(path), LOCAL_NAMES)
    except ConfigError as error:
        error.file = os.path.join(os.path.dirname(shown), error.file or "")
        problems.add(error)
        return None


def _root(path: str, shown: str, problems: Problems, *, may_be_empty: bool) -> Node | None:
    """The mapping that the file is, or None."""
    try:
        text = _read_text(path, shown)
    except ConfigError as error:
        problems.add(error)
        return None
    before = len(problems)
    node = compose(text, shown, problems)
    is_empty = len(problems) == before if node is None else node.kind == NULL
    if is_empty:
        if not may_be_empty and len(problems) == before:
            # No reason not to start: a person comments everything out to see what is without it.
            problems.add(
                ConfigError(
                    "nothing is set in it",
                    file=shown,
                    hint="it has lines like 'processes:'; an empty one isn't needed",
                    severity="warning",
                )
            )
        return None
    if node is not None and node.kind != MAPPING:
        hint = "it begins like 'processes:', and the processes stand below that"
        problems.report(node.place, f"{node.shown()}, where a mapping is expected", hint)
        return None
    return node


def _read_text(path: str, shown: str) -> str:
    try:
        # Not to wait for whoever might write into a FIFO.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = _read_file(descriptor, shown)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ConfigError(unreadable(error), file=shown) from error
    if len(data) > LARGEST:
        raise ConfigError(f"more than {LARGEST // 1024} KiB, this is no gaffer.yaml", file=shown)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start
        raise ConfigError(
            f"not UTF-8: byte 0x{error.object[start]:02x}",
            file=shown,
            line=error.object.count(b"\n", 0, start) + 1,
            hint="save the file as UTF-8",
        ) from error


def _read_file(descriptor: int, shown: str) -> bytes:
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        raise ConfigError("is a directory" if stat.S_ISDIR(mode) else "not a file", file=shown)
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(LARGEST + 1)
