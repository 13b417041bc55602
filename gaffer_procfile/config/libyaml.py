"""PyYAML's parser in C, and its errors, without the rest of the package.

The package imports all that it has, and compiles its regular expressions: 13 ms of 17, for what
isn't used here. The parser itself needs tokens, events, nodes and errors. Only a process that is
gaffer's own is served so, one with its command line: in any other somebody may want the package
later, with the parser, which is loaded once in a process and whose errors aren't all the package's.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# Whose errors the parser looks for when it is loaded, and what these are in the package.
_ERRORS = {
    "reader": ("ReaderError", "YAMLError"),
    "scanner": ("ScannerError", "MarkedYAMLError"),
    "parser": ("ParserError", "MarkedYAMLError"),
    "composer": ("ComposerError", "MarkedYAMLError"),
    "constructor": ("ConstructorError", "MarkedYAMLError"),
    "emitter": ("EmitterError", "YAMLError"),
    "serializer": ("SerializerError", "YAMLError"),
    "representer": ("RepresenterError", "YAMLError"),
}
_REAL = ("error", "tokens", "events", "nodes")

_COMMAND_LINE = "gaffer_procfile.cli"

_alone: tuple[Any, Any] | None = None


def load() -> tuple[Any, Any]:
    """The parser (its constructor takes the text) and the class of its errors."""
    global _alone
    if _alone is None and _COMMAND_LINE in sys.modules and "yaml" not in sys.modules:
        _alone = _load_alone()
    return _alone or _load_package()


def _load_package() -> tuple[Any, Any]:
    import yaml

    try:
        from yaml._yaml import CParser
    except ImportError:  # PyYAML was built without libyaml
        return yaml.loader.BaseLoader, yaml.YAMLError
    return CParser, yaml.YAMLError


def _load_alone() -> tuple[Any, Any] | None:
    """None where the package isn't as we know it: then it gets what it wants."""
    from importlib.machinery import PathFinder

    spec = PathFinder.find_spec("yaml")
    if spec is None or not spec.submodule_search_locations:
        return None
    try:
        return _load_parts(spec)
    except (AttributeError, ImportError):
        return None
    finally:
        # Whoever imports the package from now on gets the real one, on the parts that are real.
        sys.modules.pop("yaml", None)


def _load_parts(spec: ModuleSpec) -> tuple[Any, Any]:
    from importlib import import_module

    package = _module("yaml")
    package.__path__ = list(spec.submodule_search_locations or ())
    sys.modules["yaml"] = package
    for name in _REAL:
        import_module(f"yaml.{name}")
    errors = sys.modules["yaml.error"]
    for name, (error, base) in _ERRORS.items():
        part = _module(f"yaml.{name}")
        setattr(part, error, type(error, (getattr(errors, base),), {}))
        setattr(package, name, part)
    parser = import_module("yaml._yaml").CParser
    return parser, vars(errors)["YAMLError"]


def _module(name: str) -> ModuleType:
    return type(sys)(name)
