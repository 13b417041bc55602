"""`gaffer __complete WORD ...`: what the last word may become, a line each, for a shell's completion.

After a tab comes what it is. `:files` or `:directories` leaves it to the shell, `:commands` has it add
the programs that it finds.
"""

from __future__ import annotations

import os

from ..errors import GafferError
from .options import COMMON, VERB_OPTIONS, Option, split_at_word
from .streams import printable, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Iterable, Iterator, Sequence

    Candidate = tuple[str, str]  # a word, and what it is

_TEXT_COLUMN = 21  # of the list of commands
PATIENCE = 1.0  # seconds for a run to answer in: somebody waits for the next key
FILES, DIRECTORIES, COMMANDS = (":files", ""), (":directories", ""), (":commands", "")

_OF_FILES = {"start", "plan", "env"}  # these take names of the Procfile
_OF_RUN = {"ps", "logs", "events", "stop", "restart", "wait"}  # and these of what runs
_NAMED_BY_OPTION = {"--only", "--hide", "--exclude", "--service", "--exit-on", "--allow-exit"}
# Of options, by their metavar.
_FILE = "FILE"
_DIRECTORY = "DIR"
_FORMATION = "NAME=N,..."


def run(argv: Sequence[str]) -> int:
    words = list(argv) or [""]
    current = words[-1]
    found = {
        word: text
        for word, text in candidates(words[:-1], current)
        if word.startswith((current, ":"))
    }
    lines = [f"{word}\t{printable(text)}" if text else word for word, text in found.items()]
    show("".join(f"{line}\n" for line in lines))
    return 0


def candidates(before: Sequence[str], current: str) -> Iterable[Candidate]:
    """What may follow the words `before`."""
    options, rest = split_at_word(before, VERB_OPTIONS)
    if not rest:
        if options and (wanted := _wanting(options, VERB_OPTIONS)):
            return _values(wanted, "start", before, current)
        if current.startswith("-"):
            return _names_of(VERB_OPTIONS)
        return _verbs()
    verb, given = rest[0], rest[1:]
    if verb == "help" or verb == "completion":
        return () if given else _arguments(verb, (), before)
    if verb == "run" and split_at_word(given, COMMON)[1]:
        return [FILES]  # it is another program's command line by now
    if verb == "test" and "--" in given:
        return [COMMANDS if given[-1] == "--" else FILES]
    if not current.startswith("-") and not given:
        return _arguments(verb, (), before)
    known = options_of(verb)
    if (wanted := _wanting(given, known)) is not None:
        return _values(wanted, verb, before, current)
    if current.startswith("-"):
        return _names_of(known)
    return _arguments(verb, _positionals(given, known), before)


def options_of(verb: str) -> list[Option]:
    """The options of a verb: its parser, when it is asked for help, gives them to us instead."""
    from . import VERBS, _module
    from .parser import Parser

    found: list[Option] = []

    def keep(made: Parser, _file: object = None) -> None:
        found.extend(_option(action) for action in made._actions if action.option_strings)

    if verb in VERBS:
        Parser.print_help = keep  # type: ignore[method-assign, assignment]
        try:
            _module(verb).run(["--help"])
        except SystemExit:
            pass  # as argparse ends after the help
    return found


def _option(action: Action) -> Option:
    return Option(
        *action.option_strings,
        action="store_true" if action.nargs == 0 else "store",
        help=None if action.help == "==SUPPRESS==" else action.help,
        metavar=action.metavar,
        choices=action.choices,
    )


def _wanting(words: Sequence[str], known: Iterable[Option]) -> Option | None:
    """The option whose value comes next, if the last of `words` is one."""
    if not words:
        return None
    for option in known:
        if option.takes_value and words[-1] in option.names:
            return option
    return None


def _positionals(words: Sequence[str], known: Sequence[Option]) -> list[str]:
    found: list[str] = []
    rest = list(words)
    while rest:
        _options, rest = split_at_word(rest, known)
        if rest:
            found.append(rest.pop(0))
    return found


def _names_of(options: Iterable[Option]) -> Iterator[Candidate]:
    for option in options:
        text = option.settings.get("help")
        if text is not None:
            for name in option.names:
                yield name, _first_words(str(text))


def _first_words(text: str) -> str:
    """A help text, short enough to stand beside a word."""
    for end in (";", ",", " (", ":"):
        text = text.partition(end)[0]
    return text


def _verbs() -> Iterator[Candidate]:
    from . import HELP as HELP_TEXT
    from . import VERBS

    about = {}
    for line in HELP_TEXT.splitlines():
        if line.startswith("  ") and line[2:3].isalpha():
            about[line.split()[0]] = line[_TEXT_COLUMN:].strip()
    for verb in VERBS:
        yield verb, _first_words(about.get(verb, ""))


# ---- values and arguments


def _values(option: Option, verb: str, before: Sequence[str], current: str) -> Iterable[Candidate]:
    choices = option.settings.get("choices")
    if choices:
        return [(choice, "") for choice in choices]
    metavar = option.settings.get("metavar")
    if metavar == _FILE:
        return [FILES]
    if metavar == _DIRECTORY:
        return [DIRECTORIES]
    if not _NAMED_BY_OPTION.isdisjoint(option.names):
        return _project_names(before)
    if metavar == _FORMATION:
        said = current[: current.rfind(",") + 1]  # those before are as they are
        return [(f"{said}{name}=", text) for name, text in _project_names(before)]
    return ()


def _arguments(verb: str, given: Sequence[str], before: Sequence[str]) -> Iterable[Candidate]:
    """What the argument after those `given` may be."""
    if verb == "help":
        return _verbs()
    if verb == "completion":
        return [("bash", ""), ("fish", ""), ("zsh", "")]
    if verb == "run":
        return [*_project_names(before, with_groups=False), COMMANDS]
    if verb in _OF_FILES:
        return _project_names(before)
    if verb in _OF_RUN:
        return _run_names(before)
    if verb == "scale":
        return [(f"{name}=", text) for name, text in _run_names(before, with_instances=False)]
    if verb == "signal" and not given:
        return _signals()
    if verb == "signal" or (verb in ("send", "attach") and not given):
        return _run_names(before)
    return ()


def _signals() -> Iterator[Candidate]:
    import signal

    for each in signal.Signals:
        yield each.name.removeprefix("SIG"), signal.strsignal(each) or ""


def _said(words: Sequence[str], *names: str) -> list[str]:
    """The values of an option, among words that may not be complete."""
    found = []
    for index, word in enumerate(words):
        if word in names and index + 1 < len(words):
            found.append(words[index + 1])
        for name in names:
            start = f"{name}=" if name.startswith("--") else name
            if word.startswith(start) and word != start:
                found.append(word.removeprefix(start))
    return [os.path.expanduser(each) for each in found]


def _directories(words: Sequence[str]) -> list[str]:
    return _said(words, "-d", "--directory", "--root")


def _run_names(before: Sequence[str], *, with_instances: bool = True) -> Iterator[Candidate]:
    """The names of the processes that run here, of their instances where there are several."""
    from .remote import find_remotes, names_of

    directories = _directories(before)
    try:
        remotes = find_remotes(directories[-1] if directories else None, PATIENCE)
    except GafferError:
        return  # nobody can be told now
    names = names_of(remotes)
    for remote in remotes:
        for process in remote.processes:
            short = names.short(process["name"])
            states = {each["state"]: None for each in process["instances"]}
            yield short, " ".join(states) or "scaled to 0"
            if with_instances and len(process["instances"]) > 1:
                for each in process["instances"]:
                    yield f"{short}.{each['instance']}", each["state"]
    groups = {process["group"] for remote in remotes for process in remote.processes}
    if len(groups) > 1 and with_instances:
        for group in sorted(filter(None, groups)):
            yield group, "group"


def _project_names(before: Sequence[str], *, with_groups: bool = True) -> Iterator[Candidate]:
    """The names of the project's processes, whether they run or not, and of groups of them."""
    from ..project import Options, find_members

    procfiles = _said(before, "-f", "--procfile")
    options = Options(
        directories=_directories(before), procfile=procfiles[-1] if procfiles else None
    )
    try:
        members = find_members(options)
    except GafferError:
        return  # nobody can be told now
    names = members.names
    commands = {names.short(full): entry.command for full, entry in members.entries.items()}
    for word in names.known():
        if word in commands or with_groups:
            yield word, commands.get(word, "group")
