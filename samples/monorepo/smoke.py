"""An order from the web site to the packer: `gaffer test -- python3 smoke.py`."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request

SITE = f"http://127.0.0.1:{os.environ['GAFFER_PORT_WEB_SERVER']}/"
API = f"http://127.0.0.1:{os.environ['GAFFER_PORT_API_SERVER']}"
PATIENCE = 10.0  # seconds


def get(url: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(url, body, timeout=PATIENCE) as answer:
        return answer.read().decode()


def main() -> None:
    assert "tea (" in get(SITE), "there is no tea"
    order = json.loads(get(SITE, b"item=tea"))
    end = time.monotonic() + PATIENCE
    while json.loads(get(f"{API}/orders/{order['id']}"))["state"] != "done":
        if time.monotonic() > end:
            sys.exit(f"order {order['id']} isn't packed after {PATIENCE:g} s")
        time.sleep(0.05)
    print(f"order {order['id']} was placed and packed")


if __name__ == "__main__":
    main()
