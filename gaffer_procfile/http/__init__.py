"""The control of a manager over HTTP, on the manager's own loop."""

from __future__ import annotations

from .handler import HttpHandler

__all__ = ["HttpHandler"]
