"""Whether the program that a command starts with is there, where its text says so beyond doubt.

A shell command can be anything; only one whose first word is plain is judged. Everything else
(quotes, variables, compounds, builtins) is left to the shell: no alarm is better than a false one.
"""

from __future__ import annotations

import os
import re

from . import script

# Assignments such as FOO=1 may stand before the word, as long as they are plain, too.
_FIRST_WORD = re.compile(
    r"""
    \s*
    (?P<assignments> (?: [A-Za-z_]\w* = [\w./:,@%+-]* [ \t]+ )* )
    (?: exec [ \t]+ )?
    (?P<word> [A-Za-z0-9_./] [\w./@%+-]* )
    (?= [ \t\n;&|<>] | $ )
    (?! [ \t]* \( )                 # name () { … } defines a function
    """,
    re.VERBOSE | re.ASCII,
)

# What dash, bash (as sh) and ksh know by themselves.
_BUILTINS = """
    . : [ alias bg bind break builtin caller cd chdir command compgen complete continue declare
    dirs disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill
    let local logout mapfile newgrp popd print printf pushd pwd read readarray readonly return set
    shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait
    whence
"""
_RESERVED_WORDS = """
    case coproc do done elif else esac fi for function if in select then time until while
"""
_SHELLS_OWN = frozenset((_BUILTINS + _RESERVED_WORDS).split())


def unavailable(command: str, directory: str, path: str | None) -> str | None:
    """Why the first word of `command` can't be executed, or None if it can or if that is unclear.

    Relative names start from `directory`, where the command is to run; `path` is its PATH.
    """
    match = _FIRST_WORD.match(command)
    if match is None or re.search(r"\bPATH=", match["assignments"]):
        return None
    word = match["word"]
    if word in _SHELLS_OWN or word.isdigit():  # 2>file is a redirection
        return None
    if "/" in word:
        file = os.path.join(directory, word)
        return _refusal(word, file) or _fault(word, file, directory, path)
    executed = script.find(word, directory, path)
    if executed is not None:
        return _fault(executed, executed, directory, path)
    for folder in (os.defpath if path is None else path).split(os.pathsep):
        file = os.path.join(directory, folder, word)
        if os.path.isfile(file):
            return f"{file!r} is not executable"
    return f"command {word!r} is not found"


def _refusal(word: str, file: str) -> str | None:
    if os.path.isdir(file):
        return f"{word!r} is a directory, not a command"
    if not os.path.exists(file):
        return f"command {word!r} is not found"
    return None if os.access(file, os.X_OK) else f"{word!r} is not executable"


def _fault(name: str, file: str, directory: str, path: str | None) -> str | None:
    fault = script.fault(file, directory, path)
    return None if fault is None else f"{name!r} can't be started: {fault}"
