"""The thread that waits for files to change, by watchfiles."""

from __future__ import annotations

import os
from threading import Event, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ..loop import Loop
    from .selection import Selection

    MakeSelection = Callable[[], Selection]
    Changes = dict[object, list[str]]
    Files = dict[str, tuple[int, int, int]]

STEP = 50  # milliseconds between two looks whether anything was heard
ROUND = 100  # milliseconds that one round of a storm takes
POLL_INTERVAL = 1.0  # seconds
ADDED, MODIFIED = 1, 2  # as watchfiles numbers them


class WatchThread:
    """Tells in the loop's thread which files have changed, and of which selection.

    `on_changes({key: [path, …]}, over)` for changes, round by round while they go on; `over` has the
    keys of those that have ceased. `on_begun({key: [path, …]})` once, with the paths that aren't
    there; `on_trouble(text)` when the system can't tell of all changes and files are looked at every
    second instead, or when the thread can't go on.
    """

    def __init__(
        self,
        loop: Loop,
        selections: Mapping[object, MakeSelection],
        *,
        on_begun: Callable[[Changes], object],
        on_changes: Callable[[Changes, set[object]], object],
        on_trouble: Callable[[str], object],
    ) -> None:
        self._loop = loop
        self._makers = selections
        self._on_begun = on_begun
        self._on_changes = on_changes
        self._on_trouble = on_trouble
        self._stop = Event()
        self._thread = Thread(target=self._run, name="gaffer-watch", daemon=True)
        # From here on the thread's own:
        self._selections: dict[object, Selection] = {}
        self._directories: set[str] = set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread: at once, but for a step. Nothing is told after that."""
        self._stop.set()
        self._thread.join()

    # ---- in the thread

    def _tell(self, function: Callable[..., object], *args: object) -> None:
        if not self._stop.is_set():
            self._loop.call_soon_threadsafe(function, *args)

    def _run(self) -> None:
        try:
            self._selections = {key: make() for key, make in self._makers.items()}
            missing = {key: chosen.missing() for key, chosen in self._selections.items()}
            notify = self._watch_all(None)
            files = self._look() if notify is None else {}
            self._tell(self._on_begun, missing)
            active: set[object] = set()
            while notify is not None and not self._stop.is_set():
                changes: Changes = {}
                notify = self._wait(notify, 2 * STEP if active else 0, changes)
                if changes or active:
                    self._tell(self._on_changes, changes, active - changes.keys())
                active = set(changes)
                if notify is None:
                    self._tell(self._on_changes, {}, active)
                    files = self._look()
            while not self._stop.wait(POLL_INTERVAL):
                files = self._compare(files)
        except Exception as error:
            import logging

            logging.getLogger(__name__).exception("watching files has failed")
            self._tell(self._on_trouble, f"files are watched no more: {error!r}")

    def _watch_all(self, old: Any) -> Any:
        """What watches all directories that there are to be watched now; None where that can't be."""
        rust = _load()
        while not self._stop.is_set():
            wanted = self._wanted()
            if old is not None and wanted == self._directories:
                break
            try:
                old = rust.RustNotify(sorted(wanted), False, False, 0, False, False)
            except (FileNotFoundError, PermissionError):
                continue  # a directory that has gone meanwhile: look again
            except UnicodeEncodeError as error:
                self._tell_of_polling(f"{error.object!r} isn't UTF-8")
                return None
            except (OSError, rust.WatchfilesRustInternalError) as error:
                reason = str(error).partition(" about [")[0].rstrip(".")
                self._tell_of_polling(
                    f"{reason}; see fs.inotify.max_user_watches and max_user_instances"
                )
                return None
            self._directories = wanted
        return old

    def _tell_of_polling(self, reason: str) -> None:
        text = f"the system watches no more files ({reason}): looking at them every second instead"
        self._tell(self._on_trouble, text)

    def _wanted(self) -> set[str]:
        wanted: set[str] = set()
        for chosen in self._selections.values():
            wanted |= chosen.directories(self._stop.is_set)
        return wanted

    def _wait(self, notify: Any, timeout: int, changes: Changes) -> Any:
        """Wait for `changes`, with a timeout (milliseconds) if not 0; what to wait with from then on."""
        changed: dict[object, dict[str, None]] = {}
        try:
            notify = self._hear(notify, timeout, changed)
        except _load().WatchfilesRustInternalError as error:
            self._tell_of_polling(str(error))  # a name isn't UTF-8: it can't say which has changed
            notify = None
        changes.update({key: list(paths) for key, paths in changed.items()})
        return notify

    def _hear(self, notify: Any, timeout: int, changed: dict[object, dict[str, None]]) -> Any:
        """`_wait`, noting what has `changed` as it is heard."""
        found = notify.watch(ROUND, STEP, timeout, self._stop)
        # As long as there are new directories there may be files in them that nothing has told of.
        while isinstance(found, set):
            arrived: set[str] = set()
            if not self._sort(found, changed, arrived):
                break
            before = self._directories
            following = self._watch_all(notify)
            for directory in sorted(self._directories - before):
                if _is_among(directory, arrived):  # else it was there, and is ignored no more
                    self._add_files(directory, changed)
            # What the old one has still heard, and the new one has heard already.
            found = _take(notify, self._stop)
            if following is not None and following is not notify:
                found |= _take(following, self._stop)
            notify = following
            if notify is None:
                break
        return notify

    def _sort(
        self,
        found: Iterable[tuple[int, str]],
        changed: dict[object, dict[str, None]],
        arrived: set[str],
    ) -> bool:
        """Note which changes count, and which directories have `arrived`.

        Whether there may be other directories to be watched now.
        """
        is_moved = False
        for change, path in sorted(found, key=lambda item: item[1]):
            for key, chosen in self._selections.items():
                if path in chosen.links:
                    chosen.follow_links()
                    changed.setdefault(key, {})[path] = None
                    is_moved = True
            if os.path.basename(path) == ".gitignore":
                is_moved = True
                for chosen in self._selections.values():
                    chosen.forget_ignores()
            was_directory = path in self._directories
            if was_directory and change != MODIFIED:
                # Another one may be there by now, which is not watched.
                self._directories = {
                    known for known in self._directories if not _is_among(known, (path,))
                }
                is_moved = True
            if os.path.isdir(path) and not os.path.islink(path):
                # What has changed about a directory is told by what is in it.
                if change == ADDED or not was_directory:
                    arrived.add(path)
                    is_moved = True
                continue
            for key, chosen in self._selections.items():
                if chosen.covers(path) if was_directory else chosen.includes(path):
                    changed.setdefault(key, {})[path] = None
        return is_moved

    def _add_files(self, directory: str, changed: dict[object, dict[str, None]]) -> None:
        for key, chosen in self._selections.items():
            for path in chosen.files(self._stop.is_set, directory):
                changed.setdefault(key, {})[path] = None

    # ---- where the system doesn't tell

    def _look(self) -> dict[object, Files]:
        """All files as they are now."""
        for chosen in self._selections.values():
            chosen.follow_links()
            chosen.forget_ignores()
        looks: dict[object, Files] = {}
        for key, chosen in self._selections.items():
            files: Files = {}
            looks[key] = files
            for path in chosen.files(self._stop.is_set):
                try:
                    found = os.stat(path)
                except OSError:
                    continue  # gone meanwhile
                files[path] = (found.st_mtime_ns, found.st_size, found.st_ino)
        return looks

    def _compare(self, before: dict[object, Files]) -> dict[object, Files]:
        now = self._look()
        changes: Changes = {}
        for key, files in now.items():
            known = before[key]
            paths = {path for path, _ in files.items() ^ known.items()}
            if paths:
                changes[key] = sorted(paths)
        if changes:
            self._tell(self._on_changes, changes, set(changes))
        return now


def _is_among(path: str, directories: Iterable[str]) -> bool:
    """Whether a path is one of these, or below one of them."""
    return any(path == each or path.startswith(f"{each}/") for each in directories)


def _take(notify: Any, stop: Event) -> set[tuple[int, str]]:
    """What it has heard by now."""
    found = notify.watch(ROUND, STEP, STEP, stop)
    return found if isinstance(found, set) else set()


def _load() -> Any:
    """watchfiles without its Python part, which brings asyncio's friends along: 4 ms, not 100."""
    import sys
    from importlib import import_module
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    name = "watchfiles._rust_notify"
    if name in sys.modules:
        return sys.modules[name]
    package = PathFinder.find_spec("watchfiles")
    places = package.submodule_search_locations if package is not None else None
    spec = PathFinder.find_spec(name, list(places or ()))
    if spec is None or spec.loader is None:
        return import_module(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    # An extension may be loaded once: whoever else imports watchfiles gets this one.
    sys.modules[name] = module
    return module
