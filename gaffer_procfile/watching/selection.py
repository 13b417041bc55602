"""Which files are watched: paths and globs, less what is ignored.

Globs and ignores are written as in a .gitignore, and matched by pathspec.
"""

from __future__ import annotations

import os
import re

from pathspec import GitIgnoreSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

_WILD = re.compile(r"[*?\[]")

# What no restart is wanted for, whatever else is said.
_NEVER = GitIgnoreSpec.from_lines(
    """
    .git/
    .hg/
    .svn/
    node_modules/
    __pycache__/
    .venv/
    *~
    .*.sw?
    .#*
    #*#
    4913
    *___jb_tmp___
    *___jb_old___
    .goutputstream-*
    .DS_Store
    """.replace("    #*#", "    \\#*#").split()
)


class Root:
    """One of the `paths`: all at and below `path`, or what matches its glob there.

    With `is_file` the glob means files, whatever its last part is. `depth` is how many directories
    deep a file may be; None for any. `links` are those on the way to `path`, which has none itself.
    """

    __slots__ = ("_spec", "depth", "links", "path")

    def __init__(self, directory: str, pattern: str, *, is_file: bool = False) -> None:
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        if os.path.isabs(pattern):
            parts.insert(0, "/")
        wild = next(
            (i for i in range(len(parts)) if _is_wild(directory, parts[: i + 1])), len(parts)
        )
        named = os.path.join(directory, *parts[:wild])
        self.path = os.path.realpath(named)
        self.links = _links_on(named)
        rest = parts[wild:]
        self._spec = _spec_of(["/" + "/".join(rest)]) if rest else None
        # A glob means files; but one that ends in a plain name may mean directories: packages/*/src
        has_depth = bool(rest) and "**" not in rest and bool(is_file or _WILD.search(rest[-1]))
        self.depth = len(rest) - 1 if has_depth else None

    def selects(self, path: str) -> bool:
        """Whether it is about the file `path`, whatever is ignored."""
        if path == self.path:
            return self._spec is None
        if not is_below(path, self.path):
            return False
        relative = os.path.relpath(path, self.path)
        if self.depth is not None and relative.count("/") > self.depth:
            return False
        return self._spec is None or self._spec.match_file(relative)

    def reaches(self, directory: str) -> bool:
        """Whether there may be such files in `directory`, which is at or below `path`."""
        if self.depth is None or directory == self.path:
            return True
        return os.path.relpath(directory, self.path).count("/") < self.depth


class Selection:
    """The files at or below `paths`, which start from `directory`, less what is ignored.

    `ignore` has patterns like those of a .gitignore in `directory`; with `gitignore` those of the
    project count as well. What is named in `paths` itself is never ignored, only what is below it.
    With `only_files` none of `paths` means a directory. `own` are files, or globs of them, that count
    for nobody: who writes them is who watches.
    """

    def __init__(
        self,
        directory: str,
        paths: Sequence[str],
        ignore: Sequence[str] = (),
        *,
        gitignore: bool = True,
        only_files: bool = False,
        own: Sequence[str] = (),
    ) -> None:
        self.directory = os.path.realpath(directory)
        self._paths = paths
        self._only_files = only_files
        self._own = [Root(self.directory, path, is_file=True) for path in own]
        self._ignore = _spec_of(ignore)
        self._gitignore = gitignore
        self._specs: dict[tuple[str, str], GitIgnoreSpec | None] = {}  # by root and directory
        self._tops: dict[str, str] = {}
        self._ignored: dict[tuple[str, str], bool] = {}  # by root and directory
        self.follow_links()

    def follow_links(self) -> None:
        """Look where the links on the way to the roots lead now."""
        self.roots = [Root(self.directory, path, is_file=self._only_files) for path in self._paths]
        self.links = {link for root in self.roots for link in root.links}

    def missing(self) -> list[str]:
        """The paths that aren't there."""
        return [root.path for root in self.roots if not os.path.exists(root.path)]

    def includes(self, path: str) -> bool:
        """Whether a change of the file `path` counts; it may be gone already."""
        return any(
            root.selects(path) and not self._is_ignored(root, path, is_directory=False)
            for root in self.roots
        ) and not any(own.selects(path) for own in self._own)

    def covers(self, directory: str) -> bool:
        """Whether there may be such files in a directory, which isn't there any more."""
        return any(root.path == directory or is_below(directory, root.path) for root in self.roots)

    def directories(self, should_stop: Callable[[], bool]) -> set[str]:
        """All directories that have to be watched: nothing below them is seen by that."""
        found = {os.path.dirname(link) for link in self.links}
        found = {directory for directory in found if os.access(directory, os.R_OK)}
        for root in self.roots:
            above = _nearest_directory(os.path.dirname(root.path))
            if os.access(above, os.R_OK):
                found.add(above)
            if os.path.isdir(root.path):
                found.update(directory for directory, _ in self._walk(root, root.path, should_stop))
        return found

    def files(self, should_stop: Callable[[], bool], below: str | None = None) -> Iterator[str]:
        """The files that are there now, all or those below a directory."""
        for root in self.roots:
            start = root.path
            if below is not None and is_below(below, root.path):
                if self._is_ignored(root, below, is_directory=True):
                    continue
                start = below
            elif below is not None and below != root.path and not is_below(root.path, below):
                continue
            if os.path.isdir(start):
                for _, paths in self._walk(root, start, should_stop):
                    yield from (path for path in paths if self.includes(path))
            elif os.path.exists(start) and self.includes(start):
                yield start

    def forget_ignores(self) -> None:
        """Read each .gitignore anew."""
        self._specs.clear()
        self._ignored.clear()

    def _walk(
        self, root: Root, start: str, should_stop: Callable[[], bool]
    ) -> Iterator[tuple[str, list[str]]]:
        """Each directory at or below `start` that isn't ignored, with the paths of its files."""
        queue = [start]
        while queue and not should_stop():
            directory = queue.pop()
            files: list[str] = []
            try:
                with os.scandir(directory) as entries:
                    for entry in entries:
                        if not entry.is_dir(follow_symlinks=False):
                            files.append(entry.path)
                        elif root.reaches(entry.path) and not self._is_ignored(
                            root, entry.path, is_directory=True
                        ):
                            queue.append(entry.path)
            except OSError:
                continue  # gone meanwhile, or not ours to read
            yield directory, files

    def _is_ignored(self, root: Root, path: str, *, is_directory: bool) -> bool:
        """Whether `path`, or a directory on the way to it from the root, is ignored."""
        if path == root.path or not is_below(path, root.path):
            return False
        key = (root.path, path)
        if is_directory and key in self._ignored:
            return self._ignored[key]
        is_it = self._is_ignored(
            root, os.path.dirname(path), is_directory=True
        ) or self._is_ignored_itself(root, path, is_directory)
        if is_directory:
            self._ignored[key] = is_it
        return is_it

    def _is_ignored_itself(self, root: Root, path: str, is_directory: bool) -> bool:
        end = "/" if is_directory else ""
        if _NEVER.match_file(os.path.basename(path) + end):
            return True
        base = self.directory if is_below(path, self.directory) else root.path
        said = self._ignore.check_file(os.path.relpath(path, base) + end).include
        if said is None and self._gitignore:
            said = self._said_by_git(root, path, end)
        return bool(said)

    def _said_by_git(self, root: Root, path: str, end: str) -> bool | None:
        """What the .gitignore files say, the nearest one first; None if nothing."""
        directory = os.path.dirname(path)
        top = self._top(directory)
        while True:
            spec = self._spec(root, directory)
            if spec is not None:
                said = spec.check_file(os.path.relpath(path, directory) + end).include
                if said is not None:
                    return said
            if directory == top:
                return None
            directory = os.path.dirname(directory)

    def _spec(self, root: Root, directory: str) -> GitIgnoreSpec | None:
        """The .gitignore of a directory, but for what ignores the root or what that is in."""
        key = (root.path, directory)
        if key not in self._specs:
            try:
                path = os.path.join(directory, ".gitignore")
                with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
                    spec = _spec_of(file)
            except OSError:
                self._specs[key] = None
                return None
            if is_below(root.path, directory):
                named = os.path.relpath(root.path, directory) + "/"
                spec = GitIgnoreSpec(
                    pattern
                    for pattern in spec.patterns
                    if not pattern.include or pattern.match_file(named) is None
                )
            self._specs[key] = spec
        return self._specs[key]

    def _top(self, directory: str) -> str:
        """The directory above which no .gitignore is about `directory`: that of its repository."""
        if directory not in self._tops:
            parent = os.path.dirname(directory)
            if os.path.exists(os.path.join(directory, ".git")) or parent == directory:
                self._tops[directory] = directory
            else:
                self._tops[directory] = self._top(parent)
        return self._tops[directory]


def _spec_of(lines: Iterable[str]) -> GitIgnoreSpec:
    """The patterns in `lines`. One that is none (`!`, `[z-a]`) says nothing, as git has it."""
    return GitIgnoreSpec(pattern for line in lines for pattern in _patterns(line))


def _patterns(line: str) -> Sequence[Any]:
    """The pattern in `line`, if it is one."""
    try:
        return list(GitIgnoreSpec.from_lines([line]).patterns)
    except (ValueError, re.error):
        return ()


def _is_wild(directory: str, parts: Sequence[str]) -> bool:
    """Whether the last part is a glob. What is there by that very name (`[id]`) is meant itself."""
    if not _WILD.search(parts[-1]) or not _patterns(parts[-1]):
        return False
    return not os.path.lexists(os.path.join(directory, *parts))


def is_below(path: str, directory: str) -> bool:
    return path.startswith(directory if directory.endswith("/") else f"{directory}/")


def _links_on(path: str) -> list[str]:
    """The links that are followed on the way to what an absolute `path` leads to."""
    found: list[str] = []
    left = path.split("/")[::-1]
    here = "/"
    while left:
        part = left.pop()
        if part == "..":
            here = os.path.dirname(here)
        if part in ("", ".", ".."):
            continue
        there = os.path.join(here, part)
        try:
            target = os.readlink(there)
        except OSError:
            here = there
            continue
        if there in found:
            break  # they lead in a circle
        found.append(there)
        left += target.split("/")[::-1]
        if target.startswith("/"):
            here = "/"
    return found


def _nearest_directory(path: str) -> str:
    """`path`, or the nearest directory above it that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path
