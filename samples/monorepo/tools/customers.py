"""Orders something from the web site every second: a shop to look at."""

from __future__ import annotations

import os
import random
import time
import urllib.request

from lifecycle import exit_on_signals

SITE = f"http://127.0.0.1:{os.environ['GAFFER_PORT_WEB_SERVER']}/"


def main() -> None:
    exit_on_signals()
    while True:
        item = random.choice(("tea", "milk", "bread"))
        with urllib.request.urlopen(SITE, f"item={item}".encode(), timeout=5.0) as answer:
            answer.read()
        time.sleep(1)


if __name__ == "__main__":
    main()
