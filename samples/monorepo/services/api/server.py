"""The api: what there is and what was ordered, as JSON.

GET /live        200
GET /ready       200 while the db answers, else 503
GET /stock       {"tea": 20, …}
POST /orders     {"item": "tea"} -> 202 and {"id": 7, "item": "tea", "state": "queued"}
GET /orders/<id> the same
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kv import Db, DbError
from lifecycle import exit_on_signals

ITEMS = ("tea", "milk", "bread")
SCHEMA = 2  # what migrate.py makes

Answer = tuple[int, dict[str, object]]  # status and content


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/live":  # no db: to be restarted doesn't help if that is away
            self.reply(200, {"live": True})
        else:
            self.serve(self.read)

    def do_POST(self) -> None:
        self.serve(self.place)

    def serve(self, what: Callable[[Db], Answer]) -> None:
        try:
            with Db() as db:
                self.reply(*what(db))
        except DbError as error:
            self.reply(503, {"error": str(error)})

    def reply(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read(self, db: Db) -> Answer:
        match self.path.strip("/").split("/"):
            case ["ready"]:
                return 200, {"db": db.ask("PING")}
            case ["stock"]:
                return 200, {item: int(db.ask("GET", f"stock:{item}") or 0) for item in ITEMS}
            case ["orders", id] if state := db.ask("GET", f"order:{id}:state"):
                return 200, {"id": int(id), "item": db.ask("GET", f"order:{id}"), "state": state}
        return 404, {"error": f"there is no {self.path}"}

    def place(self, db: Db) -> Answer:
        try:
            item = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["item"]
        except (KeyError, TypeError, ValueError):
            item = None
        if self.path != "/orders" or item not in ITEMS:
            return 400, {"error": f"an order is one of {', '.join(ITEMS)}, sent to /orders"}
        id = int(db.ask("ADD", "orders", "1") or 0)
        db.ask("SET", f"order:{id}", item)
        db.ask("SET", f"order:{id}:state", "queued")
        db.ask("PUSH", "queue", str(id))
        print(f"order {id}: {item}", flush=True)
        return 202, {"id": id, "item": item, "state": "queued"}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Orders are told; who looks around isn't."""


def main() -> None:
    exit_on_signals()
    try:
        with Db() as db:
            schema = int(db.ask("GET", "schema") or "0")
    except DbError as error:
        sys.exit(str(error))
    if schema != SCHEMA:
        sys.exit(f"the db has schema {schema}, not {SCHEMA}: has migrate.py run?")
    with ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Api) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
