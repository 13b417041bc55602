"""The settings of a template: which there are, and what each has to be."""

from __future__ import annotations

import os

# What `collections.abc` is made of. `os` has loaded it, the package around it would cost a start 2 ms.
from _collections_abc import Mapping, Sequence

from .lean import signal
from .posix.spawn import find_credentials, split_args
from .restart import POLICIES, BackOff, FlappingInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # What it is in words, whether a value is of that type, and whether it can be one.
    Kind = tuple[str, Callable[[Any], bool], Callable[[Any], bool]]

LAST_PORT = 65535
LAST_ID = 2**32 - 2  # of a user or group: the one after it says "none" to the system
LONGEST = 1e9  # seconds: more than a loop can count is a mistake


def check(cmd: str, settings: Mapping[str, Any]) -> None:
    """Raise TypeError for a setting that doesn't exist or is of another type, ValueError for a value
    that can't be. None stands for the default."""
    unknown = sorted(set(settings) - set(_KINDS))
    if unknown:
        raise TypeError(f"unknown setting of a process: {', '.join(unknown)}")
    _check("cmd", cmd, _TEXT)
    for name, value in settings.items():
        if value is not None:
            _check(name, value, _KINDS[name])
    if settings.get("tty") and not settings.get("redirect_output"):
        raise ValueError("tty needs a label in redirect_output, for what the terminal shows")
    check_ports(settings.get("port"), settings.get("numprocesses") or 1)
    find_credentials(settings.get("uid"), settings.get("gid"))
    _split("args", settings.get("args"))
    if not settings.get("shell"):
        _split("cmd", cmd)


def check_change(i: int) -> None:
    """Raise TypeError if `i` can't be so many processes more or fewer."""
    _check("i", i, _COUNT)


def check_ports(first: int | None, numprocesses: int) -> None:
    """Raise ValueError if there aren't so many ports from `first` on; None stands for no port."""
    last = 0 if first is None else first + numprocesses - 1
    if last > LAST_PORT:
        raise ValueError(f"the port of the last instance would be {last}, past {LAST_PORT}")


def _check(name: str, value: Any, kind: Kind) -> None:
    words, is_of_type, is_possible = kind
    if not is_of_type(value):
        raise TypeError(f"{name} is {words}, not {_show(value)}")
    if not is_possible(value):
        raise ValueError(f"{name} is {words}, not {_show(value)}")


def _show(value: Any) -> str:
    if isinstance(value, Mapping):  # the rest of an environment is long, and has secrets
        value = dict(item for item in value.items() if not _are_texts(item))
    return repr(value)


def _split(name: str, text: str | Sequence[str] | None) -> None:
    try:
        split_args(text)
    except ValueError as error:
        raise ValueError(f"{name} can't be split into words: {error}") from error


def _anything(_value: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, int)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def _are_texts(value: Any) -> bool:
    return _is_list(value) and all(map(_is_text, value))


def _are_environment(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(map(_is_text, value)) and all(map(_is_text, value.values()))


def _are_different(value: Any) -> bool:
    return len(set(value)) == len(value)


def _are_outputs(value: Any) -> bool:
    return len(value) <= 2 and _are_different(value)


def _are_descriptors(value: Any) -> bool:
    return _is_list(value) and all(map(_is_whole, value))


def _is_size(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    return len(value) == 2 and all(_is_whole(part) and 0 < part < 2**16 for part in value)


def _is_owner(value: Any) -> bool:
    return isinstance(value, str) or 0 <= value <= LAST_ID


def _are_terms(value: Any) -> bool:
    """Of when to give up, and how long to wait before: numbers, and a number of attempts."""
    numbers = vars(value).values()
    return _is_whole(value.attempts) and all(_is_number(each) and each >= 0 for each in numbers)


_TEXT: Kind = ("a string", _is_text, _anything)
_FLAG: Kind = ("True or False", _is_flag, _anything)
_ENVIRONMENT: Kind = ("a mapping of strings to strings", _are_environment, _anything)
_OWNER: Kind = (
    "a number or a name",
    lambda value: _is_whole(value) or isinstance(value, str),
    _is_owner,
)
_COUNT: Kind = ("a number of processes", _is_whole, _anything)
_SECONDS: Kind = ("a number of seconds", _is_number, lambda value: 0 <= value <= LONGEST)
_SIZE: Kind = (
    "True, False or (rows, columns)",
    lambda value: isinstance(value, bool) or _is_list(value),
    _is_size,
)
_KINDS: dict[str, Kind] = {
    "args": (
        "a string or a list of strings",
        lambda value: isinstance(value, str) or _are_texts(value),
        _anything,
    ),
    "back_off": ("a BackOff of numbers", lambda value: isinstance(value, BackOff), _are_terms),
    "custom_channels": (
        "a list of descriptors",
        _are_descriptors,
        lambda value: all(fd >= 0 for fd in value),
    ),
    "custom_streams": ("a list of labels, each another one", _are_texts, _are_different),
    "cwd": ("a path", lambda value: isinstance(value, (str, os.PathLike)), _anything),
    "depends_on": ("a list of names", _are_texts, _anything),
    "detach": _FLAG,
    "env": _ENVIRONMENT,
    "expand": _FLAG,
    "flapping": (
        "a FlappingInfo of numbers",
        lambda value: isinstance(value, FlappingInfo),
        lambda value: _are_terms(value) and value.attempts > 0,
    ),
    "gid": _OWNER,
    "graceful_timeout": _SECONDS,
    "group": _TEXT,
    "instance_env": _ENVIRONMENT,
    "numprocesses": ("a number of processes", _is_whole, lambda value: value >= 0),
    "os_env": _FLAG,
    "port": (f"a number up to {LAST_PORT}", _is_whole, lambda value: 0 <= value <= LAST_PORT),
    "pty": _SIZE,
    "redirect_input": _FLAG,
    "redirect_output": (
        "two labels at the most, a list of one for stdout and another for stderr",
        _are_texts,
        _are_outputs,
    ),
    "restart": (f"one of {', '.join(POLICIES)}", _is_text, lambda value: value in POLICIES),
    "shell": _FLAG,
    "stop_signal": (
        "the number of a signal",
        _is_whole,
        lambda value: value in signal.valid_signals(),
    ),
    "stop_timeout": _SECONDS,
    "stop_tree": _FLAG,
    "tty": _SIZE,
    "uid": _OWNER,
}
