"""Environment files, who wins over whom, and where each variable came from.

The dialect is python-dotenv's, by its own parser; interpolation is resolved here, because a later
file is to see an earlier one and os.environ is never written. docs/env-dialect.md has the rules.
"""

from __future__ import annotations

from . import text_file
from .errors import EnvironmentFileError, GafferError, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping
    from types import ModuleType
    from typing import Any

    from dotenv.parser import Binding

    from .errors import Severity

INHERITED = "environment"
OURS = "gaffer"

_dotenv_modules: dict[str, Any] = {}


class Variable:
    """A value and its origin: ".env:3", "environment" or "gaffer".

    `overrode` is the variable that would have held without this one.
    """

    __slots__ = ("name", "origin", "overrode", "value")

    def __init__(
        self, name: str, value: str, origin: str, overrode: Variable | None = None
    ) -> None:
        self.name = name
        self.value = value
        self.origin = origin
        self.overrode = overrode

    @property
    def source(self) -> str:
        """Where it comes from, for a sentence."""
        return "the environment" if self.origin == INHERITED else self.origin


class Environment:
    """Variables by name: those of `base`, and what was set on top of them."""

    __slots__ = ("_base", "_set")

    def __init__(self, base: Mapping[str, str]) -> None:
        # A copy, and not of Variables: most are only ever handed on.
        self._base = dict(base)
        self._set: dict[str, Variable] = {}

    def copy(self) -> Environment:
        """An environment like this one, on which more can be set."""
        copied = Environment(self._base)
        copied._set = self._set.copy()
        return copied

    @property
    def base(self) -> Mapping[str, str]:
        """What was there before anything was set."""
        return self._base

    def get(self, name: str) -> Variable | None:
        variable = self._set.get(name)
        if variable is None and name in self._base:
            variable = Variable(name, self._base[name], INHERITED)
        return variable

    def __getitem__(self, name: str) -> Variable:
        variable = self.get(name)
        if variable is None:
            raise KeyError(name)
        return variable

    def __contains__(self, name: object) -> bool:
        return name in self._set or name in self._base

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from (name for name in self._set if name not in self._base)

    def __len__(self) -> int:
        return len(self._base.keys() | self._set.keys())

    def set(self, name: str, value: str, origin: str) -> None:
        self._set[name] = Variable(name, value, origin, self.get(name))

    def set_all(self, variables: Mapping[str, Variable]) -> None:
        """Set variables that other environments have as well; here, too, they override."""
        overridden = [name for name in variables if name in self._set or name in self._base]
        before = [(name, self.get(name)) for name in overridden]
        self._set.update(variables)
        for name, below in before:
            shared = variables[name]
            self._set[name] = Variable(name, shared.value, shared.origin, below)

    def from_files(self) -> dict[str, str]:
        """Name to value: what files say, and neither the environment nor gaffer."""
        return {
            name: variable.value
            for name, variable in self._set.items()
            if variable.origin not in (INHERITED, OURS)
        }

    def forget(self, name: str) -> None:
        """Take back whatever was set on top of the base."""
        self._set.pop(name, None)

    def remove(self, name: str) -> None:
        """Have no variable of this name, also none of the base."""
        self._set.pop(name, None)
        self._base.pop(name, None)

    def values(self) -> dict[str, str]:
        """Name to value: what a child process is given."""
        values = self._base.copy()
        for name, variable in self._set.items():
            values[name] = variable.value
        return values


def extend(
    environment: Environment, files: Iterable[tuple[str, bool]], *, override: bool = True
) -> list[GafferError]:
    """Set the variables of `files`, each a path and whether it must exist, in order.

    A later file wins over an earlier one; they win over the base if `override`, else it does.
    Raises nothing: what is wrong comes back as problems.
    """
    problems: list[GafferError] = []
    # What ${NAME} sees. None is python-dotenv's for a name without a value.
    scope: dict[str, str | None] = dict(environment.values())
    for path, required in files:
        try:
            text = _decode(text_file.read(path), path)
        except FileNotFoundError as error:
            if required:
                problems.append(EnvironmentFileError(unreadable(error), file=path))
        except OSError as error:
            problems.append(EnvironmentFileError(unreadable(error), file=path))
        except EnvironmentFileError as error:
            problems.append(error)
        else:
            fixed = () if override else environment.base
            problems += _apply(text, path, environment, scope, fixed)
    return problems


def assign(
    environment: Environment,
    values: Mapping[str, str | None],
    origin: Callable[[str], str],
    *,
    override: bool = True,
) -> list[tuple[str, str]]:
    """Set `values`, their ${NAME} replaced, with None for what is to be unset.

    `origin(name)` is where each comes from. What comes back are pairs of a name and of a variable
    in its value that isn't set.
    """
    unset = []
    scope = environment.values()
    for name, value in values.items():
        if not override and name in environment.base:
            continue
        if value is None:
            environment.remove(name)
            scope.pop(name, None)
        else:
            scope[name], missing = _interpolate(value, scope)
            environment.set(name, scope[name], origin(name))
            unset += [(name, variable) for variable in missing]
    return unset


def _apply(
    text: str,
    path: str,
    environment: Environment,
    scope: dict[str, str | None],
    fixed: Container[str],
) -> list[GafferError]:
    """Set what the file's text sets, save the names in `fixed`; return what is wrong with it."""
    import io

    parse_stream = _dotenv_module("parser").parse_stream

    problems: list[GafferError] = []

    def report(line: int, message: str, hint: str | None, severity: Severity) -> None:
        problem = EnvironmentFileError(message, file=path, line=line, hint=hint, severity=severity)
        problems.append(problem)

    # newline=None: line ends are as in a file opened for text, which is what python-dotenv reads.
    for binding in parse_stream(io.StringIO(text, newline=None)):
        line = _line(binding)
        name = binding.key
        if binding.error:
            report(line, *_complaint(binding.original.string.strip(), line), "warning")
        elif name is None:
            continue
        elif "=" in name or "\0" in name or "\0" in (binding.value or ""):
            message = f"{name!r} can't be in an environment, line left out"
            report(line, message, "no '=' in a name, no NUL byte anywhere", "warning")
        elif binding.value is None:
            report(line, f"{name} has no '=', so it sets nothing", f"{name}= is empty", "notice")
            if name not in fixed:
                scope[name] = None
                environment.forget(name)
        else:
            value, unset = _interpolate(binding.value, scope)
            for missing in unset:
                report(line, *complaint_of_unset(missing, name), "notice")
            if not is_shell_name(name):
                report(line, *complaint_of_name(name), "warning")
            if name not in fixed:
                scope[name] = value
                environment.set(name, value, f"{path}:{line}")
    return problems


def is_shell_name(name: str) -> bool:
    """Whether a shell can have a variable of this name; dash passes no others on."""
    return name.isascii() and name.isidentifier()


def complaint_of_name(name: str) -> tuple[str, str]:
    """The message and hint for a variable that isn't `is_shell_name`."""
    message = f"no shell can have a variable {name!r}, so processes may not get it"
    return message, "`shell: false` runs a command without one"


def complaint_of_unset(missing: str, name: str) -> tuple[str, str]:
    """The message and hint for ${missing}, which isn't set, in the value of `name`."""
    if is_shell_name(missing):
        message = f"${{{missing}}} is not set, so it is empty in {name}"
        return message, f"${{{missing}:-}} if it is meant to be"
    message = f"${{{missing}}} is no ${{NAME}}, so it is empty in {name}"
    return message, "a default is ${NAME:-default}"


def _dotenv_module(name: str) -> Any:
    """python-dotenv's `parser` or `variables`, which stand on their own, without the package.

    The package imports logging, tempfile and more for what isn't used here: 17 ms of 20. Should the
    modules ever need their package, they get it.
    """
    if name not in _dotenv_modules:
        from importlib import import_module

        _dotenv_modules[name] = _load_alone(f"dotenv.{name}") or import_module(f"dotenv.{name}")
    return _dotenv_modules[name]


def _load_alone(name: str) -> ModuleType | None:
    """A module of a package without the package; None if that doesn't work."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    package = PathFinder.find_spec(name.partition(".")[0])
    places = package.submodule_search_locations if package is not None else None
    spec = PathFinder.find_spec(name, list(places or ()))
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError:
        return None
    return module


def _interpolate(value: str, scope: Mapping[str, str | None]) -> tuple[str, list[str]]:
    """`value` with its ${NAME} and ${NAME:-default} replaced, and the names that had neither."""
    if "${" not in value:
        return value, []
    variables = _dotenv_module("variables")

    atoms = list(variables.parse_variables(value))
    unset = [
        atom.name
        for atom in atoms
        if isinstance(atom, variables.Variable)
        and atom.default is None
        and scope.get(atom.name) is None
    ]
    return "".join(atom.resolve(scope) for atom in atoms), unset


def _decode(data: bytes, path: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EnvironmentFileError(
            f"not UTF-8: byte 0x{error.object[error.start]:02x}",
            file=path,
            line=error.object.count(b"\n", 0, error.start) + 1,
            hint="save the file as UTF-8",
        ) from error


def _line(binding: Binding) -> int:
    # The parser counts from where it stopped last, blank lines in between included.
    original = binding.original
    blank = len(original.string) - len(original.string.lstrip())
    return original.line + original.string.count("\n", 0, blank)


def _complaint(text: str, line: int) -> tuple[str, str]:
    """The message and hint for text, from this line on, that the parser gave up on."""
    value = text.partition("=")[2].lstrip()
    quote = value[:1] if value[:1] in ("'", '"') else ""
    if quote and value.count(quote) % 2:
        return f"the quote {quote} is never closed, left out", "close it, or escape it by \\"
    if quote and (last := text.count("\n")):
        what = f"the quote {quote} of line {line} is closed in the middle of line {line + last}"
        return f"{what}, lines {line} to {line + last} left out", "close it in its own line"
    return "not a line of NAME=value, left out", "quote a value as a whole, or not at all"
