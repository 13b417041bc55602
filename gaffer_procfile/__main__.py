"""`python -m gaffer_procfile` is `gaffer`."""

from __future__ import annotations

import sys

from .interrupts import end_at_once


def main() -> int:
    """`gaffer`, as a program of its own; the exit status."""
    end_at_once()  # before all else is loaded
    from .cli import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
