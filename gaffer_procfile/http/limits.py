"""What a client may ask of the server, and for how long it may keep it."""

from __future__ import annotations


class Limits:
    """Bytes, numbers and seconds. One object per server; what is given replaces a default."""

    def __init__(
        self,
        *,
        connections: int = 512,
        header_bytes: int = 16 * 1024,
        body_bytes: int = 1024 * 1024,
        unsent_bytes: int = 1024 * 1024,
        header_seconds: float = 10.0,
        body_seconds: float = 30.0,
        idle_seconds: float = 60.0,
        stalled_seconds: float = 30.0,
        farewell_seconds: float = 2.0,
        heartbeat_seconds: float = 15.0,
    ) -> None:
        self.connections = connections
        self.header_bytes = header_bytes
        self.body_bytes = body_bytes
        self.unsent_bytes = unsent_bytes
        """Of a stream that can't be skipped: who leaves more than that is dropped."""
        self.header_seconds = header_seconds
        self.body_seconds = body_seconds
        self.idle_seconds = idle_seconds
        self.stalled_seconds = stalled_seconds
        """How long a client may take nothing of what there is for it."""
        self.farewell_seconds = farewell_seconds
        """How long a refused client's bytes are still taken, so that it gets to read why."""
        self.heartbeat_seconds = heartbeat_seconds
