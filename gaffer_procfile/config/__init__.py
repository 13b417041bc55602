"""gaffer.yaml: what may stand in it (`settings`), and how it is read (`reading`).

Imported where there is one: what is here isn't needed for a plain Procfile.
"""

from __future__ import annotations

from .problems import ConfigError
from .reading import find, read
from .settings import (
    Config,
    Dependency,
    GroupSettings,
    Probe,
    ProcessSettings,
    Watch,
    over,
)

__all__ = [
    "Config",
    "ConfigError",
    "Dependency",
    "GroupSettings",
    "Probe",
    "ProcessSettings",
    "Watch",
    "find",
    "over",
    "read",
]
