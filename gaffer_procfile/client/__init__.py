"""A client of the HTTP API of a run on this machine: small, as the start of a verb is counted."""

from __future__ import annotations

from .connection import TIMEOUT, Connection
from .errors import Gone, NoAnswer, Refused
from .following import Follower, Stream
from .messages import Message, Messages
from .response import BadResponse, Response

__all__ = [
    "TIMEOUT",
    "BadResponse",
    "Connection",
    "Follower",
    "Gone",
    "Message",
    "Messages",
    "NoAnswer",
    "Refused",
    "Response",
    "Stream",
]
