"""The shop's front: takes orders over HTTP and says how they stand.

GET /             the greeting and the counts, as text
POST /orders      {"item": "tea"} -> 202 and {"id": 7, "item": "tea", "state": "queued"}
GET /orders/<id>  200 and the same, or 404
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import store
from lifecycle import exit_on_signals

GREETING = os.environ.get("SHOP_GREETING", "Welcome!")
MAX_BODY = 10_000  # bytes


class Front(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/":
            with closing(store.connect()) as db:
                counts = store.counts(db)
            lines = [GREETING, *(f"{state:8}{count:6}" for state, count in counts.items())]
            self.reply(200, "text/plain", "\n".join(lines) + "\n")
        elif match := re.fullmatch(r"/orders/([0-9]{1,18})", self.path):
            with closing(store.connect()) as db:
                order = store.find(db, int(match[1]))
            if order:
                self.reply_with_order(200, order)
            else:
                self.reply_with_error(404, f"there is no order {match[1]}")
        else:
            self.reply_with_error(404, "try /, or /orders/<id>")

    def do_POST(self) -> None:
        if self.path != "/orders":
            self.reply_with_error(404, "orders are placed at /orders")
            return
        try:
            item = self.read_item()
        except ValueError as error:
            self.reply_with_error(400, str(error))
            return
        with closing(store.connect()) as db:
            order = store.place(db, item)
        self.reply_with_order(202, order)

    def read_item(self) -> str:
        """The item that the request's body asks for; ValueError when it asks for none."""
        length = int(self.headers.get("Content-Length", 0))
        if not 0 < length <= MAX_BODY:
            raise ValueError(f"an order has between 1 and {MAX_BODY} bytes")
        match json.loads(self.rfile.read(length)):
            case {"item": str(item)} if item.strip():
                return item.strip()
        raise ValueError('an order looks like {"item": "tea"}')

    def reply_with_order(self, status: int, order: store.Order) -> None:
        content = {"id": order.id, "item": order.item, "state": order.state}
        self.reply(status, "application/json", json.dumps(content) + "\n")

    def reply_with_error(self, status: int, message: str) -> None:
        self.reply(status, "application/json", json.dumps({"error": message}) + "\n")

    def reply(self, status: int, media_type: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{media_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        refused = isinstance(code, int) and code >= 400
        stream = sys.stderr if refused else sys.stdout
        # repr, because a client may send anything, and a terminal obeys some of it.
        print(f"{self.requestline!r} {code}", file=stream, flush=True)


def main() -> None:
    exit_on_signals()
    store.connect().close()  # so that a database that can't be opened shows now
    port = int(os.environ.get("PORT", "8000"))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Front)
    except OSError as error:
        sys.exit(f"port {port}: {error.strerror}; another one: gaffer start -p {port + 1000}")
    with server:
        print(f"open at http://127.0.0.1:{port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
