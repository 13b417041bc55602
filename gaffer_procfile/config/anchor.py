"""Paths in settings start where the file is, also for a process that runs in another directory."""

from __future__ import annotations

import os

from .settings import Probe, ProcessSettings, Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def anchored(settings: ProcessSettings, directory: str) -> ProcessSettings:
    """The settings with paths that are right wherever the process runs, if it isn't `directory`."""
    changed: dict[str, Any] = {}
    if isinstance(settings.log, str):
        changed["log"] = os.path.join(directory, settings.log)
    if settings.cwd is not None:
        if settings.watch is not None:
            paths = tuple(os.path.join(directory, path) for path in settings.watch.paths)
            changed["watch"] = Watch(**{**settings.watch.said(), "paths": paths})
        for name in ("ready", "healthy"):
            probe: Probe | None = getattr(settings, name)
            if probe is not None and probe.kind == "file":
                target = os.path.join(directory, probe.target)
                changed[name] = Probe(**{**probe.said(), "target": target})
    return ProcessSettings(**{**settings.said(), **changed}) if changed else settings
