"""`gaffer env [NAME]`: the environment that a process would get, and where each variable is from."""

from __future__ import annotations

import os

from ..environment import INHERITED, OURS, Environment, Variable, is_shell_name
from ..errors import SEVERAL, FormationError, UnknownProcessError, UsageError
from ..output.redact import MASK, Redactor, is_secret, secrets
from ..planning.names import split_instance
from ..project import load
from .foreman_file import apply_defaults
from .options import COMMON, PORTS, SELECTION, Option
from .parser import parser
from .project import project_options
from .streams import complain, printable, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator, Sequence

    from ..planning.plan import Plan, Template
    from ..planning.service import Service

DESCRIPTION = """\
Show the environment that a process, or one instance of it (web.2), would get; without a name,
what every process of the project gets. Only what gaffer and the files set, unless --all."""

EPILOG = """\
examples:
  gaffer env web                    what web.1 gets, secrets hidden
  gaffer env --why web.2            with file and line, and what that overrode
  gaffer env --json web | jq -r .variables.PORT.value
  eval "$(gaffer env --export --show-secrets web)"

--export leaves out what it may not show, and what no shell can have; it says so on stderr.

exit status: 0, or 1 if the project's files are wrong, 2 if the command line is."""

OPTIONS = (
    Option("--why", action="store_true", help="where each is set, and what that overrode"),
    Option("--all", action="store_true", help="also what is just passed on"),
    Option("--show-secrets", action="store_true", help="hide no values"),
    Option("--export", action="store_true", help="commands for a shell's eval"),
    Option("--json", action="store_true", help="one JSON object"),
)

# Of each instance its own, so nothing that all processes get.
_PER_INSTANCE = ("PORT", "PS", "GAFFER_PROCESS_NAME")

_HIDDEN = MASK.decode()


def run(argv: Sequence[str]) -> int:
    made = parser(
        "env",
        (*OPTIONS, *COMMON, *PORTS, *SELECTION),
        usage="[OPTIONS] [NAME]",
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    made.add_argument("name", metavar="NAME", nargs="?", help="a process, or an instance of it")
    args = made.parse_intermixed_args(argv)
    if args.export and (args.json or args.why):
        raise UsageError("--export is for a shell, which takes neither --json nor --why")
    apply_defaults(args)
    found = _find(args)
    hider = None if args.show_secrets else _Hider(found.variables)
    if args.json:
        show(_as_json(found, hider, is_all=args.all))
    elif args.export:
        show(_as_exports(found, hider, is_all=args.all))
    else:
        shown = list(_shown(found.variables, is_all=args.all))
        show(_with_reasons(found, shown, hider) if args.why else _as_lines(shown, hider))
    return 0


# ---- whose it is


class _Found:
    """The environment of an instance, or of a whole service: then `name` is None."""

    __slots__ = ("name", "service", "unset", "variables")

    def __init__(self, service: Service, name: str | None, variables: Environment) -> None:
        self.service = service
        self.name = name
        self.variables = sorted(
            (variables[name] for name in variables), key=lambda variable: variable.name
        )
        self.unset: dict[str, str] = {}


def _find(args: Namespace) -> _Found:
    if not args.name:
        plan = load(project_options(args))
        _complain(plan)
        services = [service for service in plan.services if service.entries]
        if len(services) > 1:
            groups = [service.group for service in services]
            raise UsageError("env of which service?", hint=f"there is {', '.join(groups)}")
        return _of_service(services[0])
    plan, word, instance = _plan_with_named(args)
    _complain(plan)
    if instance is None and (service := _group(word, plan)) is not None:
        return _of_service(service)
    wanted = plan.names.find(word)
    if len(wanted) > 1:
        hint = " or ".join(map(plan.names.short, wanted))
        raise UnknownProcessError(args.name, [], hint, SEVERAL)
    [template] = [template for template in plan.templates if template.full_name in wanted]
    return _of_instance(plan, template, 1 if instance is None else instance)


def _plan_with_named(args: Namespace) -> tuple[Plan, str, int | None]:
    """The plan, and what of the name given is a process or a group, and what its instance."""
    try:
        return _plan_with(args.name, args), args.name, None
    except UnknownProcessError:
        word, instance = split_instance(args.name)
        if instance is None:
            raise
    return _plan_with(word, args), word, instance


def _plan_with(word: str, args: Namespace) -> Plan:
    """The plan of a `start` that has what `word` means."""
    if args.auto_port:
        # Whether ports move depends on all that run, so ask for them first.
        plan = load(project_options(args))
        running = {template.full_name for template in plan.templates}
        if running.issuperset(plan.names.find(word)):
            return plan
    args.no_deps = True
    return load(project_options(args, [word]))


def _group(word: str, plan: Plan) -> Service | None:
    """The service that `word` is the group of, if no process has that name."""
    if any(entry.name == word for service in plan.services for entry in service.entries):
        return None
    found = [service for service in plan.services if service.group == word]
    return found[0] if found else None


def _complain(plan: Plan) -> None:
    for problem in plan.problems:
        complain(str(problem))


def _of_service(service: Service) -> _Found:
    variables = service.location.environment.copy()
    for name in _PER_INSTANCE:
        variables.remove(name)
    found = _Found(service, None, variables)
    for name in os.environ:
        if name not in variables and name not in _PER_INSTANCE:
            found.unset[name] = str(service.place_for_all("env", name) or "")
    return found


def _of_instance(plan: Plan, template: Template, instance: int) -> _Found:
    short = plan.names.short(template.full_name)
    if not 1 <= instance <= template.instances:
        hint = f"-c {short}={instance} asks for it" if instance else "instances count from 1"
        raise FormationError(f"there is no {short}.{instance}", hint=hint)
    variables = template.variables.copy()
    values = template.environment_of(instance)
    for own in _PER_INSTANCE:
        variables.set(own, values[own], OURS)
    [service] = [service for service in plan.services if service.group == template.group]
    found = _Found(service, f"{short}.{instance}", variables)
    for name in os.environ:
        if name not in values:
            said = service.place_of(template.name, "env", name)
            found.unset[name] = str(said or service.place_for_all("env", name) or "")
    return found


# ---- what is hidden


class _Hider:
    """Takes secrets out of values: a variable's whole value by its name, or a part of others'."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        found: set[bytes] = set()
        for variable in variables:
            for each in (variable, *_overridden(variable)):
                if not _is_directory(each):
                    found.update(secrets({each.name: each.value}))
        self._secrets = sorted(found, key=lambda value: (-len(value), value))

    def hide(self, variable: Variable) -> str:
        if variable.value and is_secret(variable.name) and not _is_directory(variable):
            return _HIDDEN
        if not self._secrets:
            return variable.value
        redactor = Redactor(self._secrets)
        data = variable.value.encode("utf-8", "surrogateescape")
        return (redactor.feed(data) + redactor.end()).decode("utf-8", "surrogateescape")


def _is_directory(variable: Variable) -> bool:
    """The shell's working directory has the name of a password."""
    return variable.name == "PWD" and variable.origin == INHERITED


def _value(variable: Variable, hider: _Hider | None) -> str:
    return variable.value if hider is None else hider.hide(variable)


# ---- how it is shown


def _shown(variables: Iterable[Variable], *, is_all: bool) -> Iterator[Variable]:
    for variable in variables:
        if is_all or variable.origin != INHERITED:
            yield variable


def _as_lines(variables: Iterable[Variable], hider: _Hider | None) -> str:
    return "".join(f"{_line(variable, hider)}\n" for variable in variables)


def _line(variable: Variable, hider: _Hider | None) -> str:
    return printable(f"{variable.name}={_value(variable, hider)}")


def _with_reasons(found: _Found, variables: Sequence[Variable], hider: _Hider | None) -> str:
    rows = [
        (variable.origin, _line(variable, hider) + _over(variable, hider)) for variable in variables
    ]
    rows += [(origin or OURS, f"{name} is unset") for name, origin in sorted(found.unset.items())]
    width = max((len(origin) for origin, _ in rows), default=0)
    return "".join(f"{printable(origin):{width}}  {text}\n" for origin, text in rows)


def _over(variable: Variable, hider: _Hider | None) -> str:
    steps = [
        f"{printable(_value(below, hider))} of {below.source}" for below in _overridden(variable)
    ]
    return f"  (over {', '.join(steps)})" if steps else ""


def _overridden(variable: Variable) -> Iterator[Variable]:
    below = variable.overrode
    while below is not None:
        if below.origin != OURS:  # we may have said it for all before we said it for one
            yield below
        below = below.overrode


def _as_exports(found: _Found, hider: _Hider | None, *, is_all: bool) -> str:
    lines, hidden, impossible = [], [], []
    for variable in _shown(found.variables, is_all=is_all):
        if not is_shell_name(variable.name):
            impossible.append(variable.name)
        elif _value(variable, hider) != variable.value:
            hidden.append(variable.name)
        else:
            quoted = variable.value.replace("'", "'\\''")
            lines.append(f"export {variable.name}='{quoted}'\n")
    for name in sorted(found.unset):
        if is_shell_name(name):
            lines.append(f"unset {name}\n")
    if hidden:
        complain(f"left out, as secrets: {', '.join(hidden)} (--show-secrets)")
    if impossible:
        complain(f"left out, as no shell can have such names: {', '.join(impossible)}")
    return "".join(lines)


def _as_json(found: _Found, hider: _Hider | None, *, is_all: bool) -> str:
    import json

    def described(variable: Variable) -> dict[str, object]:
        value = _value(variable, hider)
        return {"value": value, "origin": variable.origin, "hidden": value != variable.value}

    variables = {
        variable.name: {
            **described(variable),
            "overrode": [described(below) for below in _overridden(variable)],
        }
        for variable in _shown(found.variables, is_all=is_all)
    }
    shown = {
        "process": found.name,
        "group": found.service.group,
        "variables": variables,
        "unset": {name: origin or None for name, origin in sorted(found.unset.items())},
    }
    return json.dumps(shown, indent=2) + "\n"
