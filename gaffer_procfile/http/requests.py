"""A request as the resources see it: its path in segments, its parameters, its body."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote_to_bytes

from .answers import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import h11

    from .listen import Listener

MOST_PARAMETERS = 100


class Request:
    """What a client asks for. Raises Problem where its target makes no sense."""

    def __init__(self, request: h11.Request, body: bytes, listener: Listener) -> None:
        self.method = request.method.decode("ascii")
        self.listener = listener
        self.body = body
        self.arguments: dict[str, str] = {}
        """What the names in the route's path stand for."""
        self._headers: dict[str, str] = {}
        for name, value in request.headers:
            self._headers[name.decode("ascii")] = value.decode("latin-1")
        self.target = request.target.decode("ascii")
        scheme, mark, rest = self.target.partition("://")
        if mark and scheme.lower() in ("http", "https"):
            # As to a proxy: then what it names is the host that is asked for (RFC 9112, 3.2.2).
            end = min(map(len, (rest.partition("/")[0], rest.partition("?")[0])))
            self._headers["host"] = rest[:end]
            self.target = rest[end:] if rest[end : end + 1] == "/" else f"/{rest[end:]}"
        path, _mark, self._query = self.target.partition("?")
        self.path = path

    def header(self, name: str) -> str | None:
        """The value of a header, by its name in lower case."""
        return self._headers.get(name)

    def segments(self) -> list[str]:
        """The decoded parts of the path. A slash that is encoded is part of a name."""
        if not self.path.startswith("/"):
            raise Problem(400, "the target isn't a path")
        try:
            return [unquote_to_bytes(part).decode() for part in self.path[1:].split("/")]
        except UnicodeDecodeError:
            raise Problem(400, "the path isn't UTF-8") from None

    def query(self) -> dict[str, list[str]]:
        """The parameters by name, each with its values in order."""
        found: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(
                self._query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
            )
        except UnicodeDecodeError:
            raise Problem(400, "the parameters aren't UTF-8") from None
        except ValueError:
            raise Problem(400, f"more than {MOST_PARAMETERS} parameters") from None
        for name, value in pairs:
            found.setdefault(name, []).append(value)
        return found

    def media_type(self) -> str:
        """The type of the body, without its parameters, in lower case."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body as JSON. Raises Problem where it isn't, or has text that no process could get."""
        if self.media_type() != "application/json":
            raise Problem(415, "the body isn't JSON", hint="Content-Type: application/json")
        try:
            text = self.body.decode()
            value = json.loads(text, parse_constant=_refuse_constant)
            # A NUL, or half of a surrogate pair, can't be in a command or an environment.
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Problem(400, "the body has text that isn't Unicode") from None
        except UnicodeDecodeError:
            raise Problem(400, "the body isn't UTF-8") from None
        except RecursionError:
            raise Problem(400, "the body is nested too deep") from None
        except ValueError as error:
            raise Problem(400, f"the body isn't JSON: {error}") from None
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
