"""`.foreman`: the defaults of options, as foreman reads it from the current directory."""

from __future__ import annotations

import os

from ..errors import GafferError, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

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


def apply_defaults(options: Namespace) -> None:
    """Fill in what the command line leaves open. GafferError for a file that can't be read."""
    if not os.path.exists(FILE):
        return
    import yaml  # 10 ms, for the few who have the file

    try:
        with open(FILE, "rb") as file:
            # As text: what YAML takes for a number or a date is none of its business here.
            values = yaml.load(file, yaml.BaseLoader)
    except OSError as error:
        raise GafferError(unreadable(error), file=FILE) from error
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else None
        problem = getattr(error, "problem", None) or "it can't be read"
        raise GafferError(f"not valid YAML: {problem}", file=FILE, line=line) from error
    if not values:
        return
    if not isinstance(values, dict):
        raise GafferError("not a list of 'option: value' lines", file=FILE)
    for name, value in values.items():
        ours = _OPTIONS.get(str(name))
        # An option that this verb doesn't have is meant for another one.
        if ours is None or not hasattr(options, ours) or getattr(options, ours) or not value:
            continue
        if not isinstance(value, str):
            raise GafferError(f"{name} takes one value, on its own line", file=FILE)
        setattr(options, ours, _value(ours, value))


def _value(option: str, value: str) -> object:
    is_on = value.lower() in ("true", "yes", "on")
    if option == "no_timestamps":
        return not is_on
    if option == "colour":
        return "always" if is_on else "never"
    return [value] if option == "env" else value
