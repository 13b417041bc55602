"""gaffer-procfile: a Procfile-driven process runner on gaffer's Manager."""

from __future__ import annotations

__version__ = "0.1.0"
