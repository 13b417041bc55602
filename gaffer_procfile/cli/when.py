"""Times as people say them: `5m` ago, `13:27`, `2026-11-25T13:27:01+01:00`."""

from __future__ import annotations

import re

from ..errors import UsageError

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_AGO = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")

_FAR = 1e11  # seconds since the epoch

HINT = "5m, 1h30m, 13:27, 2026-01-31T13:27, @1767225600"


def parse_since(text: str, now: float) -> float:
    """Seconds since the epoch. A time without a zone is a local one; raises UsageError."""
    found = _AGO.fullmatch(text)
    if text and found is not None and len(text) < 20:
        amounts = zip(found.groups(default="0"), _UNITS.values())  # noqa: B905
        return now - sum(int(amount) * unit for amount, unit in amounts)
    from datetime import datetime, timedelta

    try:
        if text.startswith("@"):
            seconds = float(text[1:])
            if not abs(seconds) < _FAR:  # nor is it no number
                raise ValueError
            return seconds
        if _TIME_OF_DAY.fullmatch(text):
            today = datetime.fromtimestamp(now)
            hour, minute, *second = map(int, text.split(":"))
            when = today.replace(
                hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0
            )
            # A time that is still to come was yesterday's.
            return (when - timedelta(days=when.timestamp() > now)).timestamp()
        # Before 3.11 it doesn't know the Z.
        return datetime.fromisoformat(re.sub(r"[Zz]\Z", "+00:00", text)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"--since takes a time, not {text!r}", hint=HINT) from None
