"""`.foreman`: the defaults of options, as foreman reads it from the current directory."""

from __future__ import annotations

import os

from .. import formation
from ..errors import GafferError, nearest, unreadable
from .streams import complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from yaml import Node

FILE = ".foreman"

# foreman's name of an option → ours
_OPTIONS = {
    "procfile": "procfile",
    "root": "directory",
    "env": "env",
    "port": "port",
    "formation": "concurrency",
    "concurrency": "concurrency",
    "timeout": "stop_timeout",
    "color": "colour",
    "timestamp": "no_timestamps",
}
# Those of `foreman export`, which is not here: no reason for a warning.
_OF_EXPORT = frozenset(("app", "error_log", "log", "run", "template", "user"))


def apply_defaults(options: Namespace) -> None:
    """Fill in what the command line leaves open; complain of what foreman has no option for.

    GafferError for a file that can't be read, or a value that can't be.
    """
    if not os.path.lexists(FILE):
        return
    for name, (node, line) in _read().items():
        ours = _OPTIONS.get(name)
        if ours is None:
            if name not in _OF_EXPORT:
                hint = nearest(name, _OPTIONS) or f"there is {', '.join(_OPTIONS)}"
                problem = GafferError(
                    f"no such option: {name!r}, left out", file=FILE, line=line, hint=hint
                )
                complain(str(problem))
            continue
        # An option that this verb doesn't have is meant for another one.
        if not hasattr(options, ours) or getattr(options, ours) or not node.value:
            continue
        if ours == "no_timestamps" and options.timestamps:
            continue  # it is the other half of what was typed
        if not isinstance(node.value, str):
            raise GafferError(f"{name} takes one value, on its own line", file=FILE, line=line)
        _check(ours, node.value, line)
        value = formation.only_named(node.value) if name == "formation" else node.value
        setattr(options, ours, _value(ours, value))
        if ours == "concurrency":
            options.formation_place = FILE, line


def find_directory() -> str:
    """The directory that `gaffer start` without -d runs in, here.

    That of -f in `.foreman`, or of PROCFILE in the environment, is elsewhere, and so may be `root`.
    What is wrong with the file is for `start` to say.
    """
    said: dict[str, object] = {}
    if os.path.lexists(FILE):
        try:
            said = {name: node.value for name, (node, _line) in _read().items()}
        except GafferError:
            return os.curdir
    directory = said.get("root")
    if not directory:
        procfile = said.get("procfile") or os.environ.get("PROCFILE")
        directory = os.path.dirname(procfile) if isinstance(procfile, str) else None
    return directory if isinstance(directory, str) and os.path.isdir(directory) else os.curdir


def _read() -> dict[str, tuple[Node, int]]:
    """The value of each option, and the line that it stands in. GafferError if that can't be."""
    import yaml  # 10 ms, for the few who have the file

    from ..text_file import read

    try:
        # Nodes, for their lines, and as text: what YAML takes for a number or a date is none of
        # its business here.
        root = yaml.compose(read(FILE), yaml.BaseLoader)
    except OSError as error:
        raise GafferError(unreadable(error), file=FILE) from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        problem = getattr(error, "problem", None) or "it can't be read"
        raise GafferError(f"not valid YAML: {problem}", file=FILE, line=line) from error
    if root is None or not root.value:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise GafferError("not a list of 'option: value' lines", file=FILE)
    found = {}
    for key, value in root.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise GafferError("an option's name is one word", file=FILE, line=line)
        found[key.value] = value, line
    return found


def _check(option: str, value: str, line: int) -> None:
    """Say here, where the line is known, what whoever uses the value would say of it."""
    from .options import seconds

    try:
        if option == "port":
            formation.parse_port(value, FILE)
        elif option == "concurrency":
            formation.parse(value)
        elif option == "stop_timeout":
            seconds(value, "timeout")
    except GafferError as error:
        raise GafferError(error.message, file=FILE, line=line, hint=error.hint) from error


def _value(option: str, value: str) -> object:
    is_on = value.lower() in ("true", "yes", "on")
    if option == "no_timestamps":
        return not is_on
    if option == "colour":
        return "always" if is_on else "never"
    return [value] if option in ("env", "directory") else value
