"""The web site: a page with a button for each thing that the api has in stock."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs

from lifecycle import exit_on_signals

# gaffer tells each process where all others are.
API = f"http://127.0.0.1:{os.environ['GAFFER_PORT_API_SERVER']}"
NAME = os.environ.get("SHOP_NAME", "shop")
PAGE = Path(__file__).parent / "templates" / "page.html"
PATIENCE = 5.0  # seconds for the api

page = Template(PAGE.read_text(encoding="utf-8"))


def ask_api(path: str, order: dict[str, str] | None = None) -> Any:
    body = None if order is None else json.dumps(order).encode()
    with urllib.request.urlopen(API + path, body, timeout=PATIENCE) as answer:
        return json.load(answer)


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.serve(lambda: ask_api("/stock"), self.show_stock)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        order = {"item": form.get("item", [""])[0]}
        self.serve(lambda: ask_api("/orders", order), lambda placed: json.dumps(placed) + "\n")

    def show_stock(self, stock: dict[str, int]) -> str:
        buttons = [
            f'<button name="item" value="{escape(item)}">{escape(item)} ({count})</button>'
            for item, count in stock.items()
        ]
        return page.substitute(name=escape(NAME), items="".join(buttons))

    def serve(self, ask: Callable[[], Any], show: Callable[[Any], str]) -> None:
        try:
            status, text = 200, show(ask())
        except HTTPError as error:
            status, text = error.code, error.read().decode()
        except OSError as error:
            status, text = 502, f"the api doesn't answer: {error}\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        print(f"{self.requestline!r} {code}", flush=True)


def reload_page(*_signal: object) -> None:
    global page
    page = Template(PAGE.read_text(encoding="utf-8"))
    print("the page is read anew", flush=True)


def main() -> None:
    exit_on_signals()
    signal.signal(signal.SIGHUP, reload_page)
    port = int(os.environ["PORT"])
    with ThreadingHTTPServer(("127.0.0.1", port), Site) as server:
        print(f"open at http://127.0.0.1:{port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
